// The C header of an ahead-of-time object, and which names its function may have.
#pragma once
#include "compiler/codegen/Target.h"
#include "compiler/driver/Compiler.h"
#include "compiler/graph/graph.h"

#include <string>
#include <vector>

namespace burin::compiler {

/// Refuses what is no C and C++ identifier, what is reserved, and what the C library defines: the header would clash with
/// the library's, and the linker would take one for the other.
Result<void> checkSymbol(const std::string &name);

/// The Variable that is the graph's input, or null.
const AotVariable *findVariable(const AotOptions &options, std::size_t input);

/// `sizes`: the named ones that calls bind. Names of arguments are told as they are and made into distinct enumerators.
std::string headerText(const Graph &graph, const codegen::Target &target, const std::vector<std::string> &sizes,
                       const AotOptions &options);

} // namespace burin::compiler
