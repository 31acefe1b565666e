// Control flow in the Graph: text, verifier, digest and the referee's walk through regions.
#include "compiler/graph/inline.h"
#include "compiler/graph/interpret.h"

#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {

using Values = std::vector<ValueId>;

/// Adds x to itself as long as i < limit: `while (i < limit) { i = i + 1; x = x + x; print(x) }`.
Builder doubling() {
  Builder b;
  b.graph.name = "doubling";
  const ValueId x = b.argument({f32, {Dim("n")}}, "x"), limit = b.argument({i32, {}}, "limit");
  const ValueId zero = b.constant(scalar(0)), one = b.constant(scalar(1));
  auto results = b.loop(
      {zero, x}, [&](Values v) { return Values{b.op(OpKind::less, {v[0], limit}), v[0], v[1]}; },
      [&](Values v) {
        const ValueId next = b.op(OpKind::add, {v[1], v[1]});
        b.op(OpKind::print, {next}, {std::string("x")});
        return Values{b.op(OpKind::add, {v[0], one}), next};
      });
  b.result(results[0]);
  b.result(results[1]);
  return b;
}

/// c ? x + x : (print "no", x)
Builder choice() {
  Builder b;
  const ValueId c = b.argument({Dtype::boolean, {}}, "c"), x = b.argument({f32, {2}}, "x");
  b.result(b.branch(
      c, [&] { return Values{b.op(OpKind::add, {x, x})}; },
      [&] {
        b.op(OpKind::print, {x}, {std::string("no")});
        return Values{x};
      })[0]);
  return b;
}

std::string problem(const Graph& graph) {
  auto ok = verify(graph);
  return ok ? "" : ok.error().message + " [" + ok.error().tag + "]";
}

}  // namespace

TEST_CASE("Regions print indented, with what they take and yield") {
  CHECK(problem(doubling().graph).empty());
  CHECK(to_string(doubling().graph) == R"(doubling(
    %0: f32[n] argument "x",
    %1: i32[] argument "limit") {
  %2 = constant(value=0) : i32[]
  %3 = constant(value=1) : i32[]
  %4, %5 = while(%2, %0) : i32[], f32[n] {
    test(%6: i32[], %7: f32[n]):
      %8 = less(%6, %1) : bool[]
      yield %8, %6, %7
    body(%9: i32[], %10: f32[n]):
      %11 = add(%10, %10) : f32[n]
      print(%11, label="x")
      %12 = add(%9, %3) : i32[]
      yield %12, %11
  }
  return %4, %5
}
)");
}

TEST_CASE("A loop runs until its test fails, printing as it goes") {
  const Builder b = doubling();
  std::string printed;
  KernelSink sink;
  sink.self = &printed;
  sink.print = [](void* self, std::string_view label, const HostTensor& v) {
    *static_cast<std::string*>(self) += std::string(label) + std::to_string(static_cast<int>(v.data<float>()[0])) + " ";
  };
  auto r = interpret(b.graph, std::vector{tensor<float>({2}, {1, 10}), scalar(3)}, sink);
  REQUIRE(r);
  CHECK(values<std::int32_t>((*r)[0]) == std::vector<std::int32_t>{3});
  CHECK(values<float>((*r)[1]) == std::vector<float>{8, 80});
  CHECK(printed == "x2 x4 x8 ");
  auto none = interpret(b.graph, std::vector{tensor<float>({2}, {1, 10}), scalar(-1)});
  REQUIRE(none);
  CHECK(values<float>((*none)[1]) == std::vector<float>{1, 10});
}

TEST_CASE("Only the branch that is taken runs") {
  const Builder b = choice();
  REQUIRE(verify(b.graph));
  int prints = 0;
  KernelSink sink;
  sink.self = &prints;
  sink.print = [](void* self, std::string_view, const HostTensor&) { ++*static_cast<int*>(self); };
  const HostTensor x = tensor<float>({2}, {1, 2});
  auto yes = interpret(b.graph, std::vector{scalar(true), x}, sink);
  REQUIRE(yes);
  CHECK(values<float>((*yes)[0]) == std::vector<float>{2, 4});
  CHECK(prints == 0);
  auto no = interpret(b.graph, std::vector{scalar(false), x}, sink);
  REQUIRE(no);
  CHECK(values<float>((*no)[0]) == std::vector<float>{1, 2});
  CHECK(prints == 1);
}

