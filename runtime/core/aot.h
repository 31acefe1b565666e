// What the compiler and burin_rt agree on for ahead-of-time functions, beside the C ABI.
#pragma once
#include <cstdint>

namespace burin::rt {

/// Stands for a computed size that 64 bits do not hold.
inline constexpr std::int64_t aot_no_size = INT64_MIN;

}  // namespace burin::rt
