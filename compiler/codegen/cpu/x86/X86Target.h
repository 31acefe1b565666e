// The architecture x86-64.
#pragma once
#include "compiler/codegen/cpu/Target.h"

namespace burin::codegen::cpu::x86 {
extern const Architecture TheArchitecture;
} // namespace burin::codegen::cpu::x86
