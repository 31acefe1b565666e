// accumulate: what is added to a running sum whole, and what only in the slices that it has.
#include "compiler/graph/accumulate.h"

#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

TEST_CASE("accumulate adds slices to the sum itself, and what else there is whole") {
  Builder b;
  const ValueId at = b.argument({Dtype::i64, {}}, "at"), row = b.argument({f32, {2}}, "row");
  const ValueId all = b.argument({f32, {3, 2}}, "all");
  const ValueId zero = b.op(OpKind::cast, {b.constant(scalar(0.0f))}, {f32});
  const ValueId zeros = b.op(OpKind::broadcast_to, {zero}, {std::vector<Dim>{3, 2}});
  b.result(row);
  b.result(
      b.op(OpKind::add, {b.op(OpKind::scatter_add, {zeros, at, row}, {std::int64_t{0}}), b.op(OpKind::exp, {all})}));
  const std::uint32_t summed[] = {1};
  const Graph g = accumulate(b.graph, summed);
  REQUIRE(verify(g));
  REQUIRE(g.inputs().size() == 4);
  REQUIRE(g.outputs().size() == 2);
  const ValueId sum = g.inputs()[3].value;
  CHECK(g.type(sum) == TensorType{f32, {3, 2}});
  CHECK(g.outputs()[0].value == g.inputs()[1].value);
  const Op& whole = g.op(g.defining_op(g.outputs()[1].value));
  REQUIRE(whole.kind == OpKind::add);
  const Op& slices = g.op(g.defining_op(g.operands(whole)[0]));
  REQUIRE(slices.kind == OpKind::scatter_add);
  CHECK(g.operands(slices)[0] == sum);
  std::size_t scatters = 0;
  for (std::uint32_t i = 0; i < g.num_ops(); ++i) scatters += g.op(OpId{i}).kind == OpKind::scatter_add;
  CHECK(scatters == 1);  // the one into zeros is gone
}

TEST_CASE("accumulate leaves alone what adds slices to something else than zeros") {
  Builder b;
  const ValueId at = b.argument({Dtype::i64, {}}, "at"), row = b.argument({f32, {2}}, "row");
  const ValueId all = b.argument({f32, {3, 2}}, "all");
  b.result(b.op(OpKind::scatter_add, {all, at, row}, {std::int64_t{0}}));
  const std::uint32_t summed[] = {0};
  const Graph g = accumulate(b.graph, summed);
  REQUIRE(verify(g));
  const Op& whole = g.op(g.defining_op(g.outputs()[0].value));
  CHECK(whole.kind == OpKind::add);
  CHECK(g.operands(whole)[0] == g.inputs()[3].value);
}
