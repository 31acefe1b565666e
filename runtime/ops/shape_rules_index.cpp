// Shape rules of the ops that count, search, index and draw: iota argmin gather scatter_add random_bits.
#include "runtime/ops/shape_rules.h"

namespace burin::shape_rules {
namespace {

using Dims = std::vector<Dim>;

Result<Shape> sizes_attribute(const ShapeQuery& q, std::size_t i) {
  const auto& sizes = attribute<Dims>(q, i);
  if (auto bad = first_negative(q, sizes))
    return violation(q, "negative-size", "shape has the size " + to_string(sizes[*bad]) + "; expected 0 or more");
  return Shape(sizes);
}

/// Operand 0 has something to find along `axis`; known, or by a guard.
bool not_empty(const ShapeQuery& q, std::int64_t axis) {
  return require(q, Guard{Guard::Kind::at_least, q.operands[0].shape[static_cast<std::size_t>(axis)], 1});
}

Error empty_axis(const ShapeQuery& q, std::int64_t axis) {
  return violation(q, "empty-axis", "nothing to take along axis " + std::to_string(axis) + ": " + operand_text(q) +
                                        "; expected a size of 1 or more there");
}

}  // namespace

Types iota(const ShapeQuery& q) {
  auto shape = sizes_attribute(q, 0);
  if (!shape) return shape.error();
  std::int64_t axis = attribute<std::int64_t>(q, 1);
  if (axis < 0 || axis >= shape->rank())
    return violation(q, "axis", "axis " + std::to_string(axis) + " is out of range: shape is " + to_string(*shape) + "; expected " +
                                    (shape->rank() == 0 ? "one size or more" : "0 to " + std::to_string(shape->rank() - 1)));
  if (q.dtype == Dtype::boolean)
    return violation(q, "dtype", "dtype is bool, which cannot count; expected f32|f64|bf16|i32|i64|u8|u32");
  return one(q, *shape);
}

Types argmin(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  if (!not_empty(q, axis)) return empty_axis(q, axis);
  return one(q, *with_axis_replaced(q, axis, {}));
}

Types gather(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  const Shape& indices = q.operands[1].shape;
  if (indices.num_elements() != Dim(0) && !not_empty(q, axis)) return empty_axis(q, axis);
  auto shape = with_axis_replaced(q, axis, indices);
  if (!shape)
    return violation(q, "rank", "the result would have rank " + std::to_string(q.operands[0].shape.rank() - 1 + indices.rank()) + ": " +
                                    operand_text(q) + "; expected 8 or less");
  return one(q, *shape);
}

Types scatter_add(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  const Shape &indices = q.operands[1].shape, &updates = q.operands[2].shape;
  auto expected = with_axis_replaced(q, axis, indices);
  bool same = expected && expected->rank() == updates.rank();
  for (std::size_t i = 0; same && i < updates.size(); ++i) same = same_size(q, (*expected)[i], updates[i]);
  if (!same)
    return violation(q, "shape-mismatch", "updates do not fit: " + operand_text(q) + "; expected updates of shape " +
                                              (expected ? to_string(*expected) : "of rank 8 or less"));
  if (indices.num_elements() != Dim(0) && !not_empty(q, axis)) return empty_axis(q, axis);
  return one(q, q.operands[0].shape);
}

Types random_bits(const ShapeQuery& q) {
  const Shape &key = q.operands[0].shape, &counter = q.operands[1].shape;
  if (key.rank() != 1 || counter.rank() != 1 || !same_size(q, key[0], 2) || !same_size(q, counter[0], 4))
    return violation(q, "shape-mismatch", operand_text(q) + "; expected u32[2] and u32[4]");
  auto shape = sizes_attribute(q, 0);
  if (!shape) return shape.error();
  return one(q, *shape);
}

}  // namespace burin::shape_rules
