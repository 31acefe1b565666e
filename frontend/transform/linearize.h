// linearize: a graph's derivative as two graphs, one that runs forward and keeps what the other, which takes cotangents,
// reads. Regions, and functions called eagerly under a tape, are differentiated so.
#pragma once
#include "compiler/graph/cut.h"

#include <source_location>

namespace burin::detail {

struct LinearizeOptions {
  std::vector<bool> active_inputs;   ///< which inputs may want a cotangent; floating ones only
  std::vector<bool> active_results;  ///< which results have a cotangent; floating ones only
  std::vector<bool> kept;            ///< see CutOptions
  bool recompute_kept = false;
};

/// `parts.early` takes the graph's inputs and gives its results, then what is saved. `parts.late` takes the inputs
/// `parts.reads`, what was saved, then a cotangent for each active result, and gives one for each input in `reached`.
struct Linearized {
  CutGraph parts;
  std::vector<std::uint32_t> reached;  ///< active inputs that anything flows to
};

/// Throws UnsupportedError [no-derivative] where an op between them has none.
Linearized linearize(const Graph&, const LinearizeOptions&, const std::source_location&);

/// Which results depend on the marked inputs through floating-point values; regions are taken as wholes.
std::vector<bool> flows(const Graph&, const std::vector<bool>& inputs);

}  // namespace burin::detail
