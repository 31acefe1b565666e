// What the entry alone does with burin_rt_ctx, beside what kernels do with it too (KernelAbi.h).
#pragma once
#include "compiler/codegen/cpu/Emitter.h"

namespace burin::codegen::cpu::rt {

/// Says what the call is refused for: a terminated text, its bytes and those of all temporaries, -1 for too many.
void refuse(Emitter &E, Value Ctx, Value What, Value Bytes, Value Total);

} // namespace burin::codegen::cpu::rt
