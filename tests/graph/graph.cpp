// The Graph as data: building, text, digest, verifier.
#include "compiler/graph/graph.h"
#include "compiler/graph/print.h"

#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {

Builder mlp(std::int64_t hidden = 16) {
  Builder b;
  b.graph.name = "mlp";
  const Dim batch("batch");
  const ValueId x = b.argument({f32, {batch, 8}}, "x");
  const ValueId w = b.graph.add_input(InputKind::capture, {f32, {8, hidden}}, "w");
  b.line = b.graph.intern_line({"examples/mlp.cpp", "mlp", 12, 3});
  const ValueId y = b.op(OpKind::matmul, {x, w});
  b.result(b.op(OpKind::add, {y, b.constant(scalar(1.0f))}), "y");
  return b;
}

std::string problem(const Graph& graph) {
  auto ok = verify(graph);
  return ok ? "" : ok.error().text();
}

struct Fast {
  auto operator()(const Graph& g) const { return hash(g); }
};
struct Secure {
  auto operator()(const Graph& g) const { return secure_hash(g); }
};

}  // namespace

TEST_CASE("A graph prints one op a line, with types and source lines") {
  CHECK(to_string(mlp().graph) == R"(mlp(
    %0: f32[batch,8] argument "x",
    %1: f32[8,16] capture "w") {
  %2 = matmul(%0, %1) : f32[batch,16]  // examples/mlp.cpp:12
  %3 = constant(value=1) : f32[]  // examples/mlp.cpp:12
  %4 = add(%2, %3) : f32[batch,16]  // examples/mlp.cpp:12
  return %4 "y"
}
)");
  CHECK(to_string(mlp().graph, false).find("//") == std::string::npos);
}

TEMPLATE_TEST_CASE("The digests see the body and nothing of the tables", "", Fast, Secure) {
  constexpr TestType hash;
  const auto base = hash(mlp().graph);
  CHECK(hash(mlp().graph) == base);
  CHECK(hash(mlp().graph.copy()) == base);
  CHECK(hash(mlp(17).graph) != base);

  Builder renamed;
  renamed.graph.name = "other";
  const ValueId w = renamed.graph.add_input(InputKind::argument, {f32, {Dim("batch"), 8}}, "data");
  const ValueId v = renamed.graph.add_input(InputKind::capture, {f32, {8, 16}}, "weights");
  const ValueId y = renamed.op(OpKind::matmul, {w, v});
  renamed.result(renamed.op(OpKind::add, {y, renamed.constant(scalar(1.0f))}));
  CHECK(hash(renamed.graph) == base);

  Builder guarded = mlp();
  guarded.graph.add_guard({Guard::Kind::divisible, Dim("batch"), 16});
  CHECK(hash(guarded.graph) != base);
  Builder other = mlp();
  other.op(OpKind::exp, {ValueId{0}});
  CHECK(hash(other.graph) != base);
}

TEMPLATE_TEST_CASE("The digests tell constants, kinds of inputs and outputs, and operand order apart", "", Fast,
                   Secure) {
  constexpr TestType hash;
  auto made = [&](float c, InputKind kind, bool swap) {
    Builder b;
    const ValueId x = b.graph.add_input(kind, {f32, {4}}, "x"), k = b.constant(scalar(c));
    b.result(swap ? b.op(OpKind::add, {k, x}) : b.op(OpKind::add, {x, k}));
    return hash(b.graph);
  };
  const auto base = made(1, InputKind::argument, false);
  CHECK(made(2, InputKind::argument, false) != base);
  CHECK(made(1, InputKind::donated, false) != base);
  CHECK(made(1, InputKind::argument, true) != base);
}

TEMPLATE_TEST_CASE("The digests tell each byte of a constant, a text and a size apart, however long", "", Fast,
                   Secure) {
  constexpr TestType hash;
  for (std::int64_t n : {3, 5000}) {
    auto constant = [&](std::int64_t at) {
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(n));
      if (at >= 0) bytes[static_cast<std::size_t>(at)] = 1;
      Builder b;
      b.result(b.constant(tensor<std::uint8_t>({n}, bytes)));
      return hash(b.graph);
    };
    for (std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) CHECK(constant(at) != constant(-1));
    auto text = [&](char last) {
      Builder b;
      const ValueId x = b.argument({f32, {}}, "x");
      b.op(OpKind::print, {x}, {std::string(static_cast<std::size_t>(n - 1), 'a') + last});
      b.result(x);
      return hash(b.graph);
    };
    CHECK(text('a') != text('b'));
  }
  auto sized = [&](Dim d) {
    Builder b;
    b.result(b.argument({f32, {Dim("n"), Dim("m"), d}}, "x"));
    return hash(b.graph);
  };
  CHECK(sized(Dim("n") + 1) != sized(Dim("m") + 1));
  CHECK(sized(Dim("n") + 1) != sized(Dim("n") + 2));
  CHECK(sized(Dim("n")) == sized(Dim("n")));
}

