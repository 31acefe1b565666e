// THE order of passes, with the reason for each place.
#include "compiler/driver/Pipeline.h"

#include "compiler/ir/CheckMode.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace burin::compiler {
namespace {

/// Whether a lowered kernel asks for no memory while it runs. Only maps are known not to: reductions may keep what they read
/// twice, products pack, loops written by hand may do either.
bool needsNoScratch(func::FuncOp kernel) {
  return !kernel
              .walk([](Operation *op) {
                auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
                bool known = linalgOp && linalgOp.getNumReductionLoops() == 0;
                return known || !linalgOp ? WalkResult::advance() : WalkResult::interrupt();
              })
              .wasInterrupted();
}

/// Kernels on catalogue ops become linalg where they can, and each is planned; they say what may be in place and whether
/// memory may run out.
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
      if (asksForMemory(*kernel)) function->setAttr(ir::scratchAttrName, UnitAttr::get(&getContext()));
      if (Kept) Kept->try_emplace(function.getName(), std::move(*kernel));
    }
  }
  static bool asksForMemory(const codegen::Kernel &kernel) {
    if (std::holds_alternative<codegen::KernelPlan>(kernel.Work)) return !needsNoScratch(kernel.Function);
    return std::holds_alternative<codegen::ProductPlan>(kernel.Work) ||
           std::holds_alternative<codegen::LoopPlan>(kernel.Work);
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

void registerPipelinePasses() { PassRegistration<LowerToLinalg>(); }

} // namespace burin::compiler
