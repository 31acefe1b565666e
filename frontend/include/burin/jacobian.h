// jacobian, hessian, hvp: all partial derivatives of a function of tensors, from vmap over vjp or jvp with unit vectors.
#pragma once
#include <burin/composites.h>
#include <burin/grad.h>
#include <burin/ops.h>
#include <burin/vmap.h>

namespace burin {

/// How `jacobian` and `hessian` go through a function.
enum class Mode : std::uint8_t {
  reverse,  ///< one evaluation, then one pullback on as many lanes as the result has elements
  forward,  ///< one evaluation on as many lanes as the argument has elements, keeping nothing of it
};

namespace detail {

/// Unit vectors of one leaf: [n, shape...], n its number of elements.
BURIN_API Tensor unit_vectors(const Tensor& like);
/// [a..., n] or [n, a...] made [a..., b...] and [a..., b...], n the number of b's or a's elements.
BURIN_API Tensor split_last(const Tensor&, const Shape&);
BURIN_API Tensor split_first(const Tensor&, const Shape&);
BURIN_API void check_jacobian_result(const Tensor&, const char* who, const std::source_location&);
/// Throws where a leaf has no derivative.
BURIN_API void check_sources(const Leaves&, const char* who, const std::source_location&);

/// By result leaf of f a tree like x, each tensor [result's..., its own...].
template <class X> using Rows = std::vector<X>;

template <class F, class X> Rows<X> rows_reverse(F& f, const X& x, const std::source_location& where, const char* who) {
  auto [y, back] = vjp(f, x, where, who);
  using Y = decltype(y);
  Y primal = y;
  const auto leaves = leaves_of(primal, "f(x)");
  const auto pull = back;
  Rows<X> rows;
  for (std::size_t i = 0; i < leaves.tensors.size(); ++i) {
    const Tensor& leaf = *leaves.tensors[i];
    check_jacobian_result(leaf, who, where);
    auto lane = [&](const Tensor& unit) {
      Y w = primal;
      auto parts = leaves_of(w);
      for (std::size_t k = 0; k < parts.tensors.size(); ++k)
        if (is_floating(parts.tensors[k]->dtype())) *parts.tensors[k] = k == i ? unit : zeros_like(*parts.tensors[k]);
      return pull(w);
    };
    X row = vmap(lane, {}, where)(unit_vectors(leaf));
    for (Tensor* t : leaves_of(row).tensors) *t = split_first(*t, leaf.shape());
    rows.push_back(std::move(row));
  }
  return rows;
}

template <class F, class X> Rows<X> rows_forward(F& f, const X& x, const std::source_location& where, const char* who) {
  X copy = x;
  const auto sources = leaves_of(copy, "x");
  check_sources(sources, who, where);
  Rows<X> rows;
  for (std::size_t i = 0; i < sources.tensors.size(); ++i) {
    auto lane = [&](const Tensor& unit) {
      X direction = x;
      auto parts = leaves_of(direction);
      for (std::size_t k = 0; k < parts.tensors.size(); ++k)
        *parts.tensors[k] = k == i ? unit : zeros_like(*parts.tensors[k]);
      auto [y, tangent] = jvp(f, x, direction, where, who);
      for (Tensor* t : leaves_of(y).tensors) check_jacobian_result(*t, who, where);
      return tangent;
    };
    auto columns = vmap(lane, {.in_axes = {}, .out_axis = -1}, where)(unit_vectors(*sources.tensors[i]));
    const auto parts = leaves_of(columns);
    rows.resize(parts.tensors.size(), x);
    for (std::size_t k = 0; k < parts.tensors.size(); ++k)
      *leaves_of(rows[k]).tensors[i] = split_last(*parts.tensors[k], sources.tensors[i]->shape());
  }
  return rows;
}

}  // namespace detail

/// A function that gives all partial derivatives of `f` by its argument, a tree of float tensors. Where f returns a Tensor:
/// a tree like x, each tensor of shape [f(x)'s sizes..., its own sizes...]; where f returns a tree: a vector of such trees,
/// one for each tensor of the result in order.
/// Mode::reverse runs f once, with any host control flow, and is the cheaper one where f(x) has fewer elements than x;
/// Mode::forward records f (so it may read no values), keeps nothing of it, and is cheaper where x has fewer.
/// Throws as `vjp` and `jvp`; InvalidArgument [jacobian-result] where a result is no float tensor. Differentiable.
/// Example: `Tensor j = jacobian([](const Tensor& x) { return x * x; })(Tensor({1.0f, 2.0f}));  // [[2, 0], [0, 4]]`
template <class F>
auto jacobian(F f, Mode mode = Mode::reverse, std::source_location where = std::source_location::current(),
              const char* who = "jacobian") {
  return [f = std::move(f), mode, where, who]<class Given>(const Given& given) mutable {
    using X = detail::Source<F, Given>;
    const X x = given;
    using Y = std::remove_cvref_t<decltype(f(x))>;
    auto rows = mode == Mode::reverse ? detail::rows_reverse(f, x, where, who) : detail::rows_forward(f, x, where, who);
    if constexpr (std::is_base_of_v<Tensor, Y>) return X(std::move(rows[0]));
    else return rows;
  };
}

/// A function that gives all second partial derivatives of `f`, which returns a scalar: the jacobian of its gradient. Where
/// the argument is a Tensor, one of shape [x's sizes..., x's sizes...]; where it is a tree, a vector of trees, one for each
/// tensor of x in order: `h[i].b` has shape [x_i's sizes..., b's sizes...].
/// `mode` as in `jacobian`, of the gradient: Mode::forward is the cheaper one in memory where f may be recorded.
/// Example: `Tensor h = hessian([](const Tensor& x) { return sum(x * x * x); })(Tensor({1.0f, 2.0f}));  // [[6, 0], [0, 12]]`
template <class F>
auto hessian(F f, Mode mode = Mode::reverse, std::source_location where = std::source_location::current()) {
  return jacobian(grad(std::move(f), where, "hessian"), mode, where, "hessian");
}

/// The second derivative of `f`, which returns a scalar, by x along `v`: the hessian times v, without the hessian, for the
/// price of a few gradients. `v` is a tree like x; so is the result. Throws as `grad` and `jvp`.
/// Example: `Tensor hv = hvp([](const Tensor& x) { return sum(x * x * x); }, x, v);  // 6 * x * v`
template <class F, class X>
auto hvp(F&& f, const X& x, const std::type_identity_t<X>& v,
         std::source_location where = std::source_location::current()) {
  return jvp(grad([&](const auto& y) { return f(y); }, where, "hvp"), x, v, where, "hvp").second;
}

}  // namespace burin
