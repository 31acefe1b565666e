// A worker's scratch memory: one growing block for each depth of kernels, kept until its thread ends.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>

namespace burin::rt {

/// At least `bytes` for the kernel that this thread runs at `depth`; null when memory is exhausted. A further request at
/// the same depth replaces the block.
BURIN_RT_API void* scratch(std::int64_t bytes, int depth) noexcept;

}  // namespace burin::rt
