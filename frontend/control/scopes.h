// remat and custom_gradient: ops whose region runs once where it stands. How one is made of recorded graphs, offered to the
// tapes, recorded or run; and the session that the templates of custom_gradient.h drive.
#pragma once
#include "frontend/record/recorder.h"
#include "frontend/record/recording.h"

#include <functional>

namespace burin::detail {

/// What values of these types become, as a graph by itself; values from outside are its hidden inputs, behind the others.
struct RecordedGraph {
  Graph graph;
  std::vector<Content> captures;
};
template <class Body>
RecordedGraph record_graph(std::string name, std::span<const TensorType> types, const std::source_location& where,
                           Body body) {
  Trace trace;
  trace.name = trace.graph.name = std::move(name);
  {
    Recording recording(context(), trace, where);
    std::vector<Content> inputs;
    for (const TensorType& type : types)
      inputs.push_back({make_traced(trace, trace.graph.add_input(InputKind::argument, type, ""), type, where), false});
    for (const Content& c : body(inputs)) trace.graph.add_output(OutputKind::result, lower(c, trace), "");
    recording.close();
  }
  Untracked untracked;
  std::vector<Content> captures;
  for (const Capture& c : trace.captures) captures.push_back({c.node, false});
  return {trace.finish(), std::move(captures)};
}

/// A region op of its parts: captures become operands behind the arguments. `backward`, of custom_gradient, takes the
/// arguments, the results, and a cotangent for each floating result.
RegionOp scope_op(OpKind, std::vector<Content> arguments, RecordedGraph body, std::optional<RecordedGraph> backward,
                  const std::source_location&);
/// Its results: from the tape that takes it, as an op of the open trace, or computed now.
std::vector<Content> carry_out_scope(const RegionOp&);
std::vector<TensorType> types_of(std::span<const Content>);

}  // namespace burin::detail
