// grad, value_and_grad: reverse-mode derivatives of a function of Tensors with respect to its first argument, a tree.
// They work eagerly and inside burin::function, and nest. Templates here only walk trees; the work is in the library.
#pragma once
#include <burin/tensor.h>
#include <burin/tree.h>

#include <memory>
#include <type_traits>
#include <utility>

namespace burin {
namespace detail {

/// What a derivative is taken by: the tree given; of a number or a Variable a Tensor, where f takes one.
template <class F, class X, class... Rest>
using Source = std::conditional_t<std::is_invocable_v<F&, const Valued<X>&, const Rest&...>, Valued<X>, X>;

/// What the templates of vjp hand on: the tape of a run, and what it ran to.
class BURIN_API Pullback {
 public:
  /// Opens a tape on the leaves, which become its sources.
  Pullback(const Leaves& sources, const char* who, const std::source_location&);
  ~Pullback();
  Pullback(const Pullback&) = delete;
  Pullback& operator=(const Pullback&) = delete;
  /// Ends the tape; its results are these.
  void finish(const Leaves& results);
  /// The sources' cotangents, assigned to `into`; may be asked more than once.
  void pull(const Leaves& cotangents, const Leaves& into, const std::source_location&) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What a function whose gradient is taken may return.
template <class R>
inline constexpr bool is_loss = std::is_convertible_v<R, Tensor> && !std::is_arithmetic_v<std::remove_cvref_t<R>>;

/// One run under a forward-mode tape.
class BURIN_API Pushforward {
 public:
  /// Opens a tape on the leaves of x with the tangents of v.
  Pushforward(const Leaves& x, const Leaves& v, const std::source_location&, const char* who = "jvp");
  ~Pushforward();
  Pushforward(const Pushforward&) = delete;
  Pushforward& operator=(const Pushforward&) = delete;
  /// Ends the tape; assigns the tangents of the results to `tangents`.
  void finish(const Leaves& results, const Leaves& tangents);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One run under a tape: opened on the leaves of the first argument, finished with the loss.
class BURIN_API GradientSession {
 public:
  GradientSession(const Leaves& sources, const std::source_location&, const char* who = "grad");
  ~GradientSession();
  GradientSession(const GradientSession&) = delete;
  GradientSession& operator=(const GradientSession&) = delete;
  /// Ends the tape and assigns the gradients to the sources.
  void finish(const Tensor& loss, const Leaves& sources, const std::source_location&);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// A function like `f` that returns `{f(x, rest...), gradient}`: the gradient has the tree of `x`, each Tensor replaced by
/// the derivative of the result by it (zeros where the result does not depend on it).
/// `f` returns a 0-d floating-point Tensor; every Tensor in `x` has such a dtype. `who` is what errors call it.
/// Throws InvalidArgument [scalar-loss, dtype], UnsupportedError [no-derivative] naming the op and its line.
/// Example: `auto [loss, g] = value_and_grad([&](const Params& q) { return mean(mlp(q, x)); })(p);`
template <class F>
auto value_and_grad(F f, std::source_location where = std::source_location::current(), const char* who = "grad") {
  return [f = std::move(f), where, who]<class X, class... Rest>(const X& x, const Rest&... rest) mutable {
    using Sources = detail::Source<F, X, Rest...>;
    Sources sources = x;
    detail::Leaves leaves = detail::leaves_of(sources, "x");
    detail::GradientSession session(leaves, where, who);
    static_assert(
        detail::is_loss<decltype(f(std::as_const(sources), rest...))>,
        "grad: the function returns one Tensor; a number has no derivative, and what else is wanted is assigned "
        "to a variable outside");
    Tensor loss = f(std::as_const(sources), rest...);
    session.finish(loss, leaves, where);
    return std::pair<Tensor, Sources>(std::move(loss), std::move(sources));
  };
}

/// Like value_and_grad, without the value. Example: `Tensor slope = grad([](const Tensor& x) { return x * x; })(3.0f);`
template <class F>
auto grad(F f, std::source_location where = std::source_location::current(), const char* who = "grad") {
  return [g = value_and_grad(std::move(f), where, who)](const auto& x, const auto&... rest) mutable {
    return g(x, rest...).second;
  };
}

/// `f(x)` and its derivative along `v`: `std::pair(y, dy)`, by forward mode. `x` and `v` are trees of one structure, every
/// tensor float and of the same type in both; y and dy have f's result tree, dy 0 where nothing flows, empty for integers.
/// Costs about one more evaluation of f, whatever the sizes. Throws InvalidArgument [tree, tangent-type, dtype].
/// Example: `auto [y, dy] = jvp([](const Tensor& x) { return x * x; }, Tensor(3.0f), Tensor(1.0f));  // 9 and 6`
template <class F, class X>
auto jvp(F&& f, const X& x, const std::type_identity_t<X>& v,
         std::source_location where = std::source_location::current(), const char* who = "jvp") {
  detail::Source<F, X> sources = x, directions = v;
  detail::Leaves leaves = detail::leaves_of(sources, "x");
  detail::Pushforward run(leaves, detail::leaves_of(directions), where, who);
  auto y = f(std::as_const(sources));
  auto tangent = y;
  run.finish(detail::leaves_of(y), detail::leaves_of(tangent));
  return std::pair(std::move(y), std::move(tangent));
}

/// `f(x)` and its pullback: `std::pair(y, back)`, where `back(w)` takes a tree like y of cotangents and gives the cotangent of
/// x, by reverse mode: one for each call, without running f again. Throws as value_and_grad; InvalidArgument
/// [tree, cotangent-type] from back.
/// Example: `auto [y, back] = vjp([](const Tensor& x) { return x * x; }, x);  Tensor g = back(ones(y.shape()));`
template <class F, class X>
auto vjp(F&& f, const X& x, std::source_location where = std::source_location::current(), const char* who = "vjp") {
  using Sources = detail::Source<F, X>;
  Sources sources = x;
  auto run = std::make_shared<detail::Pullback>(detail::leaves_of(sources, "x"), who, where);
  auto y = f(std::as_const(sources));
  run->finish(detail::leaves_of(y));
  auto back = [run, sources, where](const decltype(y)& w) {
    Sources cotangents = sources;
    auto given = w;
    run->pull(detail::leaves_of(given, "cotangent"), detail::leaves_of(cotangents), where);
    return cotangents;
  };
  return std::pair(std::move(y), std::move(back));
}

}  // namespace burin
