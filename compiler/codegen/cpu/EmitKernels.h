// The one door from kernel functions of burin ops to CPU code: each becomes a launch function of its name
// (LinalgEmitter.h), ready for lowerToLlvm and emitObject.
#pragma once
#include "compiler/codegen/cpu/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::codegen::cpu {

/// The dialects that emitKernels creates; call before compiling in a fresh context, with loadCodegenDialects.
void loadKernelDialects(mlir::MLIRContext &Context);

/// Replaces every kernel function in `Kernels`. Failure has been reported at the op that has no code.
mlir::LogicalResult emitKernels(mlir::ModuleOp Kernels, const CpuTarget &Target);

/// One kernel function alone.
mlir::LogicalResult emitKernel(mlir::func::FuncOp Kernel, const CpuTarget &Target);

} // namespace burin::codegen::cpu
