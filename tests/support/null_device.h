// The null device as tests use it: registered once a process, with a backend whose kernels are the referee's. A function is one
// kernel that may fault and writes to fresh memory only, then a copy for the state that it overwrites.
#pragma once
#include "runtime/device/null/null_device.h"

#include <burin/error.h>
#include <burin/tensor.h>

#include <string>
#include <vector>

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

inline Tensor values(std::initializer_list<float> list) { return Tensor(std::vector<float>(list)); }
inline Tensor indices(std::initializer_list<std::int32_t> list) { return Tensor(std::vector<std::int32_t>(list)); }

/// What `run` throws.
std::string message_of(auto&& run) {
  try {
    run();
  } catch (const BurinError& e) { return e.what(); }
  return "";
}
inline bool mentions(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace burin::testing
