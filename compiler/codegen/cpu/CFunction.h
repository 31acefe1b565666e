// Writes a C function (codegen/CFunction.h) into the module of a host program, before it is lowered to LLVM.
#pragma once
#include "compiler/codegen/CFunction.h"
#include "compiler/codegen/cpu/Target.h"

#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::cpu {

/// The functions of burin_rt that it calls.
std::vector<std::string> writeCFunction(mlir::ModuleOp Module, const CFunction &F, const CpuTarget &Target);

} // namespace burin::codegen::cpu
