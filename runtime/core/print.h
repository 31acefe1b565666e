// The print sink, and the text that it gives by default: the same for eager and compiled calls.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace burin::rt {

/// Sends one value to the process's sink, stdout by default. Any thread; one at a time.
BURIN_RT_API void print_value(const char* label, std::int64_t label_size, std::int32_t dtype, std::int32_t rank,
                              const std::int64_t* shape, const void* data) noexcept;

/// `label: f32[2,3] [[1, 2, 3], [4, 5, 6]]`; beyond 1000 elements only the first and last three along each axis.
BURIN_RT_API std::string format_value(std::string_view label, std::int32_t dtype, std::int32_t rank,
                                      const std::int64_t* shape, const void* data);

}  // namespace burin::rt
