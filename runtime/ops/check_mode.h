// Which ops check mode looks at, for the referee and for compiled code: those that compute. What only moves values passes
// a NaN on without a fault: it was reported where it was made, or came with the arguments.
#pragma once
#include "runtime/ops/catalogue.h"

namespace burin {

/// A NaN in its floating results is a fault in check mode.
constexpr bool may_make_nan(const OpInfo& info) {
  if (info.operand_names.empty()) return false;  // a constant is what the user wrote
  return info.fusion == FusionRole::map || info.fusion == FusionRole::reduce || info.fusion == FusionRole::heavy ||
         info.precision == Precision::accumulate;
}
/// A zero in its second operand is a fault in check mode where it is of integers.
constexpr bool divides(const OpInfo& info) { return info.kind == OpKind::div; }

}  // namespace burin
