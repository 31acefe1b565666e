// Derivatives of the ops that only move elements: each is linear, and its vjp moves them back.
#include <burin/composites.h>
#include <burin/ops.h>

#include "frontend/record/dispatch.h"
#include "frontend/rules/rules.h"

namespace burin::rules {
namespace {

Shape dims(const Primal& p, std::size_t i) { return Shape(std::span<const Dim>(attribute<std::vector<Dim>>(p, i))); }

/// The i-th integer, or `otherwise` where the list was not given.
std::int64_t element(const std::vector<std::int64_t>& list, std::size_t i, std::int64_t otherwise) {
  return list.empty() ? otherwise : list[i];
}

}  // namespace

std::vector<Tensor> vjp_broadcast_to(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {unbroadcast(cotangents[0], p.operands[0])};
}

std::vector<Tensor> vjp_after(const Primal&, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {cotangents[0], Tensor()};
}
Tensor jvp_after(const Primal& p, std::span<const Tensor> tangents) {
  if (!tangents[0].defined()) return {};
  return detail::dispatch(OpKind::after, {Arg(tangents[0]), Arg(p.operands[1])}, {}, detail::promote_none);
}

std::vector<Tensor> vjp_reshape(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {reshape(cotangents[0], p.operands[0].shape())};
}

std::vector<Tensor> vjp_transpose(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  const auto& order = attribute<std::vector<std::int64_t>>(p, 0);
  std::vector<std::int64_t> inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return {transpose(cotangents[0], Axes(inverse))};
}

std::vector<Tensor> vjp_concatenate(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted) {
  const auto axis = static_cast<std::size_t>(attribute<std::int64_t>(p, 0));
  std::vector<Tensor> result(p.operands.size());
  std::vector<Dim> zeros(p.operands[0].shape().size(), Dim(0));
  Shape start{std::span<const Dim>(zeros)};
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (wanted[i]) result[i] = slice(cotangents[0], start, p.operands[i].shape());
    start[axis] = start[axis] + p.operands[i].shape()[axis];
  }
  return result;
}

std::vector<Tensor> vjp_slice(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  const Shape &from = p.operands[0].shape(), low = dims(p, 0), sizes = dims(p, 1);
  const auto& strides = attribute<std::vector<std::int64_t>>(p, 2);
  Shape high = from;
  std::vector<std::int64_t> interior;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::int64_t step = element(strides, i, 1);
    interior.push_back(step - 1);
    const Dim span = sizes[i] == Dim(0) ? Dim(0) : (sizes[i] - 1) * step + 1;
    high[i] = from[i] - low[i] - span;
  }
  return {pad(cotangents[0], cast(Tensor(0.0f), cotangents[0].dtype()), low, high, Ints(interior))};
}

std::vector<Tensor> vjp_pad(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted) {
  const Tensor& g = cotangents[0];
  std::vector<std::int64_t> strides;
  const auto& interior = attribute<std::vector<std::int64_t>>(p, 2);
  for (std::size_t i = 0; i < p.operands[0].shape().size(); ++i) strides.push_back(element(interior, i, 0) + 1);
  Tensor inside = slice(g, dims(p, 0), p.operands[0].shape(), Ints(strides));
  std::vector<Tensor> result(2);
  if (wanted[0]) result[0] = inside;
  if (wanted[1]) {  // by themselves: what is left of the sum of all has lost the small ones, and is NaN beside an inf
    const Tensor around = pad(full(p.operands[0].shape(), false), Tensor(true), dims(p, 0), dims(p, 1), Ints(interior));
    result[1] = reduce_sum(where(around, g, 0));
  }
  return result;
}

std::vector<Tensor> vjp_gather(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {scatter_add(zeros_like(p.operands[0]), p.operands[1], cotangents[0], attribute<std::int64_t>(p, 0)),
          Tensor()};
}

std::vector<Tensor> vjp_scatter_add(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted) {
  std::vector<Tensor> result(3);
  if (wanted[0]) result[0] = cotangents[0];
  if (wanted[2]) result[2] = gather(cotangents[0], p.operands[1], attribute<std::int64_t>(p, 0));
  return result;
}

std::vector<Tensor> vjp_scatter(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted) {
  const Tensor &g = cotangents[0], &indices = p.operands[1], &updates = p.operands[2];
  const auto axis = attribute<std::int64_t>(p, 0);
  std::vector<Tensor> result(3);
  // What is read of g is read first: then what becomes of it can have its memory.
  if (wanted[2]) result[2] = gather(g, indices, axis);
  if (wanted[0]) result[0] = scatter(g, indices, zeros_like(updates), axis);
  if (!wanted[2]) return result;
  if (indices.shape().num_elements() == Dim(1)) return result;
  // Only the last of equal positions reached the result: each position knows who that was.
  const Dim n = indices.shape().num_elements();
  Tensor number = iota(Shape{n}, 0, i64), positions = reshape(indices, Shape{n});
  Tensor last =
      gather(scatter(iota(Shape{p.operands[0].shape()[static_cast<std::size_t>(axis)]}, 0, i64), positions, number, 0),
             positions, 0);
  Shape along = indices.shape();
  for (int i = static_cast<int>(axis) + 1; i < p.operands[0].rank(); ++i) along.push_back(1);
  result[2] = where(reshape(equal(last, number), along), result[2], zeros_like(updates));
  return result;
}

}  // namespace burin::rules
