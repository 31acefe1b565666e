// The sign of zero: compiled code gives the referee's, bit for bit, whatever the op, the dtype and the number of lanes.
#include "compiler/graph/interpret.h"
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

using namespace burin;
using namespace burin::test;

namespace {

const std::vector<double> special{0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, INFINITY, -INFINITY, NAN};

HostTensor cast_to(Dtype dtype, const std::vector<double>& numbers, const Shape& shape) {
  HostTensor t{{dtype, shape}, {}};
  t.buffer = Buffer::allocate(t.num_bytes());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    void* to = t.buffer.mutable_data();
    if (dtype == f64) static_cast<double*>(to)[i] = numbers[i];
    else if (dtype == f32) static_cast<float*>(to)[i] = static_cast<float>(numbers[i]);
    else static_cast<bfloat16*>(to)[i] = bfloat16(static_cast<float>(numbers[i]));
  }
  return t;
}

double element(const HostTensor& t, std::int64_t i) {
  if (t.type.dtype == f64) return t.data<double>()[i];
  return static_cast<double>(t.type.dtype == f32 ? t.data<float>()[i] : static_cast<float>(t.data<bfloat16>()[i]));
}

/// Where either value is a zero, both are, with one sign.
void same_zeros(const Graph& graph, const std::vector<HostTensor>& inputs, const std::string& what) {
  auto want = interpret(graph, inputs);
  REQUIRE(want);
  for (auto level : {compiler::Options::Level::no_fuse, compiler::Options::Level::full}) {
    CompiledGraph compiled(graph, level);
    REQUIRE(compiled.ok());
    auto got = compiled.run(inputs);
    for (std::size_t r = 0; r < got.size(); ++r) {
      if (!is_floating(got[r].type.dtype)) continue;
      for (std::int64_t i = 0; i < got[r].num_elements(); ++i) {
        const double g = element(got[r], i), w = element((*want)[r], i);
        if (g != 0 && w != 0) continue;
        INFO(what << " " << to_string(got[r].type) << ", result " << r << ", element " << i << ": " << g
                  << ", expected " << w);
        CHECK((g == w && std::signbit(g) == std::signbit(w)));
      }
    }
  }
}

}  // namespace

TEST_CASE("Elementwise ops give zeros the referee's sign") {
  for (Dtype dtype : {f32, f64, bf16})
    for (const OpInfo& info : catalogue()) {
      bool takes = info.elementwise;
      for (const DtypeClass& c : info.operand_dtypes) takes = takes && c.contains(dtype);
      if (!takes || info.operand_dtypes.size() > 2) continue;
      // Every pair, and each number beside a constant, in a vector and in what is left of one.
      std::vector<double> a, b;
      for (double x : special)
        for (double y : special) a.push_back(x), b.push_back(y);
      const Shape shape{Dim(static_cast<std::int64_t>(a.size()))};
      std::vector<HostTensor> inputs{cast_to(dtype, a, shape)};
      Builder graph;
      auto x = graph.argument({dtype, shape});
      if (info.operand_dtypes.size() == 1) {
        graph.result(graph.op(info.kind, {x}));
      } else {
        auto y = graph.argument({dtype, shape});
        inputs.push_back(cast_to(dtype, b, shape));
        graph.result(graph.op(info.kind, {x, y}));
        for (double c : {0.0, -0.0, 1.0}) {
          auto constant = graph.constant(cast_to(dtype, {c}, {}));
          graph.result(graph.op(info.kind, {x, constant}));
          graph.result(graph.op(info.kind, {constant, x}));
        }
      }
      same_zeros(graph.graph, inputs, std::string(info.mnemonic));
    }
}

TEST_CASE("Reductions of zeros have the referee's sign, wherever the zeros stand") {
  for (Dtype dtype : {f32, f64, bf16})
    for (bool rows : {true, false}) {
      // Row i has a +0 at place i alone; the last is all -0.
      constexpr std::int64_t n = 37;
      std::vector<double> x(static_cast<std::size_t>(n * n), -0.0);
      for (std::int64_t i = 0; i + 1 < n; ++i) x[static_cast<std::size_t>(i * n + i)] = 0.0;
      Builder b;
      auto in = b.argument({dtype, {n, n}});
      const std::vector<std::int64_t> axes{rows ? 1 : 0};
      b.result(b.op(OpKind::reduce_max, {in}, {axes, false}));
      b.result(b.op(OpKind::reduce_sum, {in}, {axes, false}));
      b.result(b.op(OpKind::reduce_sum, {in}, {std::vector<std::int64_t>{}, false}));
      b.result(b.op(OpKind::cumsum, {in}, {axes[0], false, false}));
      b.result(b.op(OpKind::cumsum, {in}, {axes[0], true, true}));
      b.result(b.op(OpKind::matmul, {in, in}));
      same_zeros(b.graph, {cast_to(dtype, x, {n, n})}, rows ? "rows" : "columns");
    }
}
