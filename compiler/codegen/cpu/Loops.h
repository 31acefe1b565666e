// Loops as CPU code: blocks are the block functions of the kernel ABI, lanes are vectors.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/codegen/plan/Kernel.h"

namespace burin::codegen::cpu {

/// Each adds block functions and the launch function (LinalgEmitter.h) to the kernel's module.
void emitLoops(const Kernel &Of, const LoopPlan &Plan, const CpuTarget &Target);
mlir::LogicalResult emitSmallLoop(const Kernel &Of, const CpuTarget &Target);

} // namespace burin::codegen::cpu
