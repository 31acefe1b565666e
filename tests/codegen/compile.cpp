// Graphs through the whole compiler, mapped by burin_rt and run, against the referee: chains, broadcasts, reductions,
// matrix products, control flow, state, named sizes, constants of both kinds, prints.
#include "compiler/graph/interpret.h"
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

#include <numeric>

using namespace burin;
using namespace burin::test;

namespace {

HostTensor ramp(std::vector<std::int64_t> dims, float from, float step) {
  std::int64_t n = std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = from + step * static_cast<float>(i % 97);
  return tensor<float>(dims, values);
}

TensorType type(Dtype dtype, Shape shape) { return {dtype, shape}; }

/// Compiles at both levels and compares with the referee.
void agrees(const Graph& graph, const std::vector<HostTensor>& inputs, double tolerance = 1e-5) {
  auto expected = interpret(graph, inputs);
  REQUIRE(expected);
  for (auto level : {compiler::Options::Level::no_fuse, compiler::Options::Level::full}) {
    CompiledGraph compiled(graph, level);
    INFO(compiled.text());
    REQUIRE(compiled.ok());
    auto results = compiled.run(inputs);
    REQUIRE(results.size() == expected->size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      INFO("result " << i << ", level " << static_cast<int>(level));
      REQUIRE(close(results[i], (*expected)[i], tolerance));
    }
  }
}

}  // namespace

TEST_CASE("an elementwise chain with broadcasts is what the referee computes") {
  Builder b;
  auto x = b.argument(type(f32, {4, 33})), y = b.argument(type(f32, {33}));
  auto sum = b.op(OpKind::add, {x, y});
  b.result(b.op(OpKind::exp, {b.op(OpKind::mul, {sum, b.constant(scalar(0.5f))})}));
  b.result(sum);
  agrees(b.graph, {ramp({4, 33}, -1, 0.02f), ramp({33}, 0.5f, 0.01f)});
}

TEST_CASE("named sizes are computed at run time") {
  Builder b;
  Dim n("n");
  auto x = b.argument(type(f32, {n, 16})), y = b.argument(type(f32, {n, 16}));
  auto total = b.op(OpKind::reduce_sum, {b.op(OpKind::mul, {x, y})}, {std::vector<std::int64_t>{1}, false});
  b.result(total);
  b.result(
      b.op(OpKind::add, {b.op(OpKind::matmul, {x, b.op(OpKind::transpose, {y}, {std::vector<std::int64_t>{1, 0}})}),
                         b.constant(scalar(1.0f))}));
  for (std::int64_t size : {0, 1, 7, 40})
    agrees(b.graph, {ramp({size, 16}, 0, 0.1f), ramp({size, 16}, 1, -0.05f)}, 1e-4);
}

TEST_CASE("a multilayer perceptron with softmax agrees") {
  Builder b;
  auto x = b.argument(type(f32, {8, 20})), w = b.argument(type(f32, {20, 12})), bias = b.argument(type(f32, {12}));
  auto h = b.op(OpKind::add, {b.op(OpKind::matmul, {x, w}), bias});
  auto relu = b.op(OpKind::max, {h, b.constant(scalar(0.0f))});
  auto top = b.op(OpKind::reduce_max, {relu}, {std::vector<std::int64_t>{1}, true});
  auto e = b.op(OpKind::exp, {b.op(OpKind::sub, {relu, top})});
  b.result(b.op(OpKind::div, {e, b.op(OpKind::reduce_sum, {e}, {std::vector<std::int64_t>{1}, true})}));
  agrees(b.graph, {ramp({8, 20}, -1, 0.03f), ramp({20, 12}, 0.5f, -0.01f), ramp({12}, 0, 0.1f)}, 1e-5);
}

TEST_CASE("constants above 64 elements reach the program as blobs") {
  Builder b;
  auto x = b.argument(type(f32, {100}));
  b.result(b.op(OpKind::add, {x, b.constant(ramp({100}, 3, 1))}));
  b.result(b.constant(ramp({5}, 1, 1)));
  agrees(b.graph, {ramp({100}, 0, 1)});
}

