// The caching allocator behind every tensor and arena: size classes, a list per thread over one shared list.
// A hit touches only the thread's own list. Depends on the standard library and Linux's mmap.
#pragma once
#include <burin/rt/rt.h>

#include <cstddef>
#include <cstdint>

namespace burin::rt {

/// `bytes` at 64-byte alignment, uninitialised; null when `bytes` is negative, above the memory limit, or memory is
/// exhausted (after giving back what was cached). Zero bytes give a valid pointer. Any thread.
BURIN_RT_API void* allocate(std::int64_t bytes) noexcept;
/// Gives back what `allocate(bytes)` gave; same `bytes`. Null is ignored. Any thread.
BURIN_RT_API void deallocate(void* p, std::int64_t bytes) noexcept;

/// The most that the process may hold in tensors: BURIN_MEMORY_LIMIT or the machine's (or control group's) memory.
BURIN_RT_API std::int64_t memory_limit() noexcept;

/// No tensor and no call takes more: what is rounded up or added to such a number still fits in 64 bits.
inline constexpr std::int64_t max_bytes = std::int64_t{1} << 62;

/// Bytes that one request of `bytes` occupies: its size class. Precondition: 0 <= bytes <= memory_limit().
BURIN_RT_API std::int64_t allocation_size(std::int64_t bytes) noexcept;

/// Every cached block of the shared lists and of the calling thread goes back to the system.
BURIN_RT_API void trim_memory() noexcept;

struct MemoryStats {
  std::int64_t live_bytes;  ///< taken from the system and not cached in the shared lists (threads' lists count as live)
  std::int64_t cached_bytes;        ///< in the shared lists
  std::int64_t system_allocations;  ///< requests that went to the system since the start
};
BURIN_RT_API MemoryStats memory_stats() noexcept;

}  // namespace burin::rt
