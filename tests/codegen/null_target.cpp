// The null target: op records and random programs through all passes, plans and loops, without an instruction of a CPU.
#include "compiler/codegen/null/Program.h"
#include "compiler/driver/Compile.h"
#include "compiler/graph/interpret.h"
#include "compiler/graph/sizes.h"

#include "runtime/core/cpu_features.h"

#include "tests/support/compiled_graph.h"
#include "tests/support/goldens.h"
#include "tests/support/graphs.h"
#include "tests/support/random_graph.h"
#include "tests/support/read_cases.h"
#include "tests/support/seeds.h"

using namespace burin;
using namespace burin::test;
using codegen::host::HostStatus;
using codegen::null::Program;

namespace {

struct Ran {
  Program::Outcome outcome;
  std::vector<HostTensor> outputs;
};

Result<Ran> run_null(const Graph& graph, compiler::Options::Level level, std::span<const HostTensor> inputs,
                     std::span<const DimBinding> bindings) {
  compiler::Request request;
  request.graph = &graph;
  request.options.target = "null";
  request.options.level = level;
  auto compiled = compiler::compileGraph(request);
  if (!compiled) return compiled.error();
  auto section = compiled->section("ir");
  if (!section) return section.error();
  auto program = Program::load(**section);
  if (!program) return program.error();
  std::vector<void*> buffers;
  for (const HostTensor& input : inputs) buffers.push_back(const_cast<void*>(input.buffer.data()));
  for (const auto& blob : compiled->blobs) buffers.push_back(const_cast<void*>(blob->value.buffer.data()));
  Ran ran;
  for (const Output& output : graph.outputs()) {
    HostTensor t{graph.type(output.value), {}};
    for (std::size_t d = 0; d < t.type.shape.size(); ++d) t.type.shape[d] = substitute(t.type.shape[d], bindings);
    t.buffer = Buffer::allocate(t.num_bytes());
    buffers.push_back(t.buffer.mutable_data());
    ran.outputs.push_back(t);
  }
  std::vector<std::int64_t> sizes;
  for (const std::string& name : compiled->sizes)
    for (const DimBinding& binding : bindings)
      if (binding.name == name) sizes.push_back(binding.value.value());
  ran.outcome = (*program)->run(buffers, sizes);
  return ran;
}

Result<std::vector<HostTensor>> run_op(compiler::Options::Level level, OpKind kind, std::span<const HostTensor> inputs,
                                       const Attributes& attributes) {
  Graph graph;
  std::vector<ValueId> operands;
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    types.push_back(inputs[i].type);
    operands.push_back(graph.add_input(InputKind::argument, inputs[i].type, "arg" + std::to_string(i)));
  }
  auto results = infer_types(kind, {.operands = types, .attributes = attributes});
  if (!results) return results.error();
  OpId op = graph.append(BlockId::top, kind, operands, attributes, *results);
  graph.add_output(OutputKind::result, graph.result(graph.op(op)), "result");
  auto ran = run_null(graph, level, inputs, {});
  if (!ran) return ran.error();
  if (ran->outcome.Fault)
    return fault_error(op_info(kind), static_cast<burin_rt_fault_kind>(ran->outcome.Fault->kind),
                       ran->outcome.Fault->index, ran->outcome.Fault->value);
  if (ran->outcome.Status != HostStatus::done) return Error{ErrorCode::internal, ran->outcome.Error, "null", "", ""};
  return ran->outputs;
}

}  // namespace

TEST_CASE("ops evaluated from plans and loops compute what NumPy computes") {
  for (auto level : {compiler::Options::Level::full, compiler::Options::Level::no_fuse})
    check_goldens(std::bind_front(run_op, level));
}

TEST_CASE("Random graphs compute from plans and loops what they compute slowly") {
  const Seeds seeds(60);
  for (auto level : {compiler::Options::Level::full, compiler::Options::Level::no_fuse})
    for (std::uint64_t seed = seeds.first; seed < seeds.last; ++seed) {
      Case c = random_case(seed, {});
      auto expected = reference(c);
      REQUIRE(expected);
      if (!expected->decided) continue;
      std::vector<TensorType> types;
      for (const HostTensor& input : c.inputs) types.push_back(input.type);
      auto bindings = bind_sizes(c.graph, types);
      REQUIRE(bindings);
      auto ran = run_null(c.graph, level, c.inputs, *bindings);
      std::string why = !ran                                      ? ran.error().text()
                        : ran->outcome.Status != HostStatus::done ? "failed: " + ran->outcome.Error
                                                                  : difference(*expected, ran->outputs);
      INFO("seed " << seed << ", level " << static_cast<int>(level) << "\n" << test::to_string(c));
      REQUIRE(why == "");
    }
}

TEST_CASE("Pads, slices and joins are read right by plans that are evaluated") {
  for (const ReadPattern& pattern : read_patterns)
    for (bool named : {false, true})
      for (Dtype dtype : {Dtype::f32, Dtype::i32, Dtype::boolean}) {
        Case c = read_case(pattern, dtype, {3, 9, named});
        auto expected = reference(c);
        REQUIRE(expected);
        std::vector<TensorType> types;
        for (const HostTensor& input : c.inputs) types.push_back(input.type);
        auto bindings = bind_sizes(c.graph, types);
        REQUIRE(bindings);
        auto ran = run_null(c.graph, compiler::Options::Level::full, c.inputs, *bindings);
        INFO(pattern.name << ", " << to_string(dtype) << (named ? ", named" : ""));
        REQUIRE(ran);
        CHECK(ran->outcome.Status == HostStatus::done);
        CHECK(difference(*expected, ran->outputs) == "");
      }
}

TEST_CASE("The null target makes no image that the runtime maps, and no C function") {
  Builder b;
  b.result(b.op(OpKind::exp, {b.argument({Dtype::f32, Shape({4})})}));
  compiler::Request request;
  request.graph = &b.graph;
  request.options.target = "null";
  const compiler::Api* api = compiler::burin_compiler_api(compiler::api_version);
  auto image = api->compile(request);
  REQUIRE(!image);
  CHECK(image.error().code == ErrorCode::unsupported);
  CHECK(image.error().message ==
        "target: code for \"null\" (null) does not run on this machine, which is " + std::string(rt::architecture()));
  auto object = api->compile_aot(request, {.symbol = "f", .captures = {}});
  REQUIRE(!object);
  CHECK(object.error().message == "target: \"null\" makes no C functions");
}

TEST_CASE("A scatter whose updates are the tensor itself is not done in place") {
  // y dies in the scatter that reads it twice: as what is written over, and as what is written.
  Builder b;
  auto x = b.argument({Dtype::f32, Shape({4})}), indices = b.argument({Dtype::i32, Shape({4})});
  auto y = b.op(OpKind::add, {x, x});
  b.result(b.op(OpKind::scatter, {y, indices, y}, {std::int64_t{0}}));
  const std::vector<HostTensor> inputs{tensor<float>({4}, {1, 2, 3, 4}), tensor<std::int32_t>({4}, {3, 2, 1, 0})};
  auto ran = run_null(b.graph, compiler::Options::Level::full, inputs, {});
  REQUIRE(ran);
  REQUIRE(ran->outcome.Status == HostStatus::done);
  CHECK(values<float>(ran->outputs[0]) == std::vector<float>{8, 6, 4, 2});
  CompiledGraph compiled(b.graph, compiler::Options::Level::full);
  REQUIRE(compiled.ok());
  CHECK(values<float>(compiled.run(inputs)[0]) == std::vector<float>{8, 6, 4, 2});
}
