// Memory over many compiles through `function`: ever new bodies, each called and thrown away. Contexts, code generators,
// mapped code, traces and constants must all go; only the cache of compiled code may stay, to its bound, which the child
// process makes small.
#include "tests/support/child.h"

#include <burin/burin.h>

#include <cstdio>
#include <fstream>
#include <malloc.h>

using namespace burin;
using burin::test::run_child;

namespace {

long resident_kib() {
  ::malloc_trim(0);
  std::ifstream f("/proc/self/statm");
  long all = 0, resident = 0;
  f >> all >> resident;
  return resident * 4;
}

/// One function with a body and sizes that nothing before it had: chains, products, reductions, loops, indices, and a
/// constant large enough to be kept apart. Its result is compared with eager execution.
void compile_one(int n) {
  const int rows = 1 + n % 61, columns = 1 + n / 61 % 67;
  const float k = 1 + static_cast<float>(n) / 16384;
  const Tensor table = cast(iota({columns, 70}), f32) * k;
  auto body = [&](const Tensor& x) {
    switch (n % 5) {
      case 0: return exp(-(x * k + 1) * (x - k)) + x;
      case 1: return matmul(x * k, slice(Tensor(table), {0, 0}, {columns, 3}));
      case 2: return reduce_sum(x * k, 1) + reduce_max(x, 1);
      case 3: {
        Tensor y = x, i = 0;
        while_loop([&] { return i < 3; },
                   [&] {
                     y = y * 0.5f + k;
                     i += 1;
                   });
        return y;
      }
      default: return gather(x, Tensor({0, 0}), 0) * k;
    }
  };
  const Tensor x = cast(reshape(iota({rows * columns}), {rows, columns}), f32) * 0.125f;
  auto f = function(body, {.name = "f" + std::to_string(n)});
  const auto got = f(x).to_vector<float>(), want = body(x).to_vector<float>();
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    if (!(got[i] == Approx(want[i]).epsilon(1e-4).margin(1e-5))) FAIL("function " << n << ", element " << i);
  REQUIRE(f.stats().compiles == 1);
}

/// Growth after `warm` compiles, which fill every pool and retire contexts.
void stays_flat(int warm, int all) {
  for (int n = 0; n < warm; ++n) compile_one(n);
  const long start = resident_kib();
  std::printf("\n= %d compiles: %ld KiB\n", warm, start);
  for (int n = warm; n < all; ++n) {
    compile_one(n);
    if ((n + 1) % 1000 == 0) std::printf("= %d compiles: %ld KiB\n", n + 1, resident_kib());
  }
  const long grown = resident_kib() - start;
  std::printf("= grown by %ld KiB\n", grown);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // a sanitizer keeps freed memory
  CHECK(grown < 8 << 10);
#endif
}

}  // namespace

TEST_CASE("child: some hundred compiles", "[.]") { stays_flat(300, 600); }
TEST_CASE("child: ten thousand compiles", "[.]") { stays_flat(1000, 10000); }

TEST_CASE("memory stays flat over some hundred compiles") {
  run_child("child: some hundred compiles", {{"BURIN_MEMORY_CACHE_BYTES", "2M"}});
}

// Not run by itself, a minute or two: `test_frontend "memory stays flat over ten thousand compiles"`.
TEST_CASE("memory stays flat over ten thousand compiles", "[.]") {
  std::puts(run_child("child: ten thousand compiles", {{"BURIN_MEMORY_CACHE_BYTES", "2M"}}).c_str());
}
