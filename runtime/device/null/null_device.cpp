// See null_device.h.
#include "runtime/device/null/null_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace burin::rt {
namespace {
constexpr std::size_t page = 4096;
}

NullDevice::NullDevice(std::string chip) : chip_(std::move(chip)) {}

void NullDevice::note(std::string line) {
  if (log_.size() < 100'000) log_.push_back(std::move(line));
}

void* NullDevice::allocate(std::int64_t bytes) noexcept {
  Lock lock(mutex_);
  note("allocate " + std::to_string(bytes));
  if (bytes < 0) return nullptr;
  // What has been freed is there again once the stream gets so far.
  if (bytes > limit_ - statistics_.live_bytes) run_all();
  if (bytes > limit_ - statistics_.live_bytes) return nullptr;
  const std::size_t reserved = (static_cast<std::size_t>(bytes) + page) / page * page;
  void* address = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto memory = std::make_unique<std::byte[]>(static_cast<std::size_t>(bytes) + 1);
  std::memset(memory.get(), 0xa5, static_cast<std::size_t>(bytes));  // nobody may count on zeros
  pieces_[reinterpret_cast<std::uintptr_t>(address)] = {bytes, reserved, std::move(memory)};
  statistics_.live_bytes += bytes;
  statistics_.peak_bytes = std::max(statistics_.peak_bytes, statistics_.live_bytes);
  ++statistics_.allocations;
  return address;
}

void NullDevice::deallocate(void* memory, std::int64_t bytes) noexcept {
  if (!memory) return;
  Lock lock(mutex_);
  note("free " + std::to_string(bytes));
  auto free = [this, memory](burin_rt_fault*) -> std::int32_t {
    auto it = pieces_.find(reinterpret_cast<std::uintptr_t>(memory));
    if (it == pieces_.end()) std::abort();  // freed twice
    statistics_.live_bytes -= it->second.bytes;
    ::munmap(memory, it->second.reserved);
    pieces_.erase(it);
    return BURIN_RT_OK;
  };
  if (queue_.empty()) free(nullptr);
  else queue_.push_back({last_, "", true, std::move(free)});
}

std::byte* NullDevice::host(const void* address, std::int64_t bytes) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  auto it = pieces_.upper_bound(at);
  if (it == pieces_.begin()) std::abort();  // no memory of this device
  --it;
  const std::uintptr_t offset = at - it->first;
  if (offset + static_cast<std::uintptr_t>(bytes) > static_cast<std::uintptr_t>(it->second.bytes)) std::abort();
  return it->second.memory.get() + offset;
}

Ticket NullDevice::submit(std::string what, std::function<std::int32_t(burin_rt_fault*)> run) {
  note(what);
  queue_.push_back({++last_, std::move(what), false, std::move(run)});
  const Ticket mine = last_;
  if (waiting() > queue_limit_) run_all();
  return mine;
}

Ticket NullDevice::launch(const Launch& l) noexcept {
  Lock lock(mutex_);
  ++statistics_.launches;
  const bool refused = l.may_fault && l.writes_state;
  std::vector<void*> buffers(l.buffers, l.buffers + l.num_buffers);
  std::vector<std::int64_t> sizes(l.sizes, l.sizes + l.num_sizes);
  auto* kernel = static_cast<const NullKernel*>(l.kernel);
  return submit(l.writes_state ? "launch writes state" : "launch",
                [this, refused, kernel, buffers = std::move(buffers), sizes = std::move(sizes)](burin_rt_fault* fault) {
                  if (refused) return static_cast<std::int32_t>(BURIN_RT_INTERNAL);
                  if (strikes(fail_launch_)) return static_cast<std::int32_t>(BURIN_RT_UNSUPPORTED);
                  std::vector<void*> seen;
                  for (void* b : buffers) seen.push_back(host(b, 0));
                  return kernel->run(seen.data(), sizes.data(), fault);
                });
}