TEST_CASE("branches run the side that the condition says") {
  Builder b;
  auto x = b.argument(type(f32, {10})), c = b.argument(type(Dtype::boolean, {}));
  BlockId yes = b.graph.add_block(BlockId::top), no = b.graph.add_block(BlockId::top);
  b.block = yes;
  auto doubled = b.op(OpKind::add, {x, x});
  b.graph.set_yields(yes, std::vector<ValueId>{doubled});
  b.block = no;
  b.graph.set_yields(no, std::vector<ValueId>{x});
  b.block = BlockId::top;
  TensorType t = type(f32, {10});
  OpId op =
      b.graph.append(BlockId::top, OpKind::if_, std::vector<ValueId>{c}, {}, std::vector<TensorType>{t}, 0, {yes, no});
  auto r = b.graph.result(b.graph.op(op));
  b.result(b.op(OpKind::exp, {r}));
  for (bool which : {true, false}) agrees(b.graph, {ramp({10}, 0, 0.1f), scalar(which)});
}

TEST_CASE("a loop carries values, swaps them and ends") {
  Builder b;
  auto i0 = b.argument(type(i32, {})), x0 = b.argument(type(f32, {70})), y0 = b.argument(type(f32, {70}));
  TensorType s = type(i32, {}), v = type(f32, {70});
  BlockId test = b.graph.add_block(BlockId::top), body = b.graph.add_block(BlockId::top);
  auto ti = b.graph.add_argument(test, s), tx = b.graph.add_argument(test, v), ty = b.graph.add_argument(test, v);
  b.block = test;
  auto again = b.op(OpKind::less, {ti, b.constant(scalar<std::int32_t>(7))});
  b.graph.set_yields(test, std::vector<ValueId>{again, ti, tx, ty});
  auto bi = b.graph.add_argument(body, s), bx = b.graph.add_argument(body, v), by = b.graph.add_argument(body, v);
  b.block = body;
  auto next = b.op(OpKind::add, {bi, b.constant(scalar<std::int32_t>(1))});
  auto sum = b.op(OpKind::add, {bx, by});
  b.graph.set_yields(body, std::vector<ValueId>{next, by, sum});
  b.block = BlockId::top;
  OpId op = b.graph.append(BlockId::top, OpKind::while_, std::vector<ValueId>{i0, x0, y0},
                           region_attributes(OpKind::while_), std::vector<TensorType>{s, v, v}, 0, {test, body});
  const Op& loop = b.graph.op(op);
  b.result(b.graph.result(loop, 0));
  b.result(b.op(OpKind::mul, {b.graph.result(loop, 1), b.graph.result(loop, 2)}));
  for (int start : {0, 6, 9})
    agrees(b.graph, {scalar<std::int32_t>(start), ramp({70}, 0, 0.01f), ramp({70}, 1, 0.02f)}, 1e-4);
}

TEST_CASE("a loop that exchanges its carried values keeps both") {
  Builder b;
  auto i0 = b.argument(type(i32, {})), x0 = b.argument(type(f32, {9})), y0 = b.argument(type(f32, {9}));
  TensorType s = type(i32, {}), v = type(f32, {9});
  BlockId test = b.graph.add_block(BlockId::top), body = b.graph.add_block(BlockId::top);
  auto ti = b.graph.add_argument(test, s), tx = b.graph.add_argument(test, v), ty = b.graph.add_argument(test, v);
  b.block = test;
  auto again = b.op(OpKind::less, {ti, b.constant(scalar<std::int32_t>(3))});
  b.graph.set_yields(test, std::vector<ValueId>{again, ti, tx, ty});
  auto bi = b.graph.add_argument(body, s), bx = b.graph.add_argument(body, v), by = b.graph.add_argument(body, v);
  b.block = body;
  auto next = b.op(OpKind::add, {bi, b.constant(scalar<std::int32_t>(1))});
  b.graph.set_yields(body, std::vector<ValueId>{next, by, bx});
  b.block = BlockId::top;
  OpId op = b.graph.append(BlockId::top, OpKind::while_, std::vector<ValueId>{i0, x0, y0},
                           region_attributes(OpKind::while_), std::vector<TensorType>{s, v, v}, 0, {test, body});
  for (std::uint32_t r = 0; r < 3; ++r) b.result(b.graph.result(b.graph.op(op), r));
  for (int start : {0, 1, 5}) agrees(b.graph, {scalar<std::int32_t>(start), ramp({9}, 0, 1), ramp({9}, 100, 1)});
}

