// Loops for the null target: each phase of a kernel becomes functions in func, arith, scf and memref, which the interpreter
// walks. Of kernel NAME with phase I: `NAME.blocksI` and, where there is workspace, `NAME.workspaceI`, both from sizes to a
// number, and `NAME.pI`, one block. All take the buffers as memref<?xT>, then workspace, then the sizes; the block its
// number at the end. Faults are calls of `burin_fault` and `burin_faulted`.
#pragma once
#include "compiler/codegen/plan/Kernel.h"

namespace burin::codegen::null {

/// Of a kernel function: array of the buffers that its phases take; their count is `phasesAttrName`.
inline constexpr llvm::StringLiteral phasesAttrName = "burin.null_phases", orderAttrName = "burin.null_order";

void writeLoops(const Kernel &Of, const LoopPlan &Plan);
mlir::LogicalResult writeSmallLoop(const Kernel &Of);

} // namespace burin::codegen::null
