// A kernel that is a whole loop over few scalars (compiler/ir/Loops.h), as loops for every target: values live in registers,
// elements one by one, and nothing is launched within. Inputs are read before the first result is written, so any two may
// share memory.
#pragma once
#include "compiler/codegen/loops/LoopBuilder.h"
#include "compiler/codegen/plan/Kernel.h"

namespace burin::codegen {

/// Of each buffer the scalar type, as bodies have it.
llvm::SmallVector<Type> smallLoopElements(const Kernel &Of);
/// Writes the kernel as one block.
mlir::LogicalResult writeSmallLoop(const Kernel &Of, LoopBlock &Into);

} // namespace burin::codegen
