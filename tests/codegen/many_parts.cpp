// Kernels of many parts: what compiling takes grows with their number, not with its square.
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

#include <ctime>

using namespace burin;
using namespace burin::test;

namespace {

/// Slices of one tensor, each an input's worth apart, put together again.
Graph joined(std::int64_t parts) {
  Builder b;
  auto x = b.argument({f32, {Dim(8 * parts)}});
  std::vector<ValueId> slices;
  for (std::int64_t i = 0; i < parts; ++i)
    slices.push_back(
        b.op(OpKind::slice, {x}, {std::vector<Dim>{8 * i}, std::vector<Dim>{5}, std::vector<std::int64_t>{1}}));
  b.result(b.op(OpKind::concatenate, slices, {std::int64_t{0}}));
  return std::move(b.graph);
}

double seconds(const Graph& graph) {
  auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  compiler::Request request;
  request.graph = &graph;
  const double before = now();
  REQUIRE(compiler::burin_compiler_api(compiler::api_version)->compile(request));
  return now() - before;
}

}  // namespace

TEST_CASE("Four times as many parts of a concatenation compile in about four times the time") {
  seconds(joined(20));
  const double once = seconds(joined(100)), four_times = seconds(joined(400));
  INFO("100 parts " << once << " s, 400 parts " << four_times << " s");
  CHECK(four_times < 9 * once);  // the square would be 16
}

TEST_CASE("A concatenation of many parts holds them in order") {
  const std::int64_t parts = 90;
  std::vector<float> numbers(static_cast<std::size_t>(8 * parts)), want;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<float>(i);
    if (i % 8 < 5) want.push_back(numbers[i]);
  }
  const Graph graph = joined(parts);
  for (auto level : {compiler::Options::Level::no_fuse, compiler::Options::Level::full}) {
    CompiledGraph compiled(graph, level);
    REQUIRE(compiled.ok());
    CHECK(values<float>(compiled.run({tensor<float>({8 * parts}, numbers)})[0]) == want);
  }
}
