// Memory over many compiles through `function`: ever new bodies, each called and thrown away. Contexts, code generators,
// mapped code, traces and constants must all go; only the cache of compiled code may stay, to its bound, which the child
// process makes small. Memory over many calls: of one shape, of ever new ones through named sizes, of ever new ones through
// traces of their own.
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

void flat_since(long start, const char* what) {
  const long grown = resident_kib() - start;
  std::printf("= %s: grown by %ld KiB\n", what, grown);
#ifndef BURIN_SANITIZED  // a sanitizer keeps freed memory
  CHECK(grown < 8 << 10);
#endif
}

/// `calls` of one shape; `edge` squared shapes of a function with named sizes; `traces` shapes of one without.
void calls_stay_flat(int calls, int edge, int traces) {
  auto body = [](const Tensor& x) { return reduce_sum(cumsum(x * 2.0f, 1), 0) + 1.0f; };
  auto right = [](const Tensor& y, int rows, int columns) {
    // Of ones: 2 * rows * (j + 1) + 1 at column j.
    return y.shape(0).value() == columns && y.to_vector<float>().back() == static_cast<float>(2 * rows * columns + 1);
  };
  auto one = function(body, {.name = "one"});
  const Tensor ones = full({3, 5}, 1.0f);
  for (int i = 0; i < calls / 10; ++i) one(ones);
  long start = resident_kib();
  for (int i = 0; i < calls; ++i)
    if (!right(one(ones), 3, 5)) FAIL("call " << i);
  flat_since(start, "calls");

  auto named = function(body, {.name = "named", .signature = {spec<f32>({"rows", "columns"})}});
  auto shapes = [&](auto& f, int from, int to, int wide) {
    for (int i = from; i < to; ++i) {
      const int rows = 1 + i / wide, columns = 1 + i % wide;
      if (!right(f(full({rows, columns}, 1.0f)), rows, columns)) FAIL(rows << " times " << columns);
    }
  };
  shapes(named, edge * (edge - edge / 10), edge * edge, edge);  // the largest first: caches of memory are full then
  start = resident_kib();
  shapes(named, 0, edge * edge, edge);
  CHECK(named.stats().traces == 1);
  flat_since(start, "shapes of one trace");

  auto own = function(body, {.name = "own", .max_entries = 16});
  shapes(own, 0, traces / 2, 40);
  start = resident_kib();
  shapes(own, traces / 2, traces + traces / 2, 40);
  CHECK(own.stats().entries == 16);
  flat_since(start, "traces");
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
  flat_since(start, "compiles");
}

}  // namespace

TEST_CASE("child: some hundred compiles", "[.]") { stays_flat(300, 600); }
TEST_CASE("child: ten thousand compiles", "[.]") { stays_flat(1000, 10000); }
TEST_CASE("child: some thousand calls", "[.]") { calls_stay_flat(20000, 40, 100); }
TEST_CASE("child: a million calls", "[.]") { calls_stay_flat(1000000, 317, 1000); }

TEST_CASE("memory stays flat over some hundred compiles") {
  run_child("child: some hundred compiles", {{"BURIN_MEMORY_CACHE_BYTES", "2M"}});
}

// Not run by itself, a minute or two: `test_frontend "memory stays flat over ten thousand compiles"`.
TEST_CASE("memory stays flat over ten thousand compiles", "[.]") {
  std::puts(run_child("child: ten thousand compiles", {{"BURIN_MEMORY_CACHE_BYTES", "2M"}}).c_str());
}

TEST_CASE("memory stays flat over some thousand calls") {
  run_child("child: some thousand calls", {{"BURIN_MEMORY_CACHE_BYTES", "1M"}});
}

// Not run by itself, some minutes: 10^6 calls, 10^5 shapes of one trace, 10^3 of traces of their own.
TEST_CASE("memory stays flat over a million calls", "[.]") {
  std::puts(run_child("child: a million calls", {{"BURIN_MEMORY_CACHE_BYTES", "1M"}}).c_str());
}
