// The edge of the C ABI: what C programs and compiled code call may allocate, and does not unwind into them. The one place
// below the frontend that knows exceptions: those of the standard library, where memory is exhausted.
#pragma once

namespace burin::rt {

/// What `body()` returns, or `otherwise` where it threw.
/// Example: `return no_unwind<std::int32_t>(BURIN_RT_OUT_OF_MEMORY, [&] { return write(path); });`
template <class T, class Body> T no_unwind(T otherwise, Body body) noexcept {
  try {
    return body();
  } catch (...) { return otherwise; }
}

}  // namespace burin::rt
