// accumulate: a Graph whose results are added to running sums, made into one that takes the sums and gives the next ones.
// The derivative of a loop sums so what flows to the values that its body captures.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// The type in which many values of that type are summed: of 16-bit floats f32, since such a sum stands still once it is
/// some hundred times its terms.
TensorType sum_type(TensorType);

/// A copy that takes a sum for each output in `outputs` (ascending), behind the graph's own inputs, and gives there the sum
/// plus the output, in its sum_type. Slices that an output adds to zeros (`scatter_add`: the derivative of `gather`) are added to the sum
/// itself, so that a trip over one position of a large tensor takes no time for the others.
/// Precondition: these outputs have numeric dtypes.
Graph accumulate(const Graph&, std::span<const std::uint32_t> outputs);

}  // namespace burin
