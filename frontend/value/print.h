// NumPy-like text of values.
#pragma once
#include "runtime/ops/buffer.h"

#include <string>
#include <string_view>

namespace burin::detail {

std::string format(const HostTensor&);
/// What the op `print` does with a value.
void print_value(std::string_view label, const HostTensor&);

}  // namespace burin::detail