TEST_CASE("state is overwritten in place, after its last read") {
  Builder b;
  auto p = b.graph.add_input(InputKind::state, type(f32, {50}), "p");
  auto g = b.argument(type(f32, {50}));
  auto next = b.op(OpKind::sub, {p, b.op(OpKind::mul, {g, b.constant(scalar(0.1f))})});
  b.graph.add_output(OutputKind::state, next, "p", 0);
  b.result(b.op(OpKind::reduce_sum, {b.op(OpKind::mul, {p, p})}, {std::vector<std::int64_t>{0}, false}), "norm");
  std::vector<HostTensor> inputs{ramp({50}, 1, 0.5f), ramp({50}, 2, 0.1f)};
  auto expected = interpret(b.graph, inputs);
  REQUIRE(expected);
  for (bool same : {false, true}) {
    CompiledGraph compiled(b.graph, compiler::Options::Level::full);
    REQUIRE(compiled.ok());
    HostTensor state = ramp({50}, 1, 0.5f);
    auto results = compiled.run({state, inputs[1]}, same);
    CHECK(close(results[0], (*expected)[0], 1e-6));
    CHECK(close(results[1], (*expected)[1], 1e-5));
  }
}

TEST_CASE("the report tells the stages, the kernels and the plan") {
  Builder b;
  auto x = b.argument(type(f32, {1000}));
  b.result(b.op(OpKind::exp, {b.op(OpKind::add, {x, x})}));
  CompiledGraph compiled(b.graph, compiler::Options::Level::full);
  REQUIRE(compiled.ok());
  const compiler::Report& report = compiled.report;
  REQUIRE(report.kernels.size() == 1);
  CHECK(report.kernels[0].name == "add_exp_0");
  CHECK(report.kernels[0].code_bytes > 100);
  CHECK(report.arena_bytes == 0);
  CHECK(report.host_program.find("burin_host.launch @add_exp_0") != std::string::npos);
  REQUIRE(!report.remarks.empty());
  CHECK(report.remarks[0].pass == "fuse-kernels");
  CHECK(report.stages.front().name == "00-import");
  CHECK(report.stages.front().text.find("burin.add") != std::string::npos);
}

TEST_CASE("temporaries that are too large together are refused when compiled, and the message names one") {
  Builder b;
  b.graph.name = "large";
  auto x = b.op(OpKind::broadcast_to, {b.argument(type(f32, {}))}, {std::vector<Dim>{(std::int64_t{1} << 60) - 1}});
  auto first = b.op(OpKind::cumsum, {x}, {std::int64_t{0}, false, false});
  auto second = b.op(OpKind::cumsum, {first}, {std::int64_t{0}, true, false});
  b.result(b.op(OpKind::reduce_sum, {b.op(OpKind::cumsum, {second}, {std::int64_t{0}, false, false})},
                {std::vector<std::int64_t>{0}, false}));
  b.result(b.op(OpKind::reduce_max, {first}, {std::vector<std::int64_t>{0}, false}));
  compiler::Request request;
  request.graph = &b.graph;
  auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
  REQUIRE(!image);
  CHECK(image.error().code == ErrorCode::invalid_argument);
  INFO(image.error().text());
  CHECK(image.error().message.ends_with(": no memory for the result f32[1152921504606846975]"));
  CHECK(image.error().tag == "too-large");
  CHECK(image.error().where == "in \"large\"");
}

TEST_CASE("more temporaries of named sizes than one expression holds have their places") {
  Builder b;
  std::vector<HostTensor> inputs;
  for (int i = 0; i < 300; ++i) {
    auto x = b.argument(type(f32, {Dim("n" + std::to_string(i))}));
    b.result(b.op(OpKind::reduce_sum, {b.op(OpKind::cumsum, {x}, {std::int64_t{0}, false, false})},
                  {std::vector<std::int64_t>{0}, false}));
    inputs.push_back(ramp({i % 7 + 1}, 1, 1));
  }
  CompiledGraph compiled(b.graph, compiler::Options::Level::full);
  REQUIRE(compiled.ok());
  auto expected = interpret(b.graph, inputs);
  REQUIRE(expected);
  auto results = compiled.run(inputs);
  for (std::size_t i = 0; i < results.size(); ++i) CHECK(close(results[i], (*expected)[i], 1e-6));
}

TEST_CASE("an unknown target is the user's mistake, not ours") {
  Builder b;
  b.result(b.op(OpKind::exp, {b.argument(type(f32, {3}))}));
  compiler::Request request;
  request.graph = &b.graph;
  request.options.target = "pentium-ultra";
  auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
  REQUIRE(!image);
  CHECK(image.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("an image for another machine is refused in one line before anything is compiled") {
  Builder b;
  b.result(b.op(OpKind::exp, {b.argument(type(f32, {3}))}));
  compiler::Request request;
  request.graph = &b.graph;
  request.options.target = "cortex-a72";
  auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
  REQUIRE(!image);
  CHECK(image.error().code == ErrorCode::unsupported);
  CHECK(image.error().message ==
        "target: code for \"cortex-a72\" (aarch64) does not run on this machine, which is x86-64");
  CHECK(image.error().tag == "foreign-target");
}
