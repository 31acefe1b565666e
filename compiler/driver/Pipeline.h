// THE order of passes. Everything between the imported graph and code generation is listed in Pipeline.cpp.
#pragma once
#include "compiler/codegen/Target.h"
#include "compiler/driver/Compiler.h"

#include "mlir/Pass/Pass.h"

#include <memory>
#include <vector>

namespace burin::compiler {

/// The passes in order, fresh. `target` may be null; like `kernels`, which takes the plans, it has to live as long as they.
std::vector<std::unique_ptr<mlir::Pass>> makePipeline(const Options &, bool explain, const codegen::Target *target,
                                                      codegen::PlannedKernels &kernels);

/// Every dialect that a module meets between import and code generation.
void registerDialects(mlir::DialectRegistry &registry);

/// Passes that are not in passes/Passes.td, since they need code generation: `--lower-to-linalg`.
void registerPipelinePasses();

} // namespace burin::compiler