TEST_CASE("A fault in a region names its op and line") {
  Builder b;
  const ValueId x = b.argument({f32, {3}}, "x"), last = b.argument({i32, {}}, "last"), one = b.constant(scalar(1));
  OpId gather{};
  b.line = b.graph.intern_line({"loop.cpp", "f", 7, 1});
  auto r = b.loop(
      {b.constant(scalar(0)), b.constant(scalar(0.0f))},
      [&](Values v) { return Values{b.op(OpKind::less, {v[0], last}), v[0], v[1]}; },
      [&](Values v) {
        const ValueId taken = b.op(OpKind::gather, {x, v[0]}, {std::int64_t{0}});
        gather = b.graph.defining_op(taken);
        return Values{b.op(OpKind::add, {v[0], one}), b.op(OpKind::add, {v[1], taken})};
      });
  b.result(r[1]);
  REQUIRE(verify(b.graph));
  const HostTensor data = tensor<float>({3}, {1, 2, 4});
  std::optional<OpId> faulted;
  auto good = interpret(b.graph, std::vector{data, scalar(3)}, {}, &faulted);
  REQUIRE(good);
  CHECK(values<float>((*good)[0]) == std::vector<float>{7});
  CHECK_FALSE(faulted.has_value());
  auto bad = interpret(b.graph, std::vector{data, scalar(4)}, {}, &faulted);
  REQUIRE_FALSE(bad);
  CHECK(faulted == gather);
  CHECK(bad.error().code == ErrorCode::device);
  CHECK(bad.error().message.find("gather: index 3 is out of range") == 0);
  CHECK(bad.error().where == "in \"function\" at loop.cpp:7");
  const burin_rt_fault fault{BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, static_cast<std::int32_t>(index(gather)), 0, 3};
  CHECK(fault_error(b.graph, fault).text() == bad.error().text());
}

TEST_CASE("The verifier checks regions") {
  SECTION("a value of a closed region") {
    Builder b = choice();
    const ValueId inside = b.graph.block(BlockId{1}).yields[0];
    b.result(b.op(OpKind::exp, {inside}));
    CHECK(problem(b.graph).find("[graph-dominance]") != std::string::npos);
  }
  SECTION("branches of different types") {
    Builder b;
    const ValueId c = b.argument({Dtype::boolean, {}}, "c"), x = b.argument({f32, {2}}, "x"),
                  y = b.argument({f32, {3}}, "y");
    b.branch(c, [&] { return Values{x}; }, [&] { return Values{y}; });
    CHECK(problem(b.graph).find("a branch's values are (f32[3]); expected (f32[2]) [graph-region-types]") !=
          std::string::npos);
  }
  SECTION("a condition that is no bool[]") {
    Builder b;
    const ValueId x = b.argument({f32, {2}}, "x");
    b.branch(x, [&] { return Values{x}; }, [&] { return Values{x}; });
    CHECK(problem(b.graph).find("takes one condition, bool[] [graph-type]") != std::string::npos);
  }
  SECTION("a body that yields another type than is carried") {
    Builder b;
    const ValueId x = b.argument({f32, {2}}, "x"), y = b.argument({f32, {}}, "y"),
                  c = b.argument({Dtype::boolean, {}}, "c");
    b.loop({y}, [&](Values v) { return Values{c, v[0]}; }, [&](Values) { return Values{x}; });
    CHECK(problem(b.graph).find("the body's values are (f32[2]); expected (f32[]) [graph-region-types]") !=
          std::string::npos);
  }
  SECTION("a test that yields no condition") {
    Builder b;
    const ValueId y = b.argument({f32, {}}, "y");
    b.loop({y}, [&](Values v) { return Values{v[0], v[0]}; }, [&](Values v) { return v; });
    CHECK(problem(b.graph).find("its test yields `again`, bool[], first [graph-type]") != std::string::npos);
  }
  SECTION("a region that belongs to two ops, and one that is missing") {
    Builder b;
    const ValueId c = b.argument({Dtype::boolean, {}}, "c");
    const BlockId shared = b.graph.add_block(BlockId::top);
    const ValueId operands[] = {c};
    b.graph.append(BlockId::top, OpKind::if_, operands, {}, {}, 0, {shared, shared});
    CHECK(problem(b.graph).find("has a region that is not its own [graph-regions]") != std::string::npos);
    Builder d;
    const ValueId again[] = {d.argument({Dtype::boolean, {}}, "c")};
    d.graph.append(BlockId::top, OpKind::if_, again, {}, {});
    CHECK(problem(d.graph).find("has 0 regions; expected 2 [graph-regions]") != std::string::npos);
  }
}

TEST_CASE("The digest sees regions, and which block an op stands in") {
  CHECK(hash(choice().graph) == hash(choice().graph));
  CHECK(hash(choice().graph) != hash(doubling().graph));
  auto placed = [](bool inside) {
    Builder b;
    const ValueId c = b.argument({Dtype::boolean, {}}, "c"), x = b.argument({f32, {2}}, "x");
    const ValueId outer = inside ? x : b.op(OpKind::exp, {x});
    b.result(
        b.branch(c, [&] { return Values{inside ? b.op(OpKind::exp, {x}) : outer}; }, [&] { return Values{x}; })[0]);
    return hash(b.graph);
  };
  CHECK(placed(true) != placed(false));
}

TEST_CASE("Regions are inlined with their sizes") {
  Builder outer;
  const ValueId x = outer.argument({f32, {4}}, "x"), limit = outer.argument({i32, {}}, "limit");
  const Values arguments{x, limit};
  auto r = inline_graph(outer.graph, BlockId::top, doubling().graph, arguments);
  REQUIRE(r);
  outer.result((*r)[1]);
  CHECK(problem(outer.graph).empty());
  auto run = interpret(outer.graph, std::vector{tensor<float>({4}, {1, 2, 3, 4}), scalar(2)});
  REQUIRE(run);
  CHECK(values<float>((*run)[0]) == std::vector<float>{4, 8, 12, 16});
}
