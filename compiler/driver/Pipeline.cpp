// THE order of passes, with the reason for each place.
#include "compiler/driver/Pipeline.h"

#include "compiler/ir/CheckMode.h"
#include "compiler/ir/Dialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace burin::compiler {
namespace {

/// Bytes as an expression over the kernel's size operands.
Dim bytesOf(ArrayRef<codegen::Extent> terms) {
  Dim sum = 0;
  for (const codegen::Extent &term : terms) {
    Dim product = term.Coefficient;
    for (unsigned k : term.Sizes) product = product * Dim("size" + std::to_string(k));
    sum = sum + product;
  }
  return sum;
}

/// Kernels on catalogue ops become linalg where they can, and each is planned; they say what may be in place and what
/// workspace they need.
struct LowerToLinalg : PassWrapper<LowerToLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLinalg)
  LowerToLinalg() = default; // burin-opt: the plans are dropped
  LowerToLinalg(const codegen::Target *target, codegen::PlannedKernels &kept) : Target(target), Kept(&kept) {}
  StringRef getArgument() const final { return "lower-to-linalg"; }
  StringRef getDescription() const final { return "Turns kernel functions on catalogue ops into linalg on tensors"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }
  void runOnOperation() final {
    SmallVector<func::FuncOp> functions;
    getOperation().walk([&](func::FuncOp function) {
      if (function->hasAttr(ir::kernelAttrName) || function->hasAttr(ir::checkAttrName)) functions.push_back(function);
    });
    for (func::FuncOp function : functions) {
      auto kernel = codegen::planKernel(function);
      if (failed(kernel)) return signalPassFailure();
      if (Target) Target->schedule(*kernel);
      SmallVector<int64_t> flat;
      for (auto [input, result] : kernel->InPlace) flat.append({input, result});
      if (!flat.empty()) function->setAttr(ir::inplaceAttrName, DenseI64ArrayAttr::get(&getContext(), flat));
      if (!kernel->Memory.empty())
        function->setAttr(ir::workspaceAttrName, ir::DimsAttr::get(&getContext(), {bytesOf(kernel->Memory.Shared),
                                                                                   bytesOf(kernel->Memory.Each)}));
      if (Kept) Kept->try_emplace(function.getName(), std::move(*kernel));
    }
  }

  const codegen::Target *Target = nullptr;
  codegen::PlannedKernels *Kept = nullptr;
};

} // namespace

std::vector<std::unique_ptr<Pass>> makePipeline(const Options &options, bool explain, const codegen::Target *target,
                                                codegen::PlannedKernels &kernels) {
  std::vector<std::unique_ptr<Pass>> passes;
  // In check mode an op is a kernel of its own, whose values can be looked at, and none is left out.
  bool full = options.level == Options::Level::full && !options.check_mode;

  // First: whatever is dropped or known here costs no later pass anything, and fusion sees real uses only.
  if (full) passes.push_back(passes::createPrune());

  // On whole tensors, while shapes and roles are still in plain sight. Always: without fusion each op is a kernel.
  passes.push_back(passes::createFuseKernels({/*single=*/!full, /*explain=*/explain}));

  // As soon as kernels are known: equal ones are found before any is lowered.
  passes.push_back(passes::createOutlineKernels());

  // Where kernels can be named, before anything hides which op each one is.
  if (options.check_mode) passes.push_back(passes::createCheckValues());

  // Before memory is planned, since only the lowered kernel knows what it may overwrite.
  passes.push_back(std::make_unique<LowerToLinalg>(target, kernels));

  // Last on tensors: every launch, and what each reads and may overwrite, is final.
  passes.push_back(passes::createPlanMemory());
  return passes;
}

void registerDialects(DialectRegistry &registry) {
  registry.insert<ir::BurinDialect, ir::host::BurinHostDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect, tensor::TensorDialect,
                  vector::VectorDialect>();
}

void registerPipelinePasses() { PassRegistration<LowerToLinalg>(); }

} // namespace burin::compiler
