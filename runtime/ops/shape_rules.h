// Shape rules: from operand types and attributes to result types, or the error that the user sees in every mode.
// Named sizes never broadcast as 1; where two sizes must be equal and it cannot be known, a guard says so (DESIGN §3).
// Must not look at data. infer_types has checked arity, attribute kinds and dtypes before a rule runs.
// The rules themselves are declared by the generated table, from the catalogue's `shapeRule`; a missing one is a link error.
#pragma once
#include "runtime/ops/catalogue.h"

#include <optional>

namespace burin::shape_rules {

using Types = Result<std::vector<TensorType>>;

// -- What rules are made of (shape_rules.cpp) --------------------------------------------------------------------

/// `reduce_sum: MESSAGE [label]`, with the hint as the remedy.
Error violation(const ShapeQuery&, std::string_view label, std::string message, std::string hint = {});
/// `a is f32[2,3], b is f32[4]`, for the end of messages.
std::string operand_text(const ShapeQuery&);
/// Whether the sizes are equal: known at once, or true with a guard added. False where they differ or guards are refused.
bool same_size(const ShapeQuery&, Dim a, Dim b);
/// The size that `a` and `b` broadcast to, or nullopt. A number is preferred to a name in the result.
std::optional<Dim> broadcast_size(const ShapeQuery&, Dim a, Dim b);
/// Adds `guard` unless it is decided; false where it is decided against or guards are refused.
bool require(const ShapeQuery&, const Guard& guard);
/// The error for an axis outside [0, rank) of operand 0.
Error bad_axis(const ShapeQuery&, std::int64_t axis);
/// Whether `axis` is one of operand 0's.
inline bool has_axis(const ShapeQuery& q, std::int64_t axis) { return axis >= 0 && axis < q.operands[0].shape.rank(); }
/// Every size is at least 0, now or by a guard; else the index of the first that is not.
std::optional<std::size_t> first_negative(const ShapeQuery&, std::span<const Dim> sizes);
/// The shape of operand 0 with `axis` replaced by the sizes in `inner`, or nullopt beyond max_rank.
std::optional<Shape> with_axis_replaced(const ShapeQuery&, std::int64_t axis, std::span<const Dim> inner);
/// All operands' shapes without their last `tail` axes, broadcast.
std::optional<Shape> broadcast_shapes(const ShapeQuery&, int tail);
/// Attribute `i` as a shape of sizes that are 0 or more, or the error.
Result<Shape> sizes_attribute(const ShapeQuery&, std::size_t i);
/// Operand 0 has something along `axis`, now or by a guard; and the error where it has not.
bool not_empty(const ShapeQuery&, std::int64_t axis);
Error empty_axis(const ShapeQuery&, std::int64_t axis);
/// One result of the query's dtype.
Types one(const ShapeQuery&, const Shape&);
/// Several results, of the query's dtypes.
Types each(const ShapeQuery&, std::span<const Shape>);

template <class T> const T& attribute(const ShapeQuery& q, std::size_t i) { return std::get<T>(q.attributes[i]); }

}  // namespace burin::shape_rules
