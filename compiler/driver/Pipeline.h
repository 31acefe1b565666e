// THE order of passes. Everything between the imported graph and code generation is listed in Pipeline.cpp.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/driver/Compiler.h"

#include "mlir/Pass/Pass.h"

#include <memory>
#include <vector>

namespace burin::compiler {

/// The passes in order, fresh. `target` has to live as long as they do.
std::vector<std::unique_ptr<mlir::Pass>> makePipeline(const Options &, bool explain,
                                                      const codegen::cpu::CpuTarget &target);

/// Passes that are not in passes/Passes.td, since they need code generation: `--lower-to-linalg`.
void registerPipelinePasses();

} // namespace burin::compiler
