// From a kernel function of burin ops (what outline-kernels leaves) to one of linalg on tensors, once for all targets.
// Types lose their encodings and signs: sizes are index arguments, the meaning of integers is in the bodies. Must not
// know a target; a catalogue op by name only where its lowering is `linalg` and it is not elementwise.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::codegen {

/// Rewrites the function in place; it keeps its name, and `burin.shape` on arguments and results. Failure has been
/// reported at the op.
mlir::LogicalResult lowerToLinalg(mlir::func::FuncOp Kernel);

/// One element of an elementwise op (`cast` and `broadcast_to` included) from those of its operands, as scalars in the types
/// that kernel bodies have. Null where the op has no lowering for its dtype.
mlir::Value lowerElement(mlir::OpBuilder &B, mlir::Location Loc, mlir::Operation *Op, mlir::ValueRange Elements);

} // namespace burin::codegen
