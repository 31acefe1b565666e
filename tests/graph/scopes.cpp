// remat and custom_gradient in the Graph: text, verifier, referee, and what prune leaves of them.
#include "compiler/graph/interpret.h"
#include "compiler/graph/prune.h"

#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {

using Values = std::vector<ValueId>;

/// A block that takes these types and yields what `body` makes of them.
template <class Body> BlockId region(Builder& b, std::vector<TensorType> types, Body body) {
  const BlockId r = b.graph.add_block(b.block), outer = b.block;
  for (const TensorType& type : types) b.graph.add_argument(r, type);
  b.block = r;
  b.graph.set_yields(r, body(Values(b.graph.block(r).arguments)));
  b.block = outer;
  return r;
}
ValueId append(Builder& b, OpKind kind, Values operands, std::vector<TensorType> results, std::vector<BlockId> regions,
               Attributes attributes = {}) {
  const OpId id = b.graph.append(b.block, kind, operands, std::move(attributes), results, 0, std::move(regions));
  return b.graph.result(b.graph.op(id));
}
const TensorType pair{f32, {2}};

/// y = exp(x) with a derivative that prints.
Builder custom(std::int64_t arguments = 1) {
  Builder b;
  b.graph.name = "custom";
  const ValueId x = b.argument(pair, "x");
  const BlockId body = region(b, {pair}, [&](Values v) { return Values{b.op(OpKind::exp, {v[0]})}; });
  const BlockId back = region(b, {pair, pair, pair}, [&](Values v) {
    b.op(OpKind::print, {v[2]}, {std::string("w")});
    return Values{b.op(OpKind::mul, {v[1], v[2]})};
  });
  b.result(append(b, OpKind::custom_gradient, {x}, {pair}, {body, back}, {arguments}));
  return b;
}
std::string problem(const Graph& g) {
  auto ok = verify(g);
  return ok ? "" : ok.error().text();
}

}  // namespace

TEST_CASE("a region with a derivative reads as body and backward") {
  const Builder b = custom();
  CHECK(problem(b.graph) == "");
  CHECK(to_string(b.graph, false) == R"(custom(
    %0: f32[2] argument "x") {
  %1 = custom_gradient(%0, arguments=1) : f32[2] {
    body(%2: f32[2]):
      %3 = exp(%2) : f32[2]
      yield %3
    backward(%4: f32[2], %5: f32[2], %6: f32[2]):
      print(%6, label="w")
      %7 = mul(%5, %6) : f32[2]
      yield %7
  }
  return %1
}
)");
}

TEST_CASE("the referee runs the body, and its derivative's effects are none of the op's") {
  const Builder b = custom();
  int prints = 0;
  KernelSink sink;
  sink.self = &prints;
  sink.print = [](void* self, std::string_view, const HostTensor&) { ++*static_cast<int*>(self); };
  const HostTensor x = tensor<float>({2}, {0, 1});
  auto made = interpret(b.graph, std::span(&x, 1), sink);
  REQUIRE(made);
  CHECK(values<float>(made->at(0))[0] == 1.0f);
  CHECK(prints == 0);
  CHECK(effects(b.graph, b.graph.op(b.graph.block(BlockId::top).ops[0])) == 0);
}

TEST_CASE("prune drops a region that nobody reads, and keeps one with what its derivative does") {
  Builder b = custom();
  const Graph kept = prune(b.graph);
  CHECK(to_string(kept, false) == to_string(b.graph, false));
  CHECK(problem(kept) == "");
  const std::vector<std::size_t> none;
  CHECK(prune(b.graph.copy(none)).block(BlockId::top).ops.empty());
}

TEST_CASE("the verifier holds such regions to their own arguments and types") {
  Builder outside;
  const ValueId x = outside.argument(pair, "x");
  const BlockId body = region(outside, {pair}, [&](Values) { return Values{x}; });
  outside.result(append(outside, OpKind::remat, {x}, {pair}, {body}));
  CHECK(problem(outside.graph).find("a region yields what is not defined in it or around it [graph-dominance]") !=
        std::string::npos);
  Builder types;
  const ValueId y = types.argument(pair, "x");
  const BlockId narrow = region(types, {{f32, {3}}}, [&](Values v) { return v; });
  types.result(append(types, OpKind::remat, {y}, {pair}, {narrow}));
  CHECK(problem(types.graph).find("the region's arguments are (f32[3]); expected (f32[2]) [graph-region-types]") !=
        std::string::npos);
  CHECK(problem(custom(2).graph).find("has 1 operands, which cannot hold its arguments [graph-attributes]") !=
        std::string::npos);
  CHECK(problem(custom(0).graph).find("the values of its derivative are (f32[2]); expected () [graph-region-types]") !=
        std::string::npos);
}
