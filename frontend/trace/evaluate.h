// A finished graph sent through the dispatch: run now, or recorded, and seen by tapes op by op.
#pragma once
#include "frontend/trace/node.h"

namespace burin::detail {

/// The graph's outputs for these inputs (in signature order, captures included). Ops keep their graph's source lines.
std::vector<Content> evaluate_graph(const Graph&, std::span<const Content> inputs);
/// The same for a graph that was taken out of a trace on this thread: its named sizes are that trace's own.
std::vector<Content> evaluate_region(const Graph&, std::span<const Content> inputs);

}  // namespace burin::detail
