// The CPU behind the interface of devices: the caching allocator, and the pool as a stream in which everything has run at once.
#include "runtime/core/allocator.h"
#include "runtime/device/cpu/thread_pool.h"
#include "runtime/device/device.h"

#include <cstring>

namespace burin::rt {
namespace {

class CpuStream final : public Stream {
 public:
  Ticket launch(const Launch& l) noexcept override {
    auto kernel = reinterpret_cast<burin_rt_kernel>(const_cast<void*>(l.kernel));
    run_job({kernel, l.buffers, l.sizes, l.blocks, chunk_of(l.blocks, l.grain), l.ctx},
            l.ctx ? l.ctx->num_threads : burin_rt_num_threads());
    return 0;
  }
  Ticket upload(void* to, const void* from, std::int64_t bytes) noexcept override { return copy(to, from, bytes); }
  Ticket copy(void* to, const void* from, std::int64_t bytes) noexcept override {
    if (bytes > 0) std::memmove(to, from, static_cast<std::size_t>(bytes));
    return 0;
  }
  std::int32_t download(void* to, const void* from, std::int64_t bytes) noexcept override {
    copy(to, from, bytes);
    return BURIN_RT_OK;
  }
  Ticket last() const noexcept override { return 0; }
  bool finished(Ticket) const noexcept override { return true; }
  void wait(Ticket) noexcept override {}
  Failure failure() const override { return {}; }  // a call of compiled code reports its own
  void recover() noexcept override {}
};

class Cpu final : public Device {
 public:
  std::string_view kind() const noexcept override { return "cpu"; }
  std::string_view chip() const noexcept override { return "host"; }
  void* allocate(std::int64_t bytes) noexcept override { return rt::allocate(bytes); }
  void deallocate(void* memory, std::int64_t bytes) noexcept override { rt::deallocate(memory, bytes); }
  Stream& stream() noexcept override { return stream_; }
  DeviceStatistics statistics() const noexcept override {
    MemoryStats m = memory_stats();
    return {m.live_bytes, 0, m.system_allocations, 0, 0};
  }

 private:
  CpuStream stream_;
};

constinit Cpu the_cpu;

}  // namespace

Device& cpu() noexcept { return the_cpu; }

}  // namespace burin::rt
