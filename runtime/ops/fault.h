// What is said of a fault beyond the op and the element.
#pragma once
#include "runtime/ops/catalogue.h"

namespace burin {

/// Adds to the fault of an index out of range which positions there are, where that is known.
void tell_positions(Error&, std::span<const TensorType> operands, const Attributes&);

}  // namespace burin
