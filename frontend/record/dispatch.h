// The dispatch: every op that a user, a composite, a derivative rule or an evaluated graph runs passes here. Runs it now
// (eager) or appends it to the innermost trace; the tapes above then note it. Generated ops.cpp calls `dispatch` only.
#pragma once
#include <burin/tensor.h>

#include "runtime/ops/catalogue.h"

#include <span>
#include <vector>

namespace burin::detail {

/// Bit i set: operand i takes part in promotion. `where(c, x, y)`: 0b110. Operands outside keep their dtype; a C++ number
/// outside it takes the dtype it has by itself. 0: no promotion, the op checks dtypes itself.
using PromotionMask = std::uint32_t;
inline constexpr PromotionMask promote_all = ~0u, promote_none = 0;

/// Promotes, checks, runs or records one op with one result. Throws what the shape rule or the kernel reports, with the
/// user's line. `dispatch(OpKind::add, {a, b})`.
BURIN_API Tensor dispatch(OpKind, std::span<const Arg> operands, Attributes attributes = {},
                          PromotionMask = promote_all);
inline Tensor dispatch(OpKind kind, std::initializer_list<Arg> operands, Attributes attributes = {},
                       PromotionMask mask = promote_all) {
  return dispatch(kind, std::span<const Arg>(operands.begin(), operands.size()), std::move(attributes), mask);
}
/// The same for an op with any number of results (`print` has none).
std::vector<Tensor> dispatch_all(OpKind, std::span<const Arg> operands, Attributes attributes = {},
                                 PromotionMask = promote_all);

/// What Axes mean for an operand of that rank: negative axes counted from the end, `all_axes` listed, `reversed_axes`
/// listed from the last one. Axes out of range
/// stay as given: the op's shape rule names them.
std::vector<std::int64_t> axes_of(const Arg& operand, const Axes& axes);
std::int64_t axis_of(const Arg& operand, Axis axis);

}  // namespace burin::detail
