// Running sums along the last axis, which are scanned in lanes: every dtype, direction and length around the lanes, the runs
// and the tails.
#include "compiler/graph/interpret.h"
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"
#include "tests/support/linalg_kernels.h"
#include "tests/support/seeds.h"

#include <random>

using namespace burin;
using namespace burin::test;

namespace {

Graph cumsum(Dtype dtype, const Shape& shape, bool exclusive, bool reverse) {
  Builder b;
  auto x = b.argument({dtype, shape});
  b.result(b.op(OpKind::cumsum, {x}, {static_cast<std::int64_t>(shape.size()) - 1, exclusive, reverse}));
  return std::move(b.graph);
}

/// Small whole numbers, whose sums every dtype's accumulator holds: each way to add gives the same.
HostTensor numbers(Dtype dtype, std::int64_t rows, std::int64_t n) {
  HostTensor t{{dtype, {Dim(rows), Dim(n)}}, {}};
  t.buffer = Buffer::allocate(t.num_bytes());
  std::mt19937_64 random(static_cast<std::uint64_t>(n) * 31 + static_cast<std::uint64_t>(dtype));
  for (std::int64_t i = 0; i < rows * n; ++i)
    set_element(t, i, std::uniform_int_distribution<int>(is_signed(dtype) || is_floating(dtype) ? -3 : 0, 3)(random));
  return t;
}

void same_as_referee(const Graph& graph, CompiledGraph& compiled, const HostTensor& x) {
  auto want = interpret(graph, std::vector{x});
  REQUIRE(want);
  HostTensor got = compiled.run({x})[0];
  INFO(to_string(x.type));
  CHECK(close(got, (*want)[0], 0));
}

}  // namespace

TEST_CASE("Scans of every dtype, direction and length") {
  for (const std::string& target : runnableTargets())
    for (Dtype dtype : dtypes_of(numeric_dtypes))
      for (bool exclusive : {false, true})
        for (bool reverse : {false, true}) {
          INFO(target << " " << name(dtype) << (exclusive ? " exclusive" : "") << (reverse ? " reverse" : ""));
          const Graph named = cumsum(dtype, {Dim(3), Dim("n")}, exclusive, reverse);
          CompiledGraph compiled(named, compiler::Options::Level::full, target);
          INFO(compiled.text());
          REQUIRE(compiled.ok());
          for (std::int64_t n = 0; n <= 70; ++n) same_as_referee(named, compiled, numbers(dtype, 3, n));
          for (std::int64_t n : {127, 128, 129, 255, 256, 257, 300, 1000})
            same_as_referee(named, compiled, numbers(dtype, 3, n));
          for (std::int64_t n : {1, 13, 64, 300}) {
            const Graph fixed = cumsum(dtype, {Dim(3), Dim(n)}, exclusive, reverse);
            CompiledGraph own(fixed, compiler::Options::Level::full, target);
            REQUIRE(own.ok());
            same_as_referee(fixed, own, numbers(dtype, 3, n));
          }
        }
}

TEST_CASE("An infinity or NaN reaches the sums behind it and no others") {
  for (const std::string& target : runnableTargets())
    for (Dtype dtype : dtypes_of(floating_dtypes))
      for (bool exclusive : {false, true})
        for (bool reverse : {false, true}) {
          INFO(target << " " << name(dtype));
          const Graph graph = cumsum(dtype, {Dim(1), Dim("n")}, exclusive, reverse);
          CompiledGraph compiled(graph, compiler::Options::Level::full, target);
          REQUIRE(compiled.ok());
          for (double special : {INFINITY, -INFINITY, NAN})
            for (std::int64_t at : {0, 5, 7, 8, 31, 127, 128, 140, 299}) {
              INFO(special << " at " << at);
              HostTensor x = numbers(dtype, 1, 300);
              set_element(x, at, special);
              same_as_referee(graph, compiled, x);
              set_element(x, (at * 7 + 3) % 300, -INFINITY);
              same_as_referee(graph, compiled, x);
            }
        }
}
