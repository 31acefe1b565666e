// Entry points for native control flow over tensors: what `if while do for && || ?: break continue return` are rewritten to
// (docs/control-flow.md has the rules). Each looks at the type of its condition: a host value is the native statement, an
// eager tensor decides by its value, a traced one is recorded; so templates may be rewritten blindly.
#pragma once
#include <burin/loops.h>

#include <type_traits>

namespace burin {

/// A condition whose truth may be known while tracing: of flags, before a tensor has decided about them.
struct Known {
  std::optional<bool> known;
  Tensor tensor;  ///< bool[], where it is not
};

/// Counts from 0 to n - 1: a number, a Dim or a 0-d integer tensor.
class Range {
 public:
  template <class N>
  explicit Range(const N& n, std::source_location where = std::source_location::current())
      : n_(detail::trip_limit(n, where)),
        bound_(detail::bound_of(n, {})) {}
  const Tensor& size() const { return n_; }
  const detail::LoopBound& bound() const { return bound_; }

 private:
  Tensor n_;
  detail::LoopBound bound_;
};
/// Example: `ag::each_(vars("y", y), range(n), [&](const Tensor& i) { y = y + cast(i, f32); });`
template <class N> Range range(const N& n, std::source_location where = std::source_location::current()) {
  return Range(n, where);
}

namespace ag {

/// Where a `break`, `continue` or `return` has been met. Declared in front of the statement that it leaves.
struct flag {
  Tensor t = false;
  void set() { t = Tensor(true); }
};
/// The same with the value that is returned. R is a tree and has a default constructor.
template <class R> struct ret : flag {
  R value{};
  /// Where nobody reads the flag.
  void put(R v) { value = std::move(v); }
  void set(R v) {
    put(std::move(v));
    flag::set();
  }
  /// Once every path has set it.
  R take();
};
template <> struct ret<void> : flag {
  void take() {}
};

}  // namespace ag

template <class R> struct tree_traits<ag::ret<R>> {
  template <class Field> static void visit(Field& field, ag::ret<R>& x) {
    field("t", x.t);
    if constexpr (!std::is_void_v<R>) field("value", x.value);
  }
};

namespace detail {

using Where = std::source_location;

/// The truth of a bool[] handle if it has a value; none for one that is being traced.
BURIN_API std::optional<bool> known_truth(const Tensor&, const Where&);
/// Their values have been assigned on each path that comes here.
BURIN_API void certainly_defined(const Leaves&);

/// A condition as a Tensor.
inline Tensor as_tensor(bool b) { return b; }
inline Tensor as_tensor(const Tensor& t) { return t; }
inline Tensor as_tensor(const Known& k) { return k.known ? Tensor(*k.known) : k.tensor; }

/// "k, and not f".
BURIN_API void also_clear(Known& k, const Tensor& f, const Where&);

template <class T> inline constexpr bool is_known = std::is_same_v<std::remove_cvref_t<T>, Known>;

struct nothing {
  void operator()() const {}
};

// One side has been decided, the other is asked only then.
template <class B> Tensor ask_if(const Tensor& a, bool when, B& b, const Where& w) {
  auto ask = [&] { return as_tensor(b()); };
  auto decided = [&] { return Tensor(!when); };
  return when ? branches<Tensor>(Arg(a, w), ask, decided, Plain::logical_and)
              : branches<Tensor>(Arg(a, w), decided, ask, Plain::logical_or);
}
template <class A, class B> auto and_or(const A& a, bool when, B& b, const Where& w) {
  if constexpr (!is_condition<A> && !is_condition<decltype(b())>) {
    return static_cast<bool>(a) == when ? static_cast<bool>(b()) : !when;
  } else if constexpr (!is_condition<A>) {
    return static_cast<bool>(a) == when ? as_tensor(b()) : Tensor(!when);
  } else if constexpr (is_known<A>) {
    if (a.known) return *a.known == when ? as_tensor(b()) : Tensor(!when);
    return ask_if(a.tensor, when, b, w);
  } else {
    return ask_if(a, when, b, w);
  }
}

/// The result of `c ? x : y`: a number that a tensor chooses is a Tensor.
template <class X, class Y> struct Selected {
  using type = std::common_type_t<X, Y>;
};
template <Number X, Number Y> struct Selected<X, Y> {
  using type = Tensor;
};

// What runs between a body and the next test, but not once break_if has left.
template <class F> void unless_left(const Loop& loop, F&& f, const Where& w) {
  if (loop.broken()) return;
  if (const auto left = loop.may_have_left()) cond(*left, [] {}, f, w);
  else f();
}

}  // namespace detail

namespace ag {

using detail::Where;

/// `if (c) then(); else otherwise();`
template <class C, class A, class B = detail::nothing>
void if_(const vars& names, const C& c, A&& then, B&& otherwise = {}, Where w = Where::current()) {
  if constexpr (!is_condition<C>) {
    if (c) then();
    else otherwise();
  } else if constexpr (detail::is_known<C>) {
    if (c.known) {
      if (*c.known) then();
      else otherwise();
      return;
    }
    if_(names, c.tensor, then, otherwise, w);
  } else {
    detail::Named named(names);
    cond(c, [&] { then(); }, [&] { otherwise(); }, w);
  }
}

/// `for (; test(); step()) body();` The step also runs after a `continue_if`.
template <class Test, class Step, class Body>
void for_(const vars& names, Test&& test, Step&& step, Body&& body, Where w = Where::current()) {
  if constexpr (!is_condition<decltype(test())>) {
    detail::Exits exits(w);
    for (; !exits.broken() && test(); exits.broken() ? void() : static_cast<void>(step())) exits.run(body);
  } else {
    detail::Named named(names);
    detail::Loop loop(w);
    while (loop.begin_test() && loop.end_test(Arg(detail::as_tensor(test()), w))) {
      loop.run(body);
      detail::unless_left(loop, step, w);
      loop.end_trip();
    }
  }
}

/// `while (test()) body();`
template <class Test, class Body> void while_(const vars& names, Test&& test, Body&& body, Where w = Where::current()) {
  for_(names, test, detail::nothing{}, body, w);
}

/// `do body(); while (test());` What the body sets, the test may read.
template <class Body, class Test>
void do_while_(const vars& names, Body&& body, Test&& test, Where w = Where::current()) {
  if constexpr (!is_condition<decltype(test())>) {
    detail::Exits exits(w);
    do exits.run(body);
    while (!exits.broken() && test());
  } else {
    detail::Named named(names);
    Tensor again = true;
    detail::Loop loop(w);
    loop.runs_once();
    while (loop.begin_test() && loop.end_test(Arg(again, w))) {
      loop.run(body);
      detail::unless_left(loop, [&] { again = detail::as_tensor(test()); }, w);
      loop.end_trip();
    }
  }
}

/// `for (auto i : range) body(i);` Another range than `burin::Range` runs natively.
template <class R, class Body> void each_(const vars& names, R&& range, Body&& body, Where w = Where::current()) {
  if constexpr (!std::is_same_v<std::remove_cvref_t<R>, Range>) {
    detail::Exits exits(w);
    for (auto&& x : range) {
      if (exits.broken()) break;
      exits.run([&] { body(x); });
    }
  } else {
    detail::Named named(names);
    detail::count(range.size(), range.bound(), body, w);
  }
}

/// `a && b()` and `a || b()`: b is asked only where a does not decide. Without effects it is one op.
template <class A, class B> auto and_(const A& a, B&& b, Where w = Where::current()) {
  return detail::and_or(a, true, b, w);
}
template <class A, class B> auto or_(const A& a, B&& b, Where w = Where::current()) {
  return detail::and_or(a, false, b, w);
}
/// `c ? x() : y()`, both of one tree.
template <class C, class X, class Y> auto select_(const C& c, X&& x, Y&& y, Where w = Where::current()) {
  using XR = std::remove_cvref_t<decltype(x())>;
  using YR = std::remove_cvref_t<decltype(y())>;
  if constexpr (!is_condition<C>) {
    using R = std::common_type_t<XR, YR>;
    return c ? static_cast<R>(x()) : static_cast<R>(y());
  } else {
    using R = typename detail::Selected<XR, YR>::type;
    auto then = [&] { return static_cast<R>(x()); };
    auto otherwise = [&] { return static_cast<R>(y()); };
    if constexpr (detail::is_known<C>) {
      if (c.known) return *c.known ? then() : otherwise();
      return detail::branches<R>(Arg(c.tensor, w), then, otherwise, detail::Plain::where);
    } else {
      return detail::branches<R>(Arg(c, w), then, otherwise, detail::Plain::where);
    }
  }
}

/// That none of the flags is set.
template <class... F> Known go(const F&... flags) {
  Known k{true, {}};
  (detail::also_clear(k, flags.t, Where::current()), ...);
  return k;
}
/// That one certainly is: a loop that the host runs ends there.
template <class... F> bool stopped(const F&... flags) {
  const Known k = go(flags...);
  return k.known && !*k.known;
}

/// `for (auto i : range) body(i);` that a flag leaves: `go` is asked in front of each trip.
template <class Go, class R, class Body>
void each_until_(const vars& names, Go&& go, R&& range, Body&& body, Where w = Where::current()) {
  if constexpr (!std::is_same_v<std::remove_cvref_t<R>, Range>) {
    for (auto&& x : range) {
      const Known k = go();
      if (k.known && !*k.known) break;
      if_(names, k, [&] { body(x); }, detail::nothing{}, w);
    }
  } else {
    detail::Named named(names);
    detail::count(range.size(), range.bound(), body, w, go);
  }
}

template <class R> R ret<R>::take() {
  detail::certainly_defined(detail::leaves_of(value));
  return std::move(value);
}

}  // namespace ag
}  // namespace burin
