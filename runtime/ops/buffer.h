// Buffer: reference-counted bytes in memory, ours (64-byte aligned, from the caching allocator) or foreign.
// HostTensor: a Buffer with a dtype and known sizes; what eager values, constants and call arguments are made of.
// Depends on the types and burin_rt only.
#pragma once
#include <burin/dim.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace burin {

/// Shared bytes. Copying shares; `version` counts overwrites in place (packed weights are cached by it).
class Buffer {
 public:
  Buffer() = default;
  /// Null when memory is exhausted or `bytes` is negative; zero bytes give a valid pointer.
  static Buffer allocate(std::int64_t bytes);
  /// Takes foreign memory without copying; read-only, element alignment only, never donated.
  static Buffer adopt(const void* data, std::int64_t bytes, std::function<void()> release);

  Buffer(const Buffer& o) noexcept : block_(o.block_) { retain(); }
  Buffer(Buffer&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  Buffer& operator=(Buffer o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~Buffer() { release(); }

  explicit operator bool() const { return block_ != nullptr; }
  const void* data() const;
  void* mutable_data();       ///< precondition: not foreign
  std::int64_t size() const;  ///< bytes
  bool foreign() const;
  bool unique() const;  ///< nobody else holds it
  std::uint64_t version() const;
  void bump_version();
  bool same(const Buffer& o) const { return block_ == o.block_; }

  struct Block;  // defined in buffer.cpp

 private:
  explicit Buffer(Block* b) : block_(b) {}
  void retain() noexcept;
  void release() noexcept;
  Block* block_ = nullptr;
};

/// A value in host memory: dense, row-major, known sizes.
struct HostTensor {
  TensorType type;  ///< every Dim known
  Buffer buffer;
  template <class T> const T* data() const { return static_cast<const T*>(buffer.data()); }
  std::int64_t num_elements() const { return type.shape.num_elements().value(); }
  std::int64_t num_bytes() const { return bytes(type.dtype, num_elements()); }
};

}  // namespace burin
