// Milliseconds between moments, for reports. Depends on nothing.
#pragma once
#include <chrono>
#include <utility>

namespace burin::codegen {

class Stopwatch {
public:
  /// Since the last lap, or since it was made.
  double lap() {
    auto Now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(Now - std::exchange(Last, Now)).count();
  }

private:
  std::chrono::steady_clock::time_point Last = std::chrono::steady_clock::now();
};

} // namespace burin::codegen
