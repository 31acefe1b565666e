// Level `graph`: runs a Graph through the referee. Slow and plain; what compiled code is compared with.
#pragma once
#include "compiler/graph/graph.h"

#include <optional>

namespace burin {

/// Inputs in signature order; outputs likewise. Checks the inputs as a call does (bind_sizes). Prints in program order.
/// The first fault ends the run: its error is returned, `where` being the op's line, and `faulted` tells the op.
Result<std::vector<HostTensor>> interpret(const Graph&, std::span<const HostTensor> inputs, const KernelSink& sink = {},
                                          std::optional<OpId>* faulted = nullptr);
/// The same with sizes that break guards: each op that runs checks what it is given. For guards that may_go_unneeded().
Result<std::vector<HostTensor>> interpret_unguarded(const Graph&, std::span<const HostTensor> inputs,
                                                    std::span<const DimBinding>, const KernelSink& sink = {});

/// The error for a fault that compiled code recorded: the words of the referee, `where` from the graph's lines.
Error fault_error(const Graph&, const burin_rt_fault&);
/// `in "mlp" at examples/mlp.cpp:41`: the line of an op, as errors of a running graph say it.
std::string place_of(const Graph&, OpId);

}  // namespace burin
