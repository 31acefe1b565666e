// What the compiler and burin_rt agree on for ahead-of-time functions, beside the C ABI; and how such functions say what was
// wrong: one line for each thread, in memory of its own.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <cstdio>

namespace burin::rt {

/// Stands for a computed size that 64 bits do not hold.
inline constexpr std::int64_t aot_no_size = INT64_MIN;

/// What burin_rt_last_error gives to this thread: `last_error_size` chars to write to, or null without memory.
inline constexpr std::size_t last_error_size = 512;
char* last_error_memory() noexcept;
void clear_last_error() noexcept;

/// Notes the line, cut where it is too long, and gives `status`.
template <class... Args> std::int32_t aot_failure(burin_rt_status status, const char* format, Args... args) {
  if (char* text = last_error_memory()) std::snprintf(text, last_error_size, format, args...);
  return status;
}

/// `f32`; "unknown" for a number that is none's. Never null.
const char* aot_dtype_name(std::int64_t dtype) noexcept;

/// INVALID_ARGUMENT with its line where `t`, called `name`, has not this dtype and rank, or sizes that are none.
std::int32_t check_aot_form(const char* function, const char* name, const burin_rt_tensor& t, std::int64_t dtype,
                            std::int64_t rank);

/// `f32[2,4]` of what the caller gave.
struct AotTypeText {
  char chars[224];
  AotTypeText(std::int64_t dtype, std::int64_t rank, const std::int64_t* shape);
};

/// Whether burin_rt is the one that the object was compiled for.
std::int32_t check_aot_version(const burin_rt_aot_function&);

}  // namespace burin::rt
