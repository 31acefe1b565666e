// Batching rules: an op on many lanes at once, the lanes being the first axis of its batched operands and of its result.
// Written with the public ops, so they are differentiated, recorded and batched again like anything else.
#include <burin/composites.h>
#include <burin/ops.h>

#include "frontend/record/dispatch.h"
#include "frontend/rules/rules.h"

#include <algorithm>

namespace burin::rules {
namespace {

using Lanes = std::span<const bool>;

Shape with_first(Dim first, std::span<const Dim> rest) {
  Shape shape{first};
  for (Dim d : rest) shape.push_back(d);
  return shape;
}
std::vector<Dim> with_first(std::vector<Dim> rest, Dim first) {
  rest.insert(rest.begin(), first);
  return rest;
}
Shape dims(const Primal& p, std::size_t i, Dim first) {
  return Shape(std::span<const Dim>(with_first(attribute<std::vector<Dim>>(p, i), first)));
}
/// Axes counted without the lanes, as the batched operand has them.
Axes shifted(std::vector<std::int64_t> axes) {
  for (auto& a : axes) ++a;
  return axes;
}
/// A list with an entry for each axis; an empty one means the default everywhere and stays.
Ints with_lane_entry(std::vector<std::int64_t> list, std::int64_t entry) {
  if (!list.empty()) list.insert(list.begin(), entry);
  return list;
}

/// A batched x with axes of size 1 behind the lanes, up to `rank` axes without the lanes: broadcasting aligns the last ones.
Tensor aligned(const Tensor& x, int rank) {
  Shape shape{x.shape()[0]};
  for (int i = x.rank() - 1; i < rank; ++i) shape.push_back(1);
  for (std::size_t i = 1; i < x.shape().size(); ++i) shape.push_back(x.shape()[i]);
  return shape == x.shape() ? x : reshape(x, shape);
}
std::vector<Tensor> all_aligned(const Primal& p, Lanes batched) {
  int rank = 0;
  for (std::size_t i = 0; i < p.operands.size(); ++i)
    rank = std::max(rank, p.operands[i].rank() - (batched[i] ? 1 : 0));
  std::vector<Tensor> out;
  for (std::size_t i = 0; i < p.operands.size(); ++i)
    out.push_back(batched[i] ? aligned(p.operands[i], rank) : p.operands[i]);
  return out;
}

Tensor move_axis(const Tensor& x, std::int64_t from, std::int64_t to) {
  if (from == to) return x;
  std::vector<std::int64_t> order;
  for (int i = 0; i < x.rank(); ++i)
    if (i != from) order.push_back(i);
  order.insert(order.begin() + to, from);
  return transpose(x, Axes(order));
}

Tensor run(const Primal& p, const std::vector<Tensor>& operands) {
  const std::vector<Arg> args(operands.begin(), operands.end());
  return detail::dispatch(p.kind, args, p.attributes, detail::promote_none);
}

/// What ops with positions along an axis share: batched positions go along lanes and axis joined to one.
struct Joined {
  std::int64_t axis;
  Dim lanes, size;

