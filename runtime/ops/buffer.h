// DeviceBuffer: reference-counted bytes on a device. Buffer: such bytes in host memory, ours (64-byte aligned, from the
// caching allocator) or foreign; the only one that gives pointers to the host. DeviceTensor, HostTensor: the same with a dtype
// and known sizes. What may be anywhere (values behind handles, arguments of calls) is a DeviceTensor; what the host computes
// with (constants, the referee's operands) a HostTensor. Depends on the types and burin_rt only.
#pragma once
#include <burin/dim.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace burin {

namespace rt {
class Device;
}

/// Shared bytes on a device. Copying shares; `version` counts overwrites in place (packed weights are cached by it).
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// Null when the device's memory is exhausted or `bytes` is negative.
  static DeviceBuffer allocate(rt::Device&, std::int64_t bytes);

  DeviceBuffer(const DeviceBuffer& o) noexcept : block_(o.block_) { retain(); }
  DeviceBuffer(DeviceBuffer&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  DeviceBuffer& operator=(DeviceBuffer o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~DeviceBuffer() { release(); }

  explicit operator bool() const { return block_ != nullptr; }
  void* address() const;       ///< for the device's code and copies; only a Buffer's is one for the host
  rt::Device* device() const;  ///< null: the host
  std::uint64_t made() const;  ///< the point in the device's stream from which the bytes are there
  void set_made(std::uint64_t);
  std::int64_t size() const;  ///< bytes
  bool foreign() const;
  bool unique() const;  ///< nobody else holds it
  std::uint64_t version() const;
  void bump_version();
  bool same(const DeviceBuffer& o) const { return block_ == o.block_; }

  struct Block;  // defined in buffer.cpp

 protected:
  explicit DeviceBuffer(Block* b) : block_(b) {}
  Block* block_ = nullptr;

 private:
  friend class Buffer;
  void retain() const noexcept;
  void release() noexcept;
};

/// Shared bytes in host memory.
class Buffer : public DeviceBuffer {
 public:
  Buffer() = default;
  /// Null when memory is exhausted or `bytes` is negative; zero bytes give a valid pointer.
  static Buffer allocate(std::int64_t bytes);
  /// Takes foreign memory without copying; read-only, element alignment only, never donated.
  static Buffer adopt(const void* data, std::int64_t bytes, std::function<void()> release);
  /// The bytes, where they are in host memory; null where they are not.
  static Buffer of(const DeviceBuffer&);

  const void* data() const { return address(); }
  void* mutable_data() { return address(); }  ///< precondition: not foreign

 private:
  using DeviceBuffer::DeviceBuffer;
};

/// A value on a device: dense, row-major, known sizes.
struct DeviceTensor {
  TensorType type;  ///< every Dim known
  DeviceBuffer buffer;
  std::int64_t num_elements() const { return type.shape.num_elements().value(); }
  std::int64_t num_bytes() const { return bytes(type.dtype, num_elements()); }
};

/// A value in host memory.
struct HostTensor {
  TensorType type;  ///< every Dim known
  Buffer buffer;
  template <class T> const T* data() const { return static_cast<const T*>(buffer.data()); }
  std::int64_t num_elements() const { return type.shape.num_elements().value(); }
  std::int64_t num_bytes() const { return bytes(type.dtype, num_elements()); }
  operator DeviceTensor() const& { return {type, buffer}; }         // NOLINT(google-explicit-constructor)
  operator DeviceTensor() && { return {type, std::move(buffer)}; }  // NOLINT(google-explicit-constructor)
};
/// The value as the host may read it: itself, or without a buffer where it is on another device.
inline HostTensor host_view(const DeviceTensor& t) { return {t.type, Buffer::of(t.buffer)}; }

}  // namespace burin
