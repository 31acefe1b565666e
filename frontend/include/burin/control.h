// cond and while_loop: control flow that a tensor decides. Called eagerly they run ordinary host control flow; while
// tracing each lambda runs once and its ops become a region. The recorder finds what a region reads and assigns.
#pragma once
#include <burin/tree.h>

#include <memory>
#include <optional>

namespace burin {

/// Types that may decide: their truth may be unknown while tracing.
template <class T>
inline constexpr bool is_condition =
    std::is_base_of_v<Tensor, std::remove_cvref_t<T>> || std::is_same_v<Variable, std::remove_cvref_t<T>>;

/// Names for tensors that errors shall use: `while_loop(vars("x", x, "n", n), test, body)`.
class vars {
 public:
  template <class... Rest> explicit vars(const char* name, Tensor& t, Rest&... rest) {
    list_.emplace_back(name, &t);
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

/// One cond: opens and closes its two regions, and merges what they assign and return.
class BURIN_API Branches {
 public:
  Branches(const Arg& condition);
  ~Branches();
  Branches(const Branches&) = delete;
  Branches& operator=(const Branches&) = delete;
  bool traced() const { return traced_; }
  bool value() const { return value_; }
  void open();
  /// What the open branch returns.
  void yield(const Leaves&);
  void close();
  /// Merges; the tensors of `results`, made untracked, get what cond returns.
  void finish(const Leaves& results);

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool traced_ = false, value_ = false;
};

/// How often a loop runs at most, where that is known: what a reverse-mode derivative needs to keep values of each trip.
struct LoopBound {
  std::optional<Dim> trips{};
  bool certain = false;  ///< the test fails by then of itself
};

/// One loop: `while (l.begin_test() && l.end_test(test())) { body(); l.end_trip(); }`.
class BURIN_API Loop {
 public:
  explicit Loop(const std::source_location&, LoopBound = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  bool begin_test();
  bool end_test(const Arg& again);
  void end_trip();

 private:
  void finish();
  struct State;
  std::unique_ptr<State> state_;
};

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
    if (b.traced() || b.value()) {
      b.open();
      then();
      b.close();
    }
    if (b.traced() || !b.value()) {
      b.open();
      otherwise();
      b.close();
    }
    b.finish({});
  } else {
    detail::Branches b(Arg(condition, where));
    detail::Prototype<R> result;
    auto record = [&](auto& branch) {
      b.open();
      {
        R r = branch();
        b.yield(detail::leaves_of(r));
        if (!result.value) result.set(r);
      }
      b.close();
    };
    if (b.traced() || b.value()) record(then);
    if (b.traced() || !b.value()) record(otherwise);
    auto leaves = detail::leaves_of(*result.value);
    b.finish(leaves);
    detail::adopt(leaves);
    result.adopted = true;
    return R(std::move(*result.value));
  }
}
/// The same without an else branch.
template <class C, class Then>
void cond(const C& condition, Then&& then, std::source_location where = std::source_location::current()) {
  cond(condition, then, [] {}, where);
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
    while (test()) body();
  } else {
    detail::Loop loop(where, {options.max_trips});
    while (loop.begin_test() && loop.end_test(Arg(test(), where))) {
      body();
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
  if constexpr (!is_condition<decltype(test(std::as_const(state)))>) {
    while (test(std::as_const(state))) state = body(std::as_const(state));
    return state;
  } else {
    auto leaves = detail::leaves_of(state, "state");
    detail::Named named(leaves);
    while_loop([&] { return test(std::as_const(state)); },
               [&] {
                 S next = body(std::as_const(state));
                 auto from = detail::leaves_of(next);
                 detail::check_same_structure(leaves, from, "while_loop");
                 for (std::size_t i = 0; i < leaves.tensors.size(); ++i) *leaves.tensors[i] = *from.tensors[i];
               },
               options, where);
    return state;
  }
}

}  // namespace burin
