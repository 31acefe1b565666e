// The NumPy-made cases through the compiler: each a graph of one op, on this machine.
#include "frontend/execute/executable.h"
#include "tests/support/goldens.h"

using namespace burin;
using namespace burin::test;

namespace {

Result<std::vector<HostTensor>> run_compiled(bool fuse, OpKind kind, std::span<const HostTensor> inputs,
                                             const Attributes& attributes) {
  auto graph = std::make_shared<Graph>();
  std::vector<ValueId> operands;
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    types.push_back(inputs[i].type);
    operands.push_back(graph->add_input(InputKind::argument, inputs[i].type, "arg" + std::to_string(i)));
  }
  auto results = infer_types(kind, {.operands = types, .attributes = attributes});
  if (!results) return results.error();
  OpId op = graph->append(BlockId::top, kind, operands, attributes, *results);
  graph->add_output(OutputKind::result, graph->result(graph->op(op)), "result");

  burin::detail::ExecutableStats stats;
  auto executable = burin::detail::compiled(graph, fuse, stats);
  if (!executable) return executable.error();
  if (!stats.compiled && !stats.memory_hit && !stats.disk_hit)
    return Error{ErrorCode::internal, "not compiled", "conformance", "", ""};
  const std::vector<DeviceTensor> given(inputs.begin(), inputs.end());
  std::vector<const DeviceTensor*> pointers;
  for (const DeviceTensor& input : given) pointers.push_back(&input);
  std::vector<DeviceTensor> outputs;
  for (const TensorType& type : *results) {
    DeviceTensor output{type, {}};
    output.buffer = Buffer::allocate(output.num_bytes());
    outputs.push_back(output);
  }
  std::vector<DeviceTensor*> destinations;
  for (DeviceTensor& output : outputs) destinations.push_back(&output);
  if (auto ok = (*executable)->run(pointers, destinations, {}); !ok) return ok.error();
  std::vector<HostTensor> read;
  for (const DeviceTensor& output : outputs) read.push_back(host_view(output));
  return read;
}

}  // namespace

TEST_CASE("compiled ops compute what NumPy computes") { check_goldens(std::bind_front(run_compiled, true)); }

TEST_CASE("ops compiled at level no_fuse compute what NumPy computes") {
  check_goldens(std::bind_front(run_compiled, false));
}
