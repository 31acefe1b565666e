// for_loop, scan, map, switch_case: counted loops over tensors, with stacked results where asked, and choice by number.
// All are made of while_loop and cond (control.h): eager calls run on the host, recorded ones become regions. Their bounds
// are known, so gradients pass through them.
#pragma once
#include <burin/composites.h>
#include <burin/control.h>
#include <burin/ops.h>

#include <tuple>
#include <utility>

namespace burin {

/// Options of `scan` and `map`.
struct ScanOptions {
  bool reverse = false;         ///< from the last position to the first; results still stand at their positions
  std::optional<Dim> length{};  ///< how many trips, where `xs` has no tensors
  /// Positions that one trip of a compiled loop takes: larger code, and less to do between them. `f` is recorded as often, and
  /// once more where the length may leave a rest. Not with break_if or continue_if.
  std::int64_t unroll = 1;
};

namespace detail {

/// What the trips of a loop return, stacked along a new first axis. Lives around the loop.
class BURIN_API Stacks {
 public:
  Stacks(Dim trips, const std::source_location&);
  ~Stacks();
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  /// Within the body: this trip's tensors, for position `at` (i64[]). A trip without has zeros.
  void put(const Leaves& slices, const Tensor& at);
  void end_trip();
  /// After the loop: the stacks, into handles made untracked.
  void take(const Leaves& into, bool reversed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// x at one position of its first axis.
BURIN_API Tensor slice_at(const Tensor& x, const Tensor& at, const std::source_location&);

/// Positions that a trip takes: eagerly one. Throws InvalidArgument where `unroll` is below 1.
BURIN_API std::int64_t positions_a_trip(std::int64_t unroll, const std::source_location&);
/// Throws UnsupportedError where the body may leave a trip that takes several positions.
BURIN_API void refuse_exits(const Loop&, const std::source_location&);
/// The size that the leaves' first axes share, or the length given.
BURIN_API Dim scan_length(const Leaves& xs, std::optional<Dim> length, const std::source_location&);

template <class T> inline constexpr bool is_pair = false;
template <class A, class B> inline constexpr bool is_pair<std::pair<A, B>> = true;

/// How often a counted loop runs: a count below 0 is none, as for a tensor.
template <class N> Dim host_count(const N& n) {
  static_assert(std::is_integral_v<N> || std::is_same_v<N, Dim>,
                "for_loop, range: the count is an integer, a Dim or a 0-d integer tensor");
  return max(Dim(n), 0);
}
template <class N> LoopBound bound_of(const N& n, const LoopOptions& options) {
  if constexpr (is_condition<N>) return {options.max_trips, false, "for_loop"};
  else return {host_count(n), true, "for_loop"};
}
/// The count as an i64[] tensor. Throws InvalidArgument [trips] where it is no 0-d integer tensor.
BURIN_API Tensor check_count(const Arg& n, const std::source_location& where);
template <class N> Tensor trip_limit(const N& n, const std::source_location& where) {
  if constexpr (is_condition<N>) return check_count(Arg(n, where), where);
  else return size_of(host_count(n), where);
}

/// A counted loop, for as long as `go` allows: it gives a Known (autograph.h), or is not there.
template <class Body, class... Go>
void count(const Tensor& limit, const LoopBound& bound, Body& body, const std::source_location& where, Go&... go) {
  Tensor i = std::int64_t{0};
  Loop loop(where, bound);
  auto more = [&] { return less(Arg(i, where), limit); };
  auto test = [&] {
    if constexpr (sizeof...(go) == 0) return more();
    else return and_or((go, ...)(), true, more, where);
  };
  while (loop.begin_test() && loop.end_test(Arg(test(), where))) {
    static_assert(std::is_invocable_v<Body&, const Tensor&>, "for_loop: the body takes the index, a const Tensor&");
    loop.run([&] { body(std::as_const(i)); });
    i = add(Arg(i, where), 1);
    loop.end_trip();
  }
}

}  // namespace detail

/// Runs `body(i)` for i = 0, 1, …, n - 1, i an i64[] tensor; not at all where n is below 1. `n` is a number, a Dim or a 0-d
/// integer tensor; what the body assigns is carried as in `while_loop`. With a tensor `n`, `max_trips` may bound it, for gradients.
/// Throws InvalidArgument [trips] where n is another tensor; else as `while_loop` does.
/// Example: `for_loop(3, [&](const Tensor& i) { y = y * x + cast(i, f32); });`
template <class N, class Body>
void for_loop(const N& n, Body&& body, LoopOptions options = {},
              std::source_location where = std::source_location::current()) {
  detail::count(detail::trip_limit(n, where), detail::bound_of(n, options), body, where);
}

/// Goes along the first axis of the tensors in the tree `xs`: `f(carry, x)` takes the carried tree and the slices at one
/// position, and returns `std::pair(next carry, y)`. The result is `std::pair(last carry, ys)`, where each tensor of ys is the
/// stack of those of y. The carry keeps its types. `f` is recorded once, but see `unroll`. For results without a carry see `map`.
/// Throws InvalidArgument [scan-length] where first axes differ or an eager scan has no position, [scan-unroll]; as
/// `while_loop` else.
/// Example: `auto [total, sums] = scan([](Tensor c, const Tensor& x) { c = c + x; return std::pair(c, c); }, Tensor(0.0f), xs);`
template <class F, class Carry, class Xs>
auto scan(F&& f, const Carry& init, const Xs& xs, ScanOptions options = {},
          std::source_location where = std::source_location::current()) {
  using Kept = detail::Valued<Carry>;
  Kept carry = init;
  Xs sources = xs;
  auto inputs = detail::leaves_of(sources, "xs");
  auto state = detail::leaves_of(carry, "carry");
  detail::Named named(state);
  using Step = std::remove_cvref_t<decltype(f(std::as_const(carry), std::as_const(sources)))>;
  static_assert(detail::is_pair<Step>, "scan: f(carry, x) returns std::pair(next carry, y); y may be std::tuple<>()");
  static_assert(std::is_convertible_v<typename Step::first_type, Kept>,
                "scan: the next carry has the type of the carry that scan was given");
  using Y = typename Step::second_type;
  const std::int64_t unroll = detail::positions_a_trip(options.unroll, where);
  const Dim n = detail::scan_length(inputs, options.length, where);
  const Tensor limit = size_of(n, where);
  detail::Prototype<Y> result;
  {
    Tensor i = std::int64_t{0};
    detail::Stacks stacks(n, where);
    auto take_one = [&] {
      const Tensor at = options.reverse ? sub(sub(Arg(limit, where), 1), i) : i;
      Xs x = sources;
      for (Tensor* t : detail::leaves_of(x).tensors) *t = detail::slice_at(*t, at, where);
      auto step = f(std::as_const(carry), std::as_const(x));
      auto next = detail::leaves_of(step.first);
      detail::check_same_structure(state, next, "scan", where);
      for (std::size_t k = 0; k < state.tensors.size(); ++k) *state.tensors[k] = *next.tensors[k];
      stacks.put(detail::leaves_of(step.second), at);
      if (!result.value) result.set(step.second);
    };
    auto run = [&](const Tensor& until, Dim trips, std::int64_t positions) {
      detail::Loop loop(where, {trips, true, "scan"});
      while (loop.begin_test() && loop.end_test(Arg(less(Arg(i, where), until), where))) {
        loop.run([&] {
          take_one();
          for (std::int64_t k = 1; k < positions; ++k) {
            i = add(Arg(i, where), 1);
            take_one();
          }
        });
        if (positions > 1) detail::refuse_exits(loop, where);
        stacks.end_trip();
        i = add(Arg(i, where), 1);
        loop.end_trip();
      }
    };
    if (unroll == 1) {
      run(limit, n, 1);
    } else {
      const Dim trips = floordiv(n, unroll), rest = n - trips * unroll;
      const Tensor whole = mul(div(Arg(limit, where), unroll), unroll);
      if (trips != Dim(0)) run(whole, trips, unroll);
      if (rest != Dim(0)) run(limit, rest, 1);
    }
    stacks.take(result.value ? detail::leaves_of(*result.value) : detail::Leaves{}, options.reverse);
  }
  detail::adopt(detail::leaves_of(*result.value));
  result.adopted = true;
  return std::pair<Kept, Y>(std::move(carry), std::move(*result.value));
}

/// `f(x)` for the slices at each position of the first axis of `xs`, one after the other, the results stacked; `vmap` does them
/// all at once. Example: `Tensor norms = map([](const Tensor& row) { return sqrt(sum(row * row)); }, matrix);`
template <class F, class Xs>
auto map(F&& f, const Xs& xs, ScanOptions options = {}, std::source_location where = std::source_location::current()) {
  static_assert(!std::is_void_v<decltype(f(xs))>, "map: f(x) returns a tree of tensors, for each position");
  auto step = [&](const std::tuple<>&, const Xs& x) { return std::pair(std::tuple<>(), f(x)); };
  return scan(step, std::tuple<>(), xs, options, where).second;
}

namespace detail {

/// Which function `switch_case` calls, and where it was asked.
class Choice {
 public:
  template <std::integral T> requires(!std::same_as<T, bool>)
  Choice(T index, std::source_location where = std::source_location::current())  // NOLINT
      : host_(static_cast<std::int64_t>(index)),
        where_(where) {}
  template <class T> requires is_condition<T>
  Choice(const T& index, std::source_location where = std::source_location::current())  // NOLINT
      : index_(check_choice(Arg(index, where), where)),
        where_(where) {}
  std::optional<std::int64_t> host() const { return host_; }
  const Tensor& index() const { return index_; }
  const std::source_location& where() const { return where_; }

