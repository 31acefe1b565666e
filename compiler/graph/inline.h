// Inlining: what one Graph does, appended to another.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// Appends what `from` does to a block of `to`, its inputs being `arguments`; gives the values of its outputs. Named
/// sizes are replaced by those of the arguments; guards that this leaves open rise to `to`, one that fails is an error
/// (tag `guard`) and `to` is left as it was.
Result<std::vector<ValueId>> inline_graph(Graph& to, BlockId block, const Graph& from,
                                          std::span<const ValueId> arguments);

}  // namespace burin
