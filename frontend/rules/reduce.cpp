// Derivatives of the ops that combine along axes: reductions and matrix products.
#include <burin/ops.h>

#include "frontend/rules/rules.h"

namespace burin::rules {
namespace {

/// The shape that the reduction would have with keepdims.
Shape kept_shape(const Primal& p) {
  Shape shape = p.operands[0].shape();
  for (std::int64_t axis : attribute<std::vector<std::int64_t>>(p, 0)) shape[static_cast<std::size_t>(axis)] = 1;
  return shape;
}

Tensor swap_last(const Tensor& x) {
  std::vector<std::int64_t> order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(x, Axes(order));
}

}  // namespace

std::vector<Tensor> vjp_reduce_sum(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {broadcast_to(reshape(cotangents[0], kept_shape(p)), p.operands[0].shape())};
}

// Elements that share the maximum share its cotangent equally, as `max` does for two operands.
std::vector<Tensor> vjp_reduce_max(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  const Tensor& x = p.operands[0];
  const Shape kept = kept_shape(p);
  Tensor among = cast(equal(x, reshape(p.results[0], kept)), x.dtype());
  Tensor count = reduce_sum(among, Axes(attribute<std::vector<std::int64_t>>(p, 0)), true);
  return {among * (reshape(cotangents[0], kept) / count)};
}

std::vector<Tensor> vjp_matmul(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted) {
  const Tensor &lhs = p.operands[0], &rhs = p.operands[1], &g = cotangents[0];
  std::vector<Tensor> result(2);
  if (wanted[0]) result[0] = unbroadcast(matmul(g, swap_last(rhs)), lhs);
  if (wanted[1]) result[1] = unbroadcast(matmul(swap_last(lhs), g), rhs);
  return result;
}

std::vector<Tensor> vjp_cumsum(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {cumsum(cotangents[0], attribute<std::int64_t>(p, 0), attribute<bool>(p, 1), !attribute<bool>(p, 2))};
}

Tensor jvp_reduce_max(const Primal& p, std::span<const Tensor> tangents) {
  const Tensor& x = p.operands[0];
  const Axes axes(attribute<std::vector<std::int64_t>>(p, 0));
  Tensor among = cast(equal(x, reshape(p.results[0], kept_shape(p))), x.dtype());
  return reshape(reduce_sum(among * tangents[0], axes) / reduce_sum(among, axes), p.results[0].shape());
}

Tensor jvp_matmul(const Primal& p, std::span<const Tensor> tangents) {
  Tensor left = tangents[0].defined() ? matmul(tangents[0], p.operands[1]) : Tensor();
  Tensor right = tangents[1].defined() ? matmul(p.operands[0], tangents[1]) : Tensor();
  return !left.defined() ? right : !right.defined() ? left : left + right;
}

}  // namespace burin::rules
