// THE order of passes, with the reason for each place.
#include "compiler/driver/Pipeline.h"

#include "compiler/codegen/cpu/EmitKernels.h"
#include "compiler/codegen/cpu/LinalgEmitter.h"
#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/loops/SmallLoop.h"
#include "compiler/codegen/plan/LowerToLinalg.h"
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

/// Kernels on catalogue ops become linalg where they can, and say what may be in place and whether memory may run out.
struct LowerToLinalg : PassWrapper<LowerToLinalg, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerToLinalg)
  StringRef getArgument() const final { return "lower-to-linalg"; }
  StringRef getDescription() const final { return "Turns kernel functions on catalogue ops into linalg on tensors"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }
  void runOnOperation() final {
    SmallVector<func::FuncOp> kernels;
    getOperation().walk([&](func::FuncOp function) {
      if (function->hasAttr(ir::kernelAttrName)) kernels.push_back(function);
    });
    for (func::FuncOp kernel : kernels) {
      auto pairs = lower(kernel);
      if (failed(pairs)) return signalPassFailure();
      SmallVector<int64_t> flat;
      for (auto [input, result] : *pairs) flat.append({input, result});
      if (!flat.empty()) kernel->setAttr(ir::inplaceAttrName, DenseI64ArrayAttr::get(&getContext(), flat));
    }
  }

  /// (input, result) pairs that may share memory.
  FailureOr<SmallVector<std::pair<unsigned, unsigned>>> lower(func::FuncOp kernel) {
    if (codegen::isSmallLoop(kernel)) return codegen::smallLoopInPlacePairs(kernel);
    bool linalgKernel = codegen::isLinalgKernel(kernel);
    if (linalgKernel && failed(codegen::lowerToLinalg(kernel))) return failure();
    if (!linalgKernel || !needsNoScratch(kernel)) kernel->setAttr(ir::scratchAttrName, UnitAttr::get(&getContext()));
    return linalgKernel ? codegen::cpu::inPlacePairs(kernel) : codegen::loopInPlacePairs(kernel);
  }
};

} // namespace

std::vector<std::unique_ptr<Pass>> makePipeline(const Options &options, bool explain, const codegen::cpu::CpuTarget &) {
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
  passes.push_back(std::make_unique<LowerToLinalg>());

  // Last on tensors: every launch, and what each reads and may overwrite, is final.
  passes.push_back(passes::createPlanMemory());
  return passes;
}

void registerPipelinePasses() { PassRegistration<LowerToLinalg>(); }

} // namespace burin::compiler
