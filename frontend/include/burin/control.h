// cond and while_loop: control flow that a tensor decides. Called eagerly they run ordinary host control flow; while
// tracing each lambda runs once and its ops become a region. The recorder finds what a region reads and assigns.
#pragma once
#include <burin/tree.h>

#include <memory>
#include <optional>

namespace burin {

/// A condition that may be known while tracing: see autograph.h.
struct Known;
/// Types that may decide: their truth may be unknown while tracing.
template <class T>
inline constexpr bool is_condition =
    std::is_base_of_v<Tensor, std::remove_cvref_t<T>> || std::is_same_v<Variable, std::remove_cvref_t<T>> ||
    std::is_same_v<Known, std::remove_cvref_t<T>>;

/// Names for tensors that errors shall use: `while_loop(vars("x", x, "n", n), test, body)`. Those of a tree are named by path.
class vars {
 public:
  vars() = default;
  template <class T, class... Rest> explicit vars(const char* name, T& tree, Rest&... rest) {
    if constexpr (std::is_base_of_v<Tensor, T>) {
      list_.emplace_back(name, &tree);
    } else {
      auto leaves = detail::leaves_of(tree, name);
      for (std::size_t i = 0; i < leaves.tensors.size(); ++i) list_.emplace_back(leaves.paths[i], leaves.tensors[i]);
    }
    if constexpr (sizeof...(rest) > 0) *this += vars(rest...);
  }
  const std::vector<std::pair<std::string, const Tensor*>>& list() const { return list_; }

 private:
  vars& operator+=(vars&& o) {
    for (auto& x : o.list_) list_.push_back(std::move(x));
    return *this;
  }
  std::vector<std::pair<std::string, const Tensor*>> list_;
};

/// Options of `while_loop`.
struct LoopOptions {
  /// How often the body may run; once more is an error (a fault in compiled code). Reverse-mode derivatives keep values of
  /// each trip and need it, unless the body's derivative reads none.
  std::optional<Dim> max_trips{};
};

namespace detail {

/// Gives handles names for errors while it lives.
class BURIN_API Named {
 public:
  explicit Named(const vars& v);
  explicit Named(const Leaves& l);
  ~Named();
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;

 private:
  std::vector<const Tensor*> handles_;
};

/// Thrown where `break_if` or `continue_if` is certain to leave: by the innermost branch while tracing, else by the loop.
struct BURIN_API Left {};
enum class Exit : std::uint8_t { break_, continue_ };
/// The op that a cond may be where its branches have no effects: its condition and the then side, the else side, or both.
enum class Plain : std::uint8_t { none, logical_and, logical_or, where };

/// One cond: opens and closes its two regions, and merges what they assign and return.
class BURIN_API Branches {
 public:
  explicit Branches(const Arg& condition);
  ~Branches();
  Branches(const Branches&) = delete;
  Branches& operator=(const Branches&) = delete;
  bool traced() const { return traced_; }
  bool value() const { return value_; }
  void allow(Plain);
  void open();
  /// Runs the open branch as far as it goes.
  template <class F> void run(F&& branch) {
    try {
      branch();
    } catch (const Left&) { left(); }
  }
  /// What the open branch returns.
  void yield(const Leaves&);
  void close();
  /// Merges; the tensors of `results`, made untracked, get what cond returns.
  void finish(const Leaves& results);
  /// Call last: what follows does not run where a branch left the loop's body. May throw Left.
  void resume();
  /// The open branch lasts beyond this object's scope; whoever keeps its frame closes it.
  void keep_open();

 private:
  void left();
  struct State;
  std::unique_ptr<State> state_;
  bool traced_ = false, value_ = false;
};

/// Where the `break_if` and `continue_if` of one loop's body lead. Lives around the loop.
class BURIN_API Exits {
 public:
  /// Of a loop that the host decides: unrolled while tracing.
  explicit Exits(const std::source_location&);
  ~Exits();
  Exits(const Exits&) = delete;
  Exits& operator=(const Exits&) = delete;
  /// Whether the loop has certainly been left.
  bool broken() const;
  /// One trip.
  template <class F> void run(F&& body) {
    begin();
    try {
      body();
    } catch (const Left&) {}  // the rest of the trip does not run
    end();
  }
  struct State;

