// The mode that docs/numerics.md promises for floating point: round to nearest, denormals kept, no traps. Callers may have
// set another, and lanes that no result needs may divide by zero. Header only; depends on nothing.
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace burin::rt {

/// Sets the promised mode while it lives, then the caller's again. A few nanoseconds where the mode is right already.
class FloatMode {
 public:
  FloatMode() noexcept : before_(read()) {
    if ((before_ & ~flags) != promised) write(promised);
  }
  ~FloatMode() {
    if ((before_ & ~flags) != promised) write(before_);
  }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
#if defined(__x86_64__)
  using Word = std::uint32_t;
  static constexpr Word promised = 0x1f80, flags = 0x3f;  // MXCSR; what has happened so far is no part of the mode
  static Word read() noexcept { return _mm_getcsr(); }
  static void write(Word word) noexcept { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  static constexpr Word promised = 0, flags = 0;  // FPCR
  static Word read() noexcept {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) noexcept { asm volatile("msr fpcr, %0" ::"r"(word)); }
#else
#error "the floating-point mode of this architecture is not known"
#endif
  Word before_;
};

}  // namespace burin::rt
