// The named sizes of a graph at its edge: found from the arguments' types, checked by its guards.
// Used by whoever calls a graph: the interpreter, the frontend's entries, inlining.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// The value of each named size, from types given for the inputs (static ones, or sizes of an outer function).
/// Checks number, dtypes, ranks, every size and the guards; InvalidArgument names the input: `argument 'x': ...`.
/// Guards that the given sizes leave open are appended to `open`; with a null `open` they are an error.
Result<std::vector<DimBinding>> bind_sizes(const Graph&, std::span<const TensorType> inputs,
                                           std::vector<Guard>* open = nullptr);

/// Whether ops rely on the guard, but only in branches and loops, which a call may not come to. What runs then checks for
/// itself (interpret_unguarded); compiled code does not.
bool may_go_unneeded(const Graph&, const Guard&);

/// Refuses a call, before anything of it runs, whose sizes no memory can hold: names the first op that makes such a value.
/// Compiled code checks the same at its entry.
Result<void> check_sizes(const Graph&, std::span<const DimBinding>);

TensorType substitute(const TensorType&, std::span<const DimBinding>);
/// The attributes with named sizes replaced.
Attributes substitute(const Attributes&, std::span<const DimBinding>);
/// Whether any attribute mentions a named size.
bool mentions_sizes(const Attributes&);

}  // namespace burin
