// What is known about `if` and `while` without running them, and the folding that finds it out. Used by Prune.
#pragma once
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace burin::passes {

/// What the referee gives for `op` on these operands: the value that eager execution has. Null where an operand is, where
/// the result is above 64 elements, or for ops that are not plain.
mlir::DenseElementsAttr fold(mlir::Operation *op, llvm::ArrayRef<mlir::DenseElementsAttr> operands);

/// Of an `if`: a known branch takes its place; a result that is one outer value either way is that value.
/// Of a `while`: where its test fails at once, the test takes its place; what never changes is not carried or handed on.
/// Whether anything changed; `op` may then be gone. Ops that move keep their order, so effects do.
bool settleRegions(mlir::Operation *op);

} // namespace burin::passes
