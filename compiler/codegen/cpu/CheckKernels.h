// Kernels of check mode: they read values and record the first fault among them. Declared by the pass check-values.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/codegen/plan/Kernel.h"

namespace burin::codegen::cpu {

/// Adds a block function and the launch function to the kernel's module.
void emitCheckKernel(const Kernel &K, const CheckPlan &Plan, const CpuTarget &Target);

} // namespace burin::codegen::cpu
