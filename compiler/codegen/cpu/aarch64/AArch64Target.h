// The architecture AArch64.
#pragma once
#include "compiler/codegen/cpu/Target.h"

namespace burin::codegen::cpu::aarch64 {
extern const Architecture TheArchitecture;
} // namespace burin::codegen::cpu::aarch64
