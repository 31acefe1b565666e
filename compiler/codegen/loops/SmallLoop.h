// A kernel that is a whole loop over few scalars (compiler/ir/Loops.h): values live in registers, elements one by one, and
// nothing is launched within. Inputs are read before the first result is written, so any two may share memory.
#pragma once
#include "compiler/codegen/cpu/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <utility>

namespace burin::codegen {

/// Whether the kernel holds a loop.
bool isSmallLoop(mlir::func::FuncOp Kernel);
/// (input, result) pairs of such a kernel that may share memory: all that are equally large.
llvm::SmallVector<std::pair<unsigned, unsigned>> smallLoopInPlacePairs(mlir::func::FuncOp Kernel);
/// Replaces the kernel function by a block function and a launch function (LinalgEmitter.h).
mlir::LogicalResult emitSmallLoop(mlir::func::FuncOp Kernel, const cpu::CpuTarget &Target);

} // namespace burin::codegen
