// Ops that are part of a library function (`softmax_cross_entropy`): its name stands in their source line.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// `function` of the source line of such an op.
std::string in_composite(std::string_view function, std::string_view composite);
/// The library function's name; empty for other ops.
std::string_view composite_of(const SourceLine&);
/// A fault of such an op, told in that name: `gather: index ...` becomes its own.
void tell_as(Error&, std::string_view composite);

}  // namespace burin
