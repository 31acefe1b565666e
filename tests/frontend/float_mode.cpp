// Callers with another mode of floating point: traps, denormals flushed, another rounding. The library computes in the mode
// that docs/numerics.md promises, on every thread, and leaves the caller's as it was.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cfenv>
#include <cmath>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace burin;

namespace {

/// The caller's mode, and the one before again.
struct CallersMode {
  std::fenv_t before;
  explicit CallersMode(auto set) {
    std::fegetenv(&before);
    set();
  }
  ~CallersMode() { std::fesetenv(&before); }
};

}  // namespace

TEST_CASE("idle lanes and compiles do not trap where the caller has traps on") {
  const Tensor a = {0.0f, 1.0f, 6.0f}, b = {1.0f, 2.0f, 3.0f}, zero = zeros({3});
  std::vector<float> got, wild;
  int traps = 0;
  {
    CallersMode mode([] { ::feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW); });
    auto f = function([](const Tensor& x, const Tensor& y) { return x / y; }, {.name = "trapped"});
    got = f(a, b).to_vector<float>();
    wild = f(zero, zero).to_vector<float>();
    wild.push_back((zero / zero).to_vector<float>()[0]);  // eager: division by zero is a value, too
    traps = ::fegetexcept();
  }
  CHECK(got == std::vector<float>{0, 0.5f, 2});
  for (float x : wild) CHECK(std::isnan(x));
  CHECK(traps == (FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW));
}

#if defined(__x86_64__)
TEST_CASE("denormals are kept where the caller flushes them, on every thread") {
  constexpr unsigned flush = 0x8040;  // results and operands
  constexpr std::int64_t n = 4'000'000;
  const float small = 0x1p-140f;
  const Tensor x = full({n}, small), one = small;
  auto f = function([](const Tensor& x) { return x * 0.5f; });
  Tensor y, z;
  unsigned after = 0;
  {
    CallersMode mode([] { _mm_setcsr(_mm_getcsr() | flush); });
    y = f(x);
    z = one * 0.5f;  // eager
    after = _mm_getcsr();
  }
  CHECK((after & flush) == flush);
  std::int64_t kept = 0;
  for (float v : y.to_vector<float>()) kept += v == 0x1p-141f;
  CHECK(kept == n);
  CHECK(z.item<float>() == 0x1p-141f);
}
#endif

TEST_CASE("results are rounded to nearest whatever the caller rounds to") {
  auto f = function([](const Tensor& x) { return x / 3.0f; });
  const Tensor x = full({17}, 1.0f);
  std::vector<float> got;
  int rounding = 0;
  {
    CallersMode mode([] { std::fesetround(FE_UPWARD); });
    got = f(x).to_vector<float>();
    rounding = std::fegetround();
  }
  CHECK(rounding == FE_UPWARD);
  for (float v : got) CHECK(v == 1.0f / 3.0f);
}
