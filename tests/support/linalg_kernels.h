// For tests of the linalg emitter: a kernel function written as MLIR text, compiled for a target and called on vectors.
#pragma once
#include "compiler/codegen/cpu/Backend.h"
#include "tests/support/compiled_kernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

namespace burin::test {

/// Makes code of every kernel function of the module, as the driver does; tells the workspace of each by its name.
inline mlir::LogicalResult emitKernels(mlir::ModuleOp Module, const codegen::Target& Target,
                                       llvm::StringMap<codegen::Workspace>& Workspaces) {
  auto Code = Target.begin(Module);
  for (auto Function : llvm::make_early_inc_range(Module.getOps<mlir::func::FuncOp>())) {
    auto Kernel = codegen::planKernel(Function);
    if (mlir::failed(Kernel)) return mlir::failure();
    Target.schedule(*Kernel);
    Workspaces[Kernel->Name] = Kernel->Memory;
    if (mlir::failed(Code->emitKernel(*Kernel))) return mlir::failure();
  }
  return mlir::success();
}

/// A kernel from text. `Text` holds functions with burin.kernel's conventions (LinalgEmitter.h).
class LinalgKernels {
 public:
  LinalgKernels(const std::string& Text, const std::string& TargetName) {
    codegen::cpu::loadCodegenDialects(Context);
    Context.loadDialect<mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect, mlir::math::MathDialect>();
    Context.allowUnregisteredDialects();
    Context.getDiagEngine().registerHandler([this](mlir::Diagnostic& D) {
      Messages += D.str() + "\n";
      return mlir::success();
    });
    auto Module = mlir::parseSourceString<mlir::ModuleOp>(Text, &Context);
    if (!Module) return;
    auto Target = codegen::cpu::resolveTarget(TargetName);
    if (mlir::failed(emitKernels(*Module, *codegen::cpu::makeBackend(*Target), Workspaces))) return;
    if (mlir::failed(mlir::verify(*Module))) return;
    std::string Why;
    Compiled = CompiledKernels::compile(*Module, *Target, &Why);
    Messages += Why;
  }
  explicit operator bool() const { return Compiled != nullptr; }
  const std::string& messages() const { return Messages; }
  const CompiledKernels& compiled() const { return *Compiled; }

  void run(const char* Name, std::vector<void*> Buffers, std::vector<int64_t> Sizes = {}, unsigned Threads = 1) {
    KernelRuntime Runtime(Threads);
    KernelWorkspace Workspace(Workspaces[Name], Sizes, Threads);
    Workspace.appendTo(Buffers);
    auto* Launch = Compiled->function(Name);
    Launch(Buffers.data(), Sizes.data(), Runtime.ctx());
  }

 private:
  mlir::MLIRContext Context{mlir::MLIRContext::Threading::DISABLED};
  llvm::StringMap<codegen::Workspace> Workspaces;
  std::unique_ptr<CompiledKernels> Compiled;
  std::string Messages;
};

/// The targets that this machine can run, widest vectors last.
inline std::vector<std::string> runnableTargets() {
  std::vector<std::string> Names;
  for (const char* Name : {"x86-64", "x86-64-v3", "x86-64-v4", "host"})
    if (auto T = codegen::cpu::resolveTarget(Name); T && canRun(*T)) Names.push_back(Name);
  return Names;
}

}  // namespace burin::test
