// The CPU as a Target: kernels become block and launch functions (LinalgEmitter.h), the host program the function that the
// runtime calls, both one relocatable ELF object, section `elf`.
#pragma once
#include "compiler/codegen/Target.h"
#include "compiler/codegen/cpu/Target.h"

namespace burin::codegen::cpu {

std::shared_ptr<const codegen::Target> makeBackend(CpuTarget T);
/// Null where the name is no CPU's.
std::shared_ptr<const codegen::Target> resolveBackend(std::string_view Name);

} // namespace burin::codegen::cpu
