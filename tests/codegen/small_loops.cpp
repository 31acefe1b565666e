// Loops over few scalars as kernels: that they are, what they compute, and that bounds and faults hold as on the host.
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

#include <string>

using namespace burin;
using namespace burin::test;
using Level = compiler::Options::Level;

namespace {

using Values = std::vector<ValueId>;

bool host_loops(const CompiledGraph& compiled) {
  return compiled.report.host_program.find("scf.while") != std::string::npos;
}

/// Doubles x until it is `limit` or more, in at most `bound` trips where there is one.
Graph doubling(std::int64_t elements, std::optional<Dim> bound) {
  Builder b;
  const Shape shape = elements == 1 ? Shape{} : Shape{elements};
  const ValueId x = b.argument({Dtype::f32, shape}, "x");
  if (bound && !bound->is_known()) b.result(b.argument({Dtype::f32, {*bound}}, "like"));
  const ValueId limit = b.constant(scalar(100.0f));
  b.result(b.loop(
      {x},
      [&](Values v) {
        ValueId top = elements == 1 ? v[0] : b.op(OpKind::reduce_max, {v[0]}, {std::vector<std::int64_t>{0}, false});
        return Values{b.op(OpKind::less, {top, limit}), v[0]};
      },
      [&](Values v) { return Values{b.op(OpKind::add, {v[0], v[0]})}; }, bound)[0]);
  return std::move(b.graph);
}

}  // namespace

TEST_CASE("A loop over few elements is one kernel, one over many is the host's") {
  for (std::int64_t elements : {1, 16, 17}) {
    const Graph g = doubling(elements, {});
    CompiledGraph full(g, Level::full), slow(g, Level::no_fuse);
    REQUIRE((full.ok() && slow.ok()));
    CHECK(host_loops(full) == (elements > 16));
    CHECK(host_loops(slow));
    std::vector<float> values;
    for (std::int64_t i = 0; i < elements; ++i) values.push_back(3.0f - static_cast<float>(i) * 0.25f);
    const HostTensor x = elements == 1 ? scalar(3.0f) : tensor<float>({elements}, values);
    auto got = full.run({x});
    for (std::int64_t i = 0; i < elements; ++i)
      CHECK(got[0].data<float>()[i] == values[static_cast<std::size_t>(i)] * 64);
    CHECK(close(got[0], slow.run({x})[0], 0));
  }
}

TEST_CASE("A loop that is a kernel holds to its bound, a number or a size") {
  for (bool named : {false, true}) {
    const Graph g = doubling(1, named ? Dim("n") : Dim(3));
    CompiledGraph compiled(g, Level::full);
    REQUIRE(compiled.ok());
    CHECK(!host_loops(compiled));
    auto run = [&](float x) {
      std::vector<HostTensor> inputs{scalar(x)};
      if (named) inputs.push_back(tensor<float>({3}, {0, 0, 0}));
      int status = -1;
      auto results = compiled.run(inputs, false, &status);
      return std::pair(status, *results.back().data<float>());
    };
    CHECK(run(20.0f) == std::pair(static_cast<int>(BURIN_RT_OK), 160.0f));
    CHECK(run(12.0f).first == BURIN_RT_FAULT);
  }
}
