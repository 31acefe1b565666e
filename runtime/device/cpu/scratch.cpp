// Scratch blocks by thread and depth; see scratch.h.
#include "runtime/device/cpu/scratch.h"

#include "runtime/core/allocator.h"

#include <algorithm>
#include <array>

namespace burin::rt {
namespace {

struct Block {
  void* memory = nullptr;
  std::int64_t size = 0;
};

struct Scratch {
  std::array<Block, 4> blocks;
  ~Scratch() {
    for (Block& b : blocks) deallocate(b.memory, b.size);
  }
};
thread_local Scratch mine;

}  // namespace

void* scratch(std::int64_t bytes, int depth) noexcept {
  Block& b = mine.blocks[static_cast<std::size_t>(std::clamp(depth, 0, 3))];
  if (b.memory && bytes >= 0 && bytes <= b.size) return b.memory;
  deallocate(b.memory, b.size);
  b = {};
  std::int64_t size = bytes > 0 && bytes <= memory_limit() ? allocation_size(bytes) : bytes;
  b.memory = allocate(size);
  if (b.memory) b.size = size;
  return b.memory;
}

}  // namespace burin::rt
