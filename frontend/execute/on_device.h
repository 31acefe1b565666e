// Calling a program on values of a device: what its results are made of, what a failure puts back, and which values it may not
// take. Used by calls of functions, loaded functions, graphs under tapes; ops by themselves are in record/eager.cpp.
#pragma once
#include "frontend/value/in_flight.h"

#include "compiler/graph/sizes.h"

#include <span>
#include <vector>

namespace burin::detail {

/// What becomes of one output of a graph.
struct OutputUse {
  int hands_on = -1;           ///< the input that it is; it is not computed then
  int replaces = -1;           ///< the state input whose place it takes
  bool may_overwrite = false;  ///< its memory may be that input's: of one state a call, where nobody else sees it
};
struct DeviceCall {
  std::uint8_t device;
  std::shared_ptr<const Program> program;  ///< of the outputs that are computed
  const Graph& graph;
  std::span<const DimBinding> bindings;
  std::span<const std::int64_t> sizes;
  std::string_view name;
};
/// Submits the call; an output for each of `uses`. `inputs` stand in the graph's order. Throws where it cannot be submitted:
/// then nothing has changed.
std::vector<NodeRef> call_on_device(const DeviceCall&, std::span<const NodeRef* const> inputs,
                                    std::span<const OutputUse> uses, const std::source_location&);

}  // namespace burin::detail
