// The referee's elementwise kernels: the catalogue's `reference` expressions inside scalar::map.
// Nothing here names an op.
#include "runtime/ops/scalar.h"

namespace burin::elementwise_kernels {
using namespace scalar;  // what a `reference` expression may call: maximum, absolute, ...
#include "runtime/ops/ElementwiseKernels.inc"
}  // namespace burin::elementwise_kernels
