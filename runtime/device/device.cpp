// The process's devices by number. Depends on the interface only.
#include "runtime/device/device.h"

#include <atomic>

namespace burin::rt {
namespace {
constinit std::atomic<Device*> devices[255];  // from number 1 on
constinit std::atomic<int> count{0};
}  // namespace

Device* device(int number) noexcept {
  if (number == 0) return &cpu();
  return number < 0 || number > 255 ? nullptr : devices[number - 1].load(std::memory_order_acquire);
}

int register_device(Device& d) noexcept {
  int at = count.fetch_add(1, std::memory_order_relaxed);
  if (at >= 255) {
    count.fetch_sub(1, std::memory_order_relaxed);
    return -1;
  }
  devices[at].store(&d, std::memory_order_release);
  return at + 1;
}

}  // namespace burin::rt
