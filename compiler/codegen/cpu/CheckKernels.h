// Kernels of check mode: they read values and record the first fault among them. Declared by the pass check-values.
#pragma once
#include "compiler/codegen/cpu/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::codegen::cpu {

bool isCheckKernel(mlir::func::FuncOp Kernel);
/// Replaces the declaration by a launch function of its name.
mlir::LogicalResult emitCheckKernel(mlir::func::FuncOp Kernel, const CpuTarget &Target);

} // namespace burin::codegen::cpu
