// Level `graph`: a Graph run through the referee, its inputs checked as a call checks them; inlining.
#include "compiler/graph/interpret.h"

#include "compiler/graph/evaluate.h"
#include "compiler/graph/inline.h"
#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {

/// matmul(x, w) + 1 over f32[n,2] and f32[2,2].
Builder affine() {
  Builder b;
  b.graph.name = "affine";
  const ValueId x = b.argument({f32, {Dim("n"), 2}}, "x"), w = b.argument({f32, {2, 2}}, "w");
  b.result(b.op(OpKind::add, {b.op(OpKind::matmul, {x, w}), b.constant(scalar(1.0f))}));
  return b;
}
const HostTensor& identity() {
  static const HostTensor t = tensor<float>({2, 2}, {1, 0, 0, 1});
  return t;
}

std::string failure(const Graph& g, const std::vector<HostTensor>& inputs) {
  auto r = interpret(g, inputs);
  REQUIRE_FALSE(r);
  return r.error().message + " [" + r.error().tag + "]";
}

}  // namespace

TEST_CASE("The referee runs a graph, whatever the named sizes are") {
  const Builder b = affine();
  for (std::int64_t n : {0, 1, 3}) {
    std::vector<float> x(static_cast<std::size_t>(2 * n)), want;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i), want.push_back(static_cast<float>(i) + 1);
    auto r = interpret(b.graph, std::vector{tensor<float>({n, 2}, x), identity()});
    REQUIRE(r);
    REQUIRE(r->size() == 1);
    CHECK((*r)[0].type == TensorType{f32, {n, 2}});
    CHECK(values<float>((*r)[0]) == want);
  }
}

TEST_CASE("Inputs that do not fit are refused with the words of a call") {
  const Builder b = affine();
  const HostTensor x = tensor<float>({1, 2}, {1, 2});
  CHECK(failure(b.graph, {x}) == "\"affine\" takes 2 tensors, 1 was given [argument-count]");
  CHECK(failure(b.graph, {x, tensor<float>({2}, {1, 2})}) ==
        "argument 'w': another rank: it is f32[2]; expected f32[2,2] [rank-mismatch]");
  CHECK(failure(b.graph, {x, tensor<float>({2, 1}, {1, 2})}) ==
        "argument 'w': dim 1 should be 2: it is f32[2,1]; expected f32[2,2] [shape-mismatch]");
  CHECK(failure(b.graph, {tensor<std::int32_t>({1, 2}, {1, 2}), identity()}) ==
        "argument 'x': another dtype: it is i32[1,2]; expected f32[n,2] [dtype-mismatch]");
}

TEST_CASE("A named size that two inputs share must be one number, and guards must hold") {
  Builder b;
  const Dim n("n");
  const ValueId x = b.argument({f32, {n}}, "x"), y = b.argument({f32, {n}}, "y");
  b.result(b.op(OpKind::add, {x, y}));
  CHECK(failure(b.graph, {tensor<float>({2}, {1, 2}), tensor<float>({1}, {1})}) ==
        "argument 'y': dim 0 should be 2 (n): it is f32[1]; expected f32[n] [shape-mismatch]");
  b.graph.add_guard({Guard::Kind::divisible, n, 2});
  CHECK(interpret(b.graph, std::vector{tensor<float>({2}, {1, 2}), tensor<float>({2}, {1, 2})}));
  CHECK(failure(b.graph, {tensor<float>({1}, {1}), tensor<float>({1}, {1})}) ==
        "\"function\" needs n % 2 == 0; the arguments make it 1 % 2 == 0 [guard]");
}

TEST_CASE("evaluate hands each op to its handler") {
  struct Names {
    Result<std::vector<std::string>> op(const Graph& g, OpId id, const Attributes&,
                                        std::span<const std::string> operands) {
      std::string s(op_info(g.op(id).kind).mnemonic);
      s += "(";
      for (const std::string& o : operands) s += (s.back() == '(' ? "" : ",") + o;
      return std::vector<std::string>{s + ")"};
    }
    Result<std::vector<std::string>> region(Evaluation<std::string, Names>&, OpId, std::span<const std::string>) {
      return std::vector<std::string>{};
    }
  } names;
  auto r = evaluate<std::string>(affine().graph, std::vector<std::string>{"x", "w"}, names);
  REQUIRE(r);
  CHECK(*r == std::vector<std::string>{"add(matmul(x,w),constant())"});
}

TEST_CASE("Inlining substitutes sizes and gives the same values") {
  const Builder inner = affine();
  Builder outer;
  const Dim m("m");
  const ValueId x = outer.argument({f32, {m * 2, 2}}, "x"), k = outer.argument({f32, {m}}, "k");
  const ValueId w = outer.argument({f32, {2, 2}}, "w");
  outer.result(k);
  const std::vector<ValueId> arguments{x, w};
  auto r = inline_graph(outer.graph, BlockId::top, inner.graph, arguments);
  REQUIRE(r);
  CHECK(to_string(outer.graph.type((*r)[0])) == "f32[2*m,2]");
  outer.result((*r)[0]);
  REQUIRE(verify(outer.graph));
  auto run =
      interpret(outer.graph, std::vector{tensor<float>({2, 2}, {1, 2, 3, 4}), tensor<float>({1}, {7}), identity()});
  REQUIRE(run);
  CHECK(values<float>((*run)[1]) == std::vector<float>{2, 3, 4, 5});
}

TEST_CASE("Guards of an inlined graph vanish, rise or refuse") {
  Builder inner;
  const Dim n("n");
  inner.result(inner.argument({f32, {n}}, "x"));
  inner.graph.add_guard({Guard::Kind::divisible, n, 4});
  auto into = [&](Dim size) {
    Builder outer;
    const std::vector<ValueId> x{outer.argument({f32, {size}}, "x")};
    auto r = inline_graph(outer.graph, BlockId::top, inner.graph, x);
    return r ? std::to_string(outer.graph.guards().size()) : r.error().tag;
  };
  CHECK(into(Dim("m") * 8) == "0");
  CHECK(into(Dim("m")) == "1");
  CHECK(into(6) == "guard");
}
