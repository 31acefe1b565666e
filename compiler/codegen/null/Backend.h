// The null target: a Target without instructions or vectors. What it makes is section `ir`, the text of the kernels and of
// the host program, which Program.h runs with a small interpreter. It shows that the interface takes no CPU for granted,
// and stands in for a device whose code nobody here can run.
#pragma once
#include "compiler/codegen/Target.h"

namespace burin::codegen::null {

/// Null unless the name is `null`.
std::shared_ptr<const Target> resolveBackend(std::string_view Name);

} // namespace burin::codegen::null
