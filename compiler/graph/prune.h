// Dead code in a Graph: ops, results of branches, values that loops carry, and blocks that nobody reads.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// A copy without what no output and no effect needs. Inputs stay: they are the signature. Carried values are dropped by
/// a fixpoint: one that is only read to make its own next value is dead. Faults count as effects.
Graph prune(const Graph&);

}  // namespace burin