Ticket NullDevice::upload(void* to, const void* from, std::int64_t bytes) noexcept {
  Lock lock(mutex_);
  ++statistics_.copies;
  auto* p = static_cast<const std::byte*>(from);
  return submit("upload " + std::to_string(bytes),
                [this, to, copy = std::vector<std::byte>(p, p + bytes)](burin_rt_fault*) {
                  if (strikes(fail_copy_)) return static_cast<std::int32_t>(BURIN_RT_UNSUPPORTED);
                  if (!copy.empty())
                    std::memcpy(host(to, static_cast<std::int64_t>(copy.size())), copy.data(), copy.size());
                  return static_cast<std::int32_t>(BURIN_RT_OK);
                });
}

Ticket NullDevice::copy(void* to, const void* from, std::int64_t bytes) noexcept {
  Lock lock(mutex_);
  ++statistics_.copies;
  return submit("copy " + std::to_string(bytes), [this, to, from, bytes](burin_rt_fault*) {
    if (strikes(fail_copy_)) return static_cast<std::int32_t>(BURIN_RT_UNSUPPORTED);
    std::memmove(host(to, bytes), host(from, bytes), static_cast<std::size_t>(bytes));
    return static_cast<std::int32_t>(BURIN_RT_OK);
  });
}

std::int32_t NullDevice::download(void* to, const void* from, std::int64_t bytes) noexcept {
  Lock lock(mutex_);
  ++statistics_.copies;
  note("download " + std::to_string(bytes));
  run_all();
  if (strikes(fail_copy_)) return BURIN_RT_UNSUPPORTED;
  if (bytes > 0) std::memcpy(to, host(from, bytes), static_cast<std::size_t>(bytes));
  return BURIN_RT_OK;
}

void NullDevice::run_all() {
  while (!queue_.empty()) {
    Item item = std::move(queue_.front());
    queue_.pop_front();
    if (item.frees) {
      item.run(nullptr);
      continue;
    }
    if (failure_.at != 0) {
      note("skip " + item.what);
    } else {
      burin_rt_fault fault{};
      const std::int32_t status = item.run(&fault);
      note((status == BURIN_RT_OK ? "run " : "fail ") + item.what);
      if (status != BURIN_RT_OK) failure_ = {item.ticket, status, fault, ""};
    }
    done_ = item.ticket;
  }
}

Ticket NullDevice::last() const noexcept {
  Lock lock(mutex_);
  return last_;
}
bool NullDevice::finished(Ticket t) const noexcept {
  Lock lock(mutex_);
  return done_ >= t;
}
void NullDevice::wait(Ticket t) noexcept {
  Lock lock(mutex_);
  if (done_ >= t) return;
  note("wait");
  run_all();
}
Failure NullDevice::failure() const {
  Lock lock(mutex_);
  return failure_;
}
void NullDevice::recover() noexcept {
  Lock lock(mutex_);
  note("recover");
  failure_ = {};
}

DeviceStatistics NullDevice::statistics() const noexcept {
  Lock lock(mutex_);
  return statistics_;
}
void NullDevice::fail_launch(int n) {
  Lock lock(mutex_);
  fail_launch_ = n;
}
void NullDevice::fail_copy(int n) {
  Lock lock(mutex_);
  fail_copy_ = n;
}
void NullDevice::set_memory_limit(std::int64_t bytes) {
  Lock lock(mutex_);
  limit_ = bytes;
}
void NullDevice::set_queue_limit(std::size_t items) {
  Lock lock(mutex_);
  queue_limit_ = items;
}
std::size_t NullDevice::waiting() const {
  Lock lock(mutex_);
  std::size_t n = 0;
  for (auto& i : queue_) n += !i.frees;
  return n;
}
std::vector<std::string> NullDevice::log() const {
  Lock lock(mutex_);
  return log_;
}
void NullDevice::clear_log() {
  Lock lock(mutex_);
  log_.clear();
}

}  // namespace burin::rt
