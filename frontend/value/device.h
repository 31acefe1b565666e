// EagerDevice: how a device runs one op now. The CPU's is the referee; a device with a compiler builds the one-op graph.
#pragma once
#include "runtime/ops/catalogue.h"

namespace burin::detail {

class EagerDevice {
 public:
  virtual ~EagerDevice() = default;
  virtual Result<std::vector<HostTensor>> run(OpKind, std::span<const HostTensor> operands, const Attributes&) = 0;
};
/// Whether this thread is inside a CheckScope.
bool checking() noexcept;
/// The device of this thread's eager ops: the CPU.
EagerDevice& eager_device();

}  // namespace burin::detail