  Joined(const Primal& p, Lanes batched, Dim lanes) : axis(attribute<std::int64_t>(p, 0)), lanes(lanes) {
    size = p.operands[0].shape()[static_cast<std::size_t>(axis + (batched[0] ? 1 : 0))];
  }
  /// [lanes, ..., n, ...] as [lanes · n, the others].
  Tensor rows(const Tensor& x) const {
    const Tensor front = move_axis(x, axis + 1, 1);
    return reshape(front, with_first(lanes * size, std::span(front.shape().begin() + 2, front.shape().end())));
  }
  Tensor unjoin(const Tensor& rows) const {
    Shape shape{lanes, size};
    for (std::size_t i = 1; i < rows.shape().size(); ++i) shape.push_back(rows.shape()[i]);
    return move_axis(reshape(rows, shape), 1, axis + 1);
  }
  /// [lanes, j...] positions within a lane as positions along the joined axis. One out of range stays a fault: it must not
  /// reach into the lane beside it.
  Tensor positions(const Tensor& indices) const {
    const Tensor own = gather(iota(Shape{size}, 0, i64), indices, 0);
    Shape each{lanes};
    for (std::size_t i = 1; i < indices.shape().size(); ++i) each.push_back(1);
    return own + reshape(iota(Shape{lanes}, 0, i64), each) * size_of(size);
  }
};

Tensor batch_scatter_kind(const Primal& p, Lanes batched, Dim lanes) {
  const Joined joined(p, batched, lanes);
  const Tensor x = in_lanes(p.operands[0], batched[0], lanes), updates = in_lanes(p.operands[2], batched[2], lanes);
  if (!batched[1]) {
    const Arg args[] = {Arg(x), Arg(p.operands[1]), Arg(updates)};
    return detail::dispatch(p.kind, args, Attributes{joined.axis + 1}, detail::promote_none);
  }
  // updates are [lanes, before..., j..., after...]: positions go first, as rows has them.
  const int positions = p.operands[1].rank() - 1;
  Tensor moved = updates;
  for (int k = 0; k < positions; ++k) moved = move_axis(moved, joined.axis + 1 + k, 1 + k);
  const Tensor rows = joined.rows(x), at = joined.positions(p.operands[1]);
  const Arg args[] = {Arg(rows), Arg(at), Arg(moved)};
  return joined.unjoin(detail::dispatch(p.kind, args, Attributes{std::int64_t{0}}, detail::promote_none));
}

}  // namespace

Tensor in_lanes(const Tensor& x, bool batched, Dim lanes) {
  return batched ? x : broadcast_to(x, with_first(lanes, std::span(x.shape().begin(), x.shape().end())));
}

Tensor batch_elementwise(const Primal& p, Lanes batched, Dim) { return run(p, all_aligned(p, batched)); }

Tensor batch_matmul(const Primal& p, Lanes batched, Dim) { return run(p, all_aligned(p, batched)); }

Tensor batch_reduce_sum(const Primal& p, Lanes, Dim) {
  return reduce_sum(p.operands[0], shifted(attribute<std::vector<std::int64_t>>(p, 0)), attribute<bool>(p, 1));
}
Tensor batch_reduce_max(const Primal& p, Lanes, Dim) {
  return reduce_max(p.operands[0], shifted(attribute<std::vector<std::int64_t>>(p, 0)), attribute<bool>(p, 1));
}
Tensor batch_argmin(const Primal& p, Lanes, Dim) { return argmin(p.operands[0], attribute<std::int64_t>(p, 0) + 1); }
Tensor batch_cumsum(const Primal& p, Lanes, Dim) {
  return cumsum(p.operands[0], attribute<std::int64_t>(p, 0) + 1, attribute<bool>(p, 1), attribute<bool>(p, 2));
}

Tensor batch_broadcast_to(const Primal& p, Lanes, Dim lanes) {
  const Shape to = dims(p, 0, lanes);
  return broadcast_to(aligned(p.operands[0], to.rank() - 1), to);
}
Tensor batch_after(const Primal& p, Lanes batched, Dim lanes) {
  const Tensor x = in_lanes(p.operands[0], batched[0], lanes);
  return detail::dispatch(OpKind::after, {Arg(x), Arg(p.operands[1])}, {}, detail::promote_none);
}
Tensor batch_reshape(const Primal& p, Lanes, Dim lanes) { return reshape(p.operands[0], dims(p, 0, lanes)); }
Tensor batch_transpose(const Primal& p, Lanes, Dim) {
  std::vector<std::int64_t> order{0};
  for (std::int64_t a : attribute<std::vector<std::int64_t>>(p, 0)) order.push_back(a + 1);
  return transpose(p.operands[0], Axes(order));
}
Tensor batch_concatenate(const Primal& p, Lanes batched, Dim lanes) {
  std::vector<Tensor> operands;
  for (std::size_t i = 0; i < p.operands.size(); ++i) operands.push_back(in_lanes(p.operands[i], batched[i], lanes));
  return concatenate(operands, attribute<std::int64_t>(p, 0) + 1);
}
Tensor batch_slice(const Primal& p, Lanes, Dim lanes) {
  return slice(p.operands[0], dims(p, 0, 0), dims(p, 1, lanes),
               with_lane_entry(attribute<std::vector<std::int64_t>>(p, 2), 1));
}
Tensor batch_pad(const Primal& p, Lanes batched, Dim lanes) {
  const Tensor x = in_lanes(p.operands[0], batched[0], lanes);
  const Shape low = dims(p, 0, 0), high = dims(p, 1, 0);
  const Ints interior = with_lane_entry(attribute<std::vector<std::int64_t>>(p, 2), 0);
  if (!batched[1]) return pad(x, p.operands[1], low, high, interior);
  const Tensor zero = full({}, 0, x.dtype());
  const Tensor around = pad(full(x.shape(), 0, boolean), Tensor(true), low, high, interior);
  return where(around, aligned(p.operands[1], x.rank() - 1), pad(x, zero, low, high, interior));
}

Tensor batch_gather(const Primal& p, Lanes batched, Dim lanes) {
  const Joined joined(p, batched, lanes);
  const Tensor &x = p.operands[0], &indices = p.operands[1];
  if (!batched[1]) return gather(x, indices, joined.axis + 1);
  if (!batched[0]) return move_axis(gather(x, indices, joined.axis), joined.axis, 0);
  Tensor y = gather(joined.rows(x), joined.positions(indices), 0);  // [lanes, j..., the others]
  for (std::int64_t k = 0; k < joined.axis; ++k) y = move_axis(y, indices.rank() + k, 1 + k);
  return y;
}
Tensor batch_scatter_add(const Primal& p, Lanes batched, Dim lanes) { return batch_scatter_kind(p, batched, lanes); }
Tensor batch_scatter(const Primal& p, Lanes batched, Dim lanes) { return batch_scatter_kind(p, batched, lanes); }

// Streams are made lane by lane: a key or counter of each lane is a stream of its own.
Tensor batch_random_bits(const Primal& p, Lanes batched, Dim lanes) {
  if (!lanes.is_known())
    raise({ErrorCode::unsupported, "vmap: random_bits with a key for each lane needs a known number of lanes", "vmap",
           "", "draw outside of vmap, with the lanes as the first axis of the shape"});
  const Tensor keys = in_lanes(p.operands[0], batched[0], lanes), counters = in_lanes(p.operands[1], batched[1], lanes);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < lanes.value(); ++i) {
    const Tensor at(static_cast<std::int64_t>(i));
    const auto& shape = attribute<std::vector<Dim>>(p, 0);
    rows.push_back(
        expand_dims(random_bits(gather(keys, at, 0), gather(counters, at, 0), Shape(std::span<const Dim>(shape))), 0));
  }
  return concatenate(rows, 0);
}

}  // namespace burin::rules
