// What kernels and the host program are made of (scf, cf, arith, vector, func, LLVM) to the LLVM dialect, in one
// conversion. A math op that has no instruction is an error here: vector math is the business of our polynomials.
#pragma once
#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::cpu {

/// Loads the dialects that the emitters and this lowering create; call before compiling in a fresh context.
void loadCodegenDialects(mlir::MLIRContext &Context);

/// Converts everything in `Module`; diagnostics name the op that cannot be.
mlir::LogicalResult lowerToLlvm(mlir::ModuleOp Module);

} // namespace burin::codegen::cpu