TEST_CASE("Equal lines are kept once, and lines of texts that die are copied") {
  Graph g;
  const auto a = g.intern_line({"a.cpp", "f", 1, 1});
  CHECK(g.intern_line({"a.cpp", "f", 1, 1}) == a);
  CHECK(g.intern_line({"a.cpp", "f", 2, 1}) != a);
  std::uint32_t b = 0;
  {
    std::string file = "b-very-long-name-that-is-allocated.cpp";
    b = g.intern_line_copy({file, "g", 3, 4});
    file.assign(file.size(), 'x');
  }
  const Graph copy = g.copy();
  CHECK(copy.line(b).file == "b-very-long-name-that-is-allocated.cpp");
  for (std::uint32_t i = 0; i < 1000; ++i) g.intern_line({"c.cpp", "h", i, 0});
  CHECK(g.intern_line({"c.cpp", "h", 500, 0}) == g.intern_line({"c.cpp", "h", 500, 0}));
  CHECK(g.num_lines() == 1004);
}

TEST_CASE("A recorded graph verifies") { CHECK(problem(mlp().graph).empty()); }

TEST_CASE("The verifier names what does not hold") {
  SECTION("a result type that the shape rule does not give") {
    Builder b = mlp();
    const ValueId x[] = {ValueId{0}};
    const TensorType wrong[] = {{f32, {3}}};
    b.graph.append(BlockId::top, OpKind::exp, x, {}, wrong, b.line);
    CHECK(problem(b.graph).find("exp): result 0 is f32[3]; expected f32[batch,8] [graph-type]") != std::string::npos);
    CHECK(problem(b.graph).find("at examples/mlp.cpp:12") != std::string::npos);
  }
  SECTION("operands that do not fit the op") {
    Builder b = mlp();
    const ValueId x[] = {ValueId{0}};
    b.graph.append(BlockId::top, OpKind::add, x, {}, {});
    CHECK(problem(b.graph).find("[graph-type]") != std::string::npos);
  }
  SECTION("an operand that is not defined yet") {
    Builder b = mlp();
    const ValueId later[] = {ValueId{5}};
    const TensorType type[] = {{f32, {}}};
    b.graph.append(BlockId::top, OpKind::exp, later, {}, type);
    CHECK(problem(b.graph).find("[graph-dominance]") != std::string::npos);
  }
  SECTION("an operand that does not exist") {
    Builder b = mlp();
    const ValueId none[] = {ValueId::none};
    const TensorType type[] = {{f32, {}}};
    b.graph.append(BlockId::top, OpKind::exp, none, {}, type);
    CHECK(problem(b.graph).find("[graph-dominance]") != std::string::npos);
  }
  SECTION("an output that does not exist") {
    Builder b = mlp();
    b.result(ValueId{99});
    CHECK(problem(b.graph).find("[graph-output]") != std::string::npos);
  }
  SECTION("a state output without a state input") {
    Builder b = mlp();
    b.graph.add_output(OutputKind::state, ValueId{0}, "", 0);
    CHECK(problem(b.graph).find("[graph-output]") != std::string::npos);
  }
  SECTION("a size that no input gives") {
    Builder b;
    b.result(b.argument({f32, {Dim("n") * 2}}, "x"));
    CHECK(problem(b.graph).find("mentions the size 'n', which no input's shape gives by itself [graph-size-name]") !=
          std::string::npos);
  }
  SECTION("a size that overflows") {
    Builder b;
    b.argument({f32, {Dim::overflow()}}, "x");
    CHECK(problem(b.graph).find("[graph-size]") != std::string::npos);
  }
  SECTION("a size below zero, a tensor larger than any memory") {
    Builder b;
    b.argument({f32, {Dim(-1)}}, "x");
    CHECK(problem(b.graph).find("below zero") != std::string::npos);
    Builder c;
    c.argument({f32, {INT64_MAX, 2}}, "x");
    CHECK(problem(c.graph).find("larger than any memory") != std::string::npos);
  }
  SECTION("attributes of another kind") {
    Builder b = mlp();
    const TensorType type[] = {{f32, {}}};
    b.graph.append(BlockId::top, OpKind::constant, {}, {std::int64_t{1}}, type);
    CHECK(problem(b.graph).find("[graph-type]") != std::string::npos);
    Builder c = mlp();
    c.graph.append(BlockId::top, OpKind::constant, {}, {std::shared_ptr<const Constant>()}, type);
    CHECK(problem(c.graph).find("[graph-type]") != std::string::npos);
  }
}
