// The targets that there are: a line each.
#include "compiler/codegen/Target.h"
#include "compiler/codegen/cpu/Backend.h"
#include "compiler/codegen/null/Backend.h"

namespace burin::codegen {

/// Null where the name is not the target's.
using Resolve = std::shared_ptr<const Target> (*)(std::string_view Name);
static constexpr Resolve Targets[] = {
    null::resolveBackend,
    cpu::resolveBackend,
};

Result<std::shared_ptr<const Target>> resolveTarget(std::string_view Name) {
  for (Resolve R : Targets)
    if (auto T = R(Name)) return T;
  return cpu::resolveTarget(Name).error(); // which lists what there is
}

} // namespace burin::codegen
