// grad, value_and_grad: reverse-mode derivatives of a function of Tensors with respect to its first argument, a tree.
// They work eagerly and inside burin::function, and nest. Templates here only walk trees; the work is in the library.
#pragma once
#include <burin/tensor.h>
#include <burin/tree.h>

#include <memory>
#include <utility>

namespace burin {
namespace detail {

/// One run under a tape: opened on the leaves of the first argument, finished with the loss.
class BURIN_API GradientSession {
 public:
  GradientSession(const Leaves& sources, const std::source_location&);
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
/// `f` returns a 0-d Tensor of f32, f64 or bf16; every Tensor in `x` has such a dtype.
/// Throws InvalidArgument [scalar-loss, dtype], UnsupportedError [no-derivative] naming the op and its line.
/// Example: `auto [loss, g] = value_and_grad([&](const Params& q) { return mean(mlp(q, x)); })(p);`
template <class F> auto value_and_grad(F f, std::source_location where = std::source_location::current()) {
  return [f = std::move(f), where]<class X, class... Rest>(const X& x, const Rest&... rest) mutable {
    X sources = x;
    detail::Leaves leaves = detail::leaves_of(sources, "x");
    detail::GradientSession session(leaves, where);
    Tensor loss = f(std::as_const(sources), rest...);
    session.finish(loss, leaves, where);
    return std::pair<Tensor, X>(std::move(loss), std::move(sources));
  };
}

/// Like value_and_grad, without the value. Example: `Tensor slope = grad([](const Tensor& x) { return x * x; })(3.0f);`
template <class F> auto grad(F f, std::source_location where = std::source_location::current()) {
  return [g = value_and_grad(std::move(f), where)](const auto& x, const auto&... rest) mutable {
    return g(x, rest...).second;
  };
}

}  // namespace burin
