// The NumPy-made cases as recorded graphs of one op, at level `graph`: what is appended, verified and interpreted.
#include "compiler/graph/interpret.h"
#include "tests/support/goldens.h"

using namespace burin;
using namespace burin::test;

namespace {

Result<Graph> one_op_graph(OpKind kind, std::span<const HostTensor> inputs, const Attributes& attributes) {
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
  return graph;
}

}  // namespace

TEST_CASE("a graph of one op verifies and computes what NumPy computes") {
  check_goldens([](OpKind kind, std::span<const HostTensor> inputs,
                   const Attributes& attributes) -> Result<std::vector<HostTensor>> {
    auto graph = one_op_graph(kind, inputs, attributes);
    if (!graph) return graph.error();
    if (auto ok = verify(*graph); !ok) return ok.error();
    return interpret(*graph, inputs);
  });
}
