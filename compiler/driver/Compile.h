// One graph through the whole compiler, up to a relocatable object. What the façade (Api.cpp) and ahead-of-time compiling
// (Aot.cpp) share.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/driver/Compiler.h"

#include "mlir/IR/BuiltinOps.h"

namespace burin::compiler {

struct Compiled {
  std::vector<std::uint8_t> object; ///< defines `burin_entry`, hidden kernels
  codegen::cpu::CpuTarget target;
  std::vector<std::string> sizes; ///< the entry's named sizes, in order
  std::int64_t arenaBytes = -1;
  std::vector<std::shared_ptr<const Constant>> blobs;
  Report report;
};

/// Adds to the module of LLVM-dialect-to-be code before it is lowered (ahead-of-time entry points), which may then need
/// `externals` from a linker.
struct Extension {
  std::function<Result<void>(mlir::ModuleOp, const Compiled &)> extend;
  std::vector<std::string> externals;
};
Result<Compiled> compileGraph(const Request &, const Extension & = {});

Result<AotResult> compileAheadOfTime(const Request &, const AotOptions &);

} // namespace burin::compiler
