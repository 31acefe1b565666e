// Device: the one interface to a machine that computes: memory, a stream of copies and launches, points in it, faults,
// statistics. `cpu` implements it at once (runtime/device/cpu), others in their own time. Depends on the C ABI only.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace burin::rt {

/// A point in a stream: what was submitted up to it. 0 is before everything. Serves as an event.
using Ticket = std::uint64_t;

/// A kernel over [0, blocks), as compiled code asks for it (burin_rt_ctx::parallel_for).
struct Launch {
  const void* kernel;  ///< as the device's code generator made it (the CPU: a burin_rt_kernel); lives until it has run
  void* const* buffers;       ///< addresses on the device; copied where the launch does not run at once
  std::int64_t num_buffers;   ///< not needed where it runs at once
  const std::int64_t* sizes;  ///< likewise
  std::int64_t num_sizes;
  std::int64_t blocks, grain;    ///< cut into chunks by these two only, so results depend on nothing else
  burin_rt_ctx* ctx;             ///< the CPU's call
  bool may_fault, writes_state;  ///< no launch may say both: then a failed call leaves state as it was
};

/// What went wrong first in a stream since `recover`; `at` is 0 where nothing did.
struct Failure {
  Ticket at = 0;
  std::int32_t status = BURIN_RT_OK;  ///< FAULT: `fault` says which
  burin_rt_fault fault{};
  std::string message;
};

struct DeviceStatistics {
  std::int64_t live_bytes, peak_bytes, allocations, launches, copies;
};

/// Work in the order in which it was submitted. A failure poisons it: until `recover`, launches and copies that are reached
/// do nothing, but for reads. A copy that fails, or a launch that may not fault, has written nothing. Any thread.
class Stream {
 public:
  virtual Ticket launch(const Launch&) noexcept = 0;
  /// From host memory, which may change once this returns.
  virtual Ticket upload(void* to, const void* from, std::int64_t bytes) noexcept = 0;
  /// Between addresses of the device.
  virtual Ticket copy(void* to, const void* from, std::int64_t bytes) noexcept = 0;
  /// To host memory, when all before has run: returns then. Runs in a poisoned stream too. A status.
  virtual std::int32_t download(void* to, const void* from, std::int64_t bytes) noexcept = 0;
  virtual Ticket last() const noexcept = 0;          ///< what was submitted last
  virtual bool finished(Ticket) const noexcept = 0;  ///< without waiting
  virtual void wait(Ticket) noexcept = 0;
  virtual Failure failure() const = 0;  ///< of what has run
  virtual void recover() noexcept = 0;  ///< forgets the failure: what is submitted from now on runs

 protected:
  ~Stream() = default;
};

class Device {
 public:
  virtual std::string_view kind() const noexcept = 0;  ///< `cpu`
  /// What code is made for, beside the kind: part of keys and images. Two devices of one kind and chip run the same image.
  virtual std::string_view chip() const noexcept = 0;
  /// Uninitialised, at least 64-byte aligned, ordered with the device's stream: what is freed may be in use by work submitted
  /// before. Null when memory is exhausted. deallocate takes the same `bytes`.
  virtual void* allocate(std::int64_t bytes) noexcept = 0;
  virtual void deallocate(void* memory, std::int64_t bytes) noexcept = 0;
  virtual Stream& stream() noexcept = 0;
  virtual DeviceStatistics statistics() const noexcept = 0;

 protected:
  ~Device() = default;  // devices live as long as the process: values of static objects may outlive anything else
};

/// The host as a device: what is launched has run when `launch` returns.
BURIN_RT_API Device& cpu() noexcept;

/// The process's devices by number; 0 is the CPU, which is always there. Null where there is none. Any thread.
BURIN_RT_API Device* device(int number) noexcept;
/// Adds a device, which is there for the rest of the process; its number, or -1 where 255 are there.
BURIN_RT_API int register_device(Device&) noexcept;

}  // namespace burin::rt
