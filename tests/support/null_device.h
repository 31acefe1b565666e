// The null device as tests use it: registered once a process, with a backend whose kernels are the referee's. A function is one
// kernel that may fault and writes to fresh memory only, then a copy for each state that it overwrites.
#pragma once
#include "runtime/device/null/null_device.h"

#include <burin/device.h>

namespace burin::testing {

struct NullDeviceFixture {
  rt::NullDevice& machine;
  Device device;
  /// Settled, without failures to come, its log empty. `which`: 0 or 1, two devices of one chip.
  explicit NullDeviceFixture(int which = 0);
  ~NullDeviceFixture();
  NullDeviceFixture(const NullDeviceFixture&) = delete;
  NullDeviceFixture& operator=(const NullDeviceFixture&) = delete;
  /// Lines of the log that begin so.
  int logged(const std::string& beginning) const;
};

}  // namespace burin::testing
