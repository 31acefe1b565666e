//===- BurinOps.td - the catalogue: every op, by family -----------------------------------------------------------===//
// The order of families and ops is the order of OpKind and of docs/ops.md; nothing stored depends on it.
#ifndef BURIN_OPS_BURINOPS_TD
#define BURIN_OPS_BURINOPS_TD

include "compiler/ops/Create.td"
include "compiler/ops/Elementwise.td"
include "compiler/ops/Reduce.td"
include "compiler/ops/Contract.td"
include "compiler/ops/Shape.td"
include "compiler/ops/Index.td"
include "compiler/ops/Random.td"
include "compiler/ops/Control.td"
include "compiler/ops/Debug.td"

#endif
