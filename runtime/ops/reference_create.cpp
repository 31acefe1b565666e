// The referee's kernels for ops that make a tensor from attributes.
#include "runtime/ops/scalar.h"

namespace burin::reference {

/// Shares the constant's bytes: they are immutable.
void constant(std::span<const HostTensor>, std::span<HostTensor> results, const Attributes& attributes, const KernelSink&) {
  results[0] = std::get<std::shared_ptr<const Constant>>(attributes[0])->value;
}

}  // namespace burin::reference