 private:
  friend class Loop;
  Exits(const std::source_location&, bool unrolled);
  void begin();
  void end();
  std::unique_ptr<State> state_;
};
/// What `break_if` and `continue_if` do.
BURIN_API void leave_if(Exit, bool condition, const std::source_location&);
BURIN_API void leave_if(Exit, const Arg& condition, const std::source_location&);

/// How often a loop runs at most, where that is known: what a reverse-mode derivative needs to keep values of each trip.
struct LoopBound {
  std::optional<Dim> trips{};
  bool certain = false;            ///< the test fails by then of itself
  const char* who = "while_loop";  ///< what the user called, for errors
};

/// One loop: `while (l.begin_test() && l.end_test(test())) { l.run(body); l.end_trip(); }`.
class BURIN_API Loop {
 public:
  explicit Loop(const std::source_location&, LoopBound = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  bool begin_test();
  bool end_test(const Arg& again);
  /// The body of a trip, as far as it goes.
  template <class F> void run(F&& body) { exits_.run(body); }
  /// Between run() and end_trip(): whether break_if has certainly left; and what tells it while tracing, if anything may.
  bool broken() const { return exits_.broken(); }
  std::optional<Tensor> may_have_left() const;
  /// The body runs at least once: what it assigns is defined.
  void runs_once();
  void end_trip();

 private:
  void finish();
  struct State;
  Exits exits_;
  std::unique_ptr<State> state_;
};

/// A cond whose branches return trees.
template <class R, class Then, class Else>
R branches(const Arg& condition, Then&& then, Else&& otherwise, Plain plain = Plain::none) {
  Branches b(condition);
  b.allow(plain);
  Prototype<R> result;
  auto record = [&](auto& branch) {
    b.open();
    b.run([&] {
      R r = branch();
      b.yield(leaves_of(r, b.traced() ? "result" : ""));
      if (!result.value) result.set(r);
    });
    b.close();
  };
  if (b.traced() || b.value()) record(then);
  if (b.traced() || !b.value()) record(otherwise);
  if (!result.value) {  // both leave the loop around
    b.finish({});
    b.resume();
    throw Left{};
  }
  auto leaves = leaves_of(*result.value);
  b.finish(leaves);
  adopt(leaves);
  result.adopted = true;
  R merged(std::move(*result.value));
  b.resume();
  return merged;
}

}  // namespace detail

/// Runs `then` or `otherwise`, as the bool[] tensor `condition` says. Both are called without arguments; either both return
/// nothing and assign tensors declared outside, or both return a tree of the same structure and types, which is the result.
/// While tracing both are recorded, once each. A host bool is an ordinary `if`.
/// Throws InvalidArgument where the condition is not bool[], where the branches disagree in types; TraceError where a tensor
/// made in a branch outlives it other than by assignment or return.
/// Example: `Tensor y = cond(x < 0, [&] { return -x; }, [&] { return x; });`
template <class C, class Then, class Else>
auto cond(const C& condition, Then&& then, Else&& otherwise,
          std::source_location where = std::source_location::current()) {
  using R = std::remove_cvref_t<decltype(then())>;
  static_assert(std::is_same_v<R, std::remove_cvref_t<decltype(otherwise())>>,
                "cond: both branches must return the same type");
  if constexpr (!is_condition<C>) {
    if (condition) return then();
    return otherwise();
  } else if constexpr (std::is_void_v<R>) {
    detail::Branches b(Arg(condition, where));
    auto record = [&](auto& branch) {
      b.open();
      b.run(branch);
      b.close();
    };
    if (b.traced() || b.value()) record(then);
    if (b.traced() || !b.value()) record(otherwise);
    b.finish({});
    b.resume();
  } else {
    return detail::branches<R>(Arg(condition, where), then, otherwise);
  }
}
/// The same without an else branch.
template <class C, class Then>
void cond(const C& condition, Then&& then, std::source_location where = std::source_location::current()) {
  cond(condition, then, [] {}, where);
}

/// In the body of a loop (`while_loop`, `for_loop`, `scan`, `map`, and the branches of a `cond` in it): leaves the innermost loop
/// where `condition` (bool[]) is true. The rest of the trip does not run, the test is not asked again; tensors keep what they
/// hold here. Where the body returns the next state, the state is that of before the trip; a scan's rows from here on are 0.
/// The same source works eagerly and while tracing: the rest of the body becomes a branch then. A host bool is tested now.
/// It leaves by an exception that the loop catches where the condition is known: bodies must not be noexcept, nor catch (...).
/// Throws InvalidArgument where the condition is not bool[]; TraceError [outside-loop] outside of a loop's body, and
/// [exit-through] from a function that is differentiated, vmapped or compiled in it.
/// Example: `for_loop(n, [&](const Tensor& i) { x = x - f(x) / df(x); break_if(abs(f(x)) < 1e-6f); });`
template <class C> void break_if(const C& condition, std::source_location where = std::source_location::current()) {
  if constexpr (is_condition<C>) detail::leave_if(detail::Exit::break_, Arg(condition, where), where);
  else detail::leave_if(detail::Exit::break_, static_cast<bool>(condition), where);
}
/// The same for this trip only: the next one follows, if the test says so. A scan's row of this trip is 0, its carry as before.
template <class C> void continue_if(const C& condition, std::source_location where = std::source_location::current()) {
  if constexpr (is_condition<C>) detail::leave_if(detail::Exit::continue_, Arg(condition, where), where);
  else detail::leave_if(detail::Exit::continue_, static_cast<bool>(condition), where);
}

/// Runs `body` for as long as `test` returns true (bool[]). Both are called without arguments and share tensors declared
/// outside: what the body assigns is carried from trip to trip and keeps its dtype and shape. The test assigns nothing.
/// While tracing each is recorded once. A test that returns a host bool is an ordinary `while`.
/// Throws InvalidArgument where a carried type changes; TraceError as `cond` does; DeviceError [trip-count] where the body
/// would run more often than `max_trips`.
/// Example: `while_loop([&] { return n > 1; }, [&] { n = n / 2; steps += 1; }, {.max_trips = 64});`
template <class Test, class Body>
void while_loop(Test&& test, Body&& body, LoopOptions options = {},
                std::source_location where = std::source_location::current()) {
  if constexpr (!is_condition<decltype(test())>) {
    detail::Exits exits(where);
    while (!exits.broken() && test()) exits.run(body);
  } else {
    detail::Loop loop(where, {options.max_trips});
    while (loop.begin_test() && loop.end_test(Arg(test(), where))) {
      loop.run(body);
      loop.end_trip();
    }
  }
}
/// The same with names for the tensors that it carries, for errors.
template <class Test, class Body>
void while_loop(const vars& names, Test&& test, Body&& body, LoopOptions options = {},
                std::source_location where = std::source_location::current()) {
  detail::Named named(names);
  while_loop(test, body, options, where);
}
/// The same with the state passed on: `test(state)` decides, `body(state)` returns the next state, a tree of the same structure;
/// the result is the last state. A number given for `init` is a 0-d tensor.
/// Example: `Tensor y = while_loop(x, [](const Tensor& y) { return y < 100; }, [](const Tensor& y) { return y * 2; });`
template <class Init, class Test, class Body> requires(!std::is_same_v<Init, vars> && !std::is_invocable_v<Init> &&
                                                       !std::is_same_v<std::remove_cvref_t<Body>, LoopOptions>)
auto while_loop(const Init& init, Test&& test, Body&& body, LoopOptions options = {},
                std::source_location where = std::source_location::current()) {
  using S = detail::Valued<Init>;
  S state = init;
  static_assert(std::is_convertible_v<decltype(body(std::as_const(state))), S>,
                "while_loop: body(state) returns the next state, of the type of the first");
  if constexpr (!is_condition<decltype(test(std::as_const(state)))>) {
    while_loop([&] { return test(std::as_const(state)); }, [&] { state = body(std::as_const(state)); }, options, where);
    return state;
  } else {
    auto leaves = detail::leaves_of(state, "state");
    detail::Named named(leaves);
    while_loop([&] { return test(std::as_const(state)); },
               [&] {
                 S next = body(std::as_const(state));
                 auto from = detail::leaves_of(next);
                 detail::check_same_structure(leaves, from, "while_loop", where);
                 for (std::size_t i = 0; i < leaves.tensors.size(); ++i) *leaves.tensors[i] = *from.tensors[i];
               },
               options, where);
    return state;
  }
}

}  // namespace burin