 private:
  /// Throws InvalidArgument [index] where it is no 0-d integer tensor.
  BURIN_API static Tensor check_choice(const Arg&, const std::source_location&);
  std::optional<std::int64_t> host_{};
  Tensor index_;
  std::source_location where_;
};

template <class First, class... Rest>
auto choose(const Choice& c, std::int64_t position, First&& first, Rest&&... rest) -> decltype(first()) {
  if constexpr (sizeof...(Rest) == 0) {
    return first();
  } else {
    auto later = [&] { return choose(c, position + 1, rest...); };
    if (c.host()) return *c.host() <= position ? first() : later();
    return cond(less_equal(Arg(c.index(), c.where()), position), first, later, c.where());
  }
}

}  // namespace detail

/// Calls the function at `index` of the list, without arguments; all assign or return alike, as for `cond`. An index below 0
/// means the first, one beyond the list the last. A host index chooses while tracing. `index`: an integer, or integer [].
/// Throws InvalidArgument [index] where it is another tensor; else as `cond` does.
/// Example: `Tensor y = switch_case(k, [&] { return x; }, [&] { return x * x; }, [&] { return exp(x); });`
template <class First, class... Rest>
auto switch_case(const detail::Choice& index, First&& first, Rest&&... rest) -> decltype(first()) {
  return detail::choose(index, 0, first, rest...);
}

}  // namespace burin
