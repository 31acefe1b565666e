// The compiler library and what identifies it, known without loading it: a process that only hits its disk cache never loads
// LLVM. No MLIR, no LLVM.
#pragma once
#include "compiler/driver/Compiler.h"

#include <string>

namespace burin::detail {

/// Opens libburin_compiler.so at the first call; needs an rt::LongWork around it.
Result<const compiler::Api*> open_compiler();

/// What compiled code depends on beside its graph, one part a line: the compiler library and the LLVM and MLIR that it would
/// load, by their build ids, versions of ABI and image, the CPU's features.
const std::string& toolchain_text();

std::string hex(std::span<const std::uint8_t>);

}  // namespace burin::detail
