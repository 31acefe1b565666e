// The part of FuseKernels that makes a loop over few scalars one kernel: launching a kernel takes longer than such a trip.
#pragma once
#include "compiler/ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::passes {

/// Each `while` that is small (compiler/ir/Loops.h), and is not in one that is, moves into a `burin.fusion`. `explain`: with
/// a remark at every loop.
void fuseSmallLoops(mlir::func::FuncOp function, bool explain);

} // namespace burin::passes
