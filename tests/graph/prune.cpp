// Dead code: what goes, what stays, and what the graph still computes.
#include "compiler/graph/prune.h"
#include "compiler/graph/interpret.h"

#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {
using Values = std::vector<ValueId>;
}

TEST_CASE("Ops that nobody reads go; prints and possible faults stay") {
  Builder b;
  const ValueId x = b.argument({f32, {4}}, "x"), i = b.argument({i32, {1}}, "i");
  b.op(OpKind::exp, {b.op(OpKind::exp, {x})});
  b.op(OpKind::gather, {x, i}, {std::int64_t{0}});
  b.op(OpKind::print, {b.op(OpKind::add, {x, x})}, {std::string("x")});
  b.result(x);
  const Graph g = prune(b.graph);
  REQUIRE(verify(g));
  CHECK(to_string(g) == R"(function(
    %0: f32[4] argument "x",
    %1: i32[1] argument "i") {
  %2 = gather(%0, %1, axis=0) : f32[1]
  %3 = add(%0, %0) : f32[4]
  print(%3, label="x")
  return %0
}
)");
}

TEST_CASE("A carried value that only feeds itself is dropped, through nested loops") {
  Builder b;
  const ValueId n = b.argument({i32, {}}, "n"), zero = b.constant(scalar(0)), one = b.constant(scalar(1));
  const ValueId junk = b.constant(scalar(1.0f));
  auto outer = b.loop(
      {zero, junk, junk}, [&](Values v) { return Values{b.op(OpKind::less, {v[0], n}), v[0], v[1], v[2]}; },
      [&](Values v) {
        auto inner = b.loop(
            {zero, v[1]}, [&](Values w) { return Values{b.op(OpKind::less, {w[0], n}), w[0], w[1]}; },
            [&](Values w) { return Values{b.op(OpKind::add, {w[0], one}), b.op(OpKind::exp, {w[1]})}; });
        return Values{b.op(OpKind::add, {v[0], one}), inner[1], b.op(OpKind::exp, {v[1]})};
      });
  b.result(outer[0]);
  const Graph g = prune(b.graph);
  REQUIRE(verify(g));
  CHECK(to_string(g) == R"(function(
    %0: i32[] argument "n") {
  %1 = constant(value=0) : i32[]
  %2 = constant(value=1) : i32[]
  %3 = while(%1) : i32[] {
    test(%4: i32[]):
      %5 = less(%4, %0) : bool[]
      yield %5, %4
    body(%6: i32[]):
      %7 = add(%6, %2) : i32[]
      yield %7
  }
  return %3
}
)");
  auto r = interpret(g, std::vector{scalar(5)});
  REQUIRE(r);
  CHECK(values<std::int32_t>((*r)[0]) == std::vector<std::int32_t>{5});
}

TEST_CASE("Results of a branch that nobody reads go, the branch with them unless it has an effect") {
  auto made = [](bool effect) {
    Builder b;
    const ValueId c = b.argument({Dtype::boolean, {}}, "c"), x = b.argument({f32, {}}, "x");
    auto r = b.branch(
        c,
        [&] {
          if (effect) b.op(OpKind::print, {x}, {std::string("x")});
          return Values{b.op(OpKind::exp, {x}), x};
        },
        [&] { return Values{x, x}; });
    b.result(effect ? x : r[1]);
    return prune(b.graph);
  };
  CHECK(verify(made(false)));
  CHECK(verify(made(true)));
  CHECK(to_string(made(false)).find("exp") == std::string::npos);
  CHECK(to_string(made(true)).find("exp") == std::string::npos);
  CHECK(to_string(made(true)).find("print") != std::string::npos);
}

TEST_CASE("What is all alive is left alone") {
  Builder b;
  const ValueId x = b.argument({f32, {Dim("n")}}, "x");
  b.line = b.graph.intern_line({"a.cpp", "f", 3, 1});
  b.result(b.op(OpKind::exp, {x}), "y");
  CHECK(to_string(prune(b.graph)) == to_string(b.graph));
  CHECK(hash(prune(b.graph)) == hash(b.graph));
}
