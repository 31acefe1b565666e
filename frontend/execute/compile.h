// What the compiler says of a graph, for views and tests; see executable.h for how functions reach it.
#pragma once
#include "compiler/driver/Compiler.h"

namespace burin::detail {

/// Compiles once more, keeping the text of every stage.
Result<compiler::Report> compile_report(const Graph&, bool fuse);

}  // namespace burin::detail
