// LLVM dialect to a relocatable ELF object: position independent, small code model, no symbol from outside but
// memcpy, memmove, memset and memcmp. Target machines and pass managers are kept between calls: a second small kernel costs
// its own code generation only. Thread-safe; modules of different contexts compile in parallel.
#pragma once
#include "compiler/codegen/cpu/Target.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <vector>

namespace burin::codegen::cpu {

/// What a call spent, for figures and the inspector; milliseconds.
struct EmitTimes {
  double Translate = 0, Optimise = 0, Codegen = 0, Check = 0;
};

/// `Module` holds the LLVM dialect only (lowerToLlvm). An InternalError if it does not translate or needs a symbol.
/// `Externals`: symbols that the object may leave to its linker; none for images.
Result<std::vector<std::uint8_t>> emitObject(mlir::ModuleOp Module, const CpuTarget &Target,
                                             const std::vector<std::string> &Externals = {},
                                             EmitTimes *Times = nullptr);

} // namespace burin::codegen::cpu
