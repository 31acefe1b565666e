// See linearize.h: the graph is evaluated under a tape in a trace of its own, its backward pass follows in the same trace,
// and the whole is cut at the cotangents.
#include "frontend/transform/linearize.h"

#include "compiler/graph/prune.h"
#include "frontend/control/evaluate.h"
#include "frontend/record/recording.h"
#include "frontend/transform/gradient.h"

namespace burin::detail {

std::vector<bool> flows(const Graph& graph, const std::vector<bool>& inputs) {
  std::vector<bool> reached(graph.num_values());
  for (std::size_t i = 0; i < inputs.size(); ++i) reached[index(graph.inputs()[i].value)] = inputs[i];
  auto reads = [&](auto& self, const Op& op) -> bool {
    for (ValueId v : graph.operands(op))
      if (reached[index(v)]) return true;
    for (BlockId r : op.regions) {
      for (OpId id : graph.block(r).ops)
        if (self(self, graph.op(id))) return true;
      for (ValueId v : graph.block(r).yields)
        if (reached[index(v)]) return true;
    }
    return false;
  };
  for (OpId id : graph.block(BlockId::top).ops) {
    const Op& op = graph.op(id);
    if (!reads(reads, op)) continue;
    for (std::uint32_t i = 0; i < op.num_results; ++i) {
      const ValueId v = graph.result(op, i);
      reached[index(v)] = is_floating(graph.type(v).dtype);
    }
  }
  std::vector<bool> results;
  for (const Output& out : graph.outputs()) results.push_back(reached[index(out.value)]);
  return results;
}

Linearized linearize(const Graph& graph, const LinearizeOptions& options, const std::source_location& where) {
  Recorder& r = context();
  Trace trace;
  trace.name = trace.graph.name = graph.name;
  std::vector<std::uint32_t> reached;
  {
    Recording recording(r, trace, where);
    auto input = [&](const TensorType& type, std::string name) {
      const ValueId v = trace.graph.add_input(InputKind::argument, type, std::move(name));
      return Content{make_traced(trace, v, type, where), false};
    };
    std::vector<Content> inputs;
    for (const Input& in : graph.inputs()) inputs.push_back(input(graph.type(in.value), in.name));
    {
      std::vector<Tensor> sources, results, cotangents, through;
      std::vector<std::uint32_t> source_inputs;
      for (std::uint32_t i = 0; i < inputs.size(); ++i)
        if (options.active_inputs[i]) {
          sources.push_back(HandleAccess::make(inputs[i]));
          source_inputs.push_back(i);
        }
      GradientNotes notes(sources);
      {
        TapeScope scope(notes);
        results = handles(evaluate_region(graph, inputs));
      }
      for (std::size_t i = 0; i < results.size(); ++i)
        if (options.active_results[i]) {
          through.push_back(results[i]);
          cotangents.push_back(HandleAccess::make(input(results[i].type(), "cotangent" + std::to_string(i))));
        }
      const std::vector<Tensor> parts = notes.reach(through, cotangents, sources);
      auto output = [&](const Tensor& t, std::string name) {
        trace.graph.add_output(OutputKind::result, lower(HandleAccess::read(t), trace), std::move(name));
      };
      for (const Tensor& t : results) output(t, "");
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].defined()) continue;
        reached.push_back(source_inputs[i]);
        output(parts[i], graph.inputs()[source_inputs[i]].name);
      }
    }
    recording.close();
  }
  Untracked untracked;
  const auto early_inputs = static_cast<std::uint32_t>(graph.inputs().size());
  CutOptions at{early_inputs, static_cast<std::uint32_t>(graph.outputs().size()), options.kept, options.recompute_kept};
  CutGraph parts = cut(prune(trace.finish()), at);
  return {{prune(parts.early), prune(parts.late), std::move(parts.reads), std::move(parts.handed_on)},
          std::move(reached)};
}

}  // namespace burin::detail
