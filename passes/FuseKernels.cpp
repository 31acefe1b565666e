// Turns the groups of FusionGroups.h into `burin.fusion` ops and orders the block by what they need of each other.
#include "passes/DeadValues.h"
#include "passes/FusionGroups.h"
#include "passes/MakeKernel.h"
#include "passes/Passes.h"
#include "passes/SmallLoops.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_FUSEKERNELS
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

struct FuseKernels : impl::FuseKernelsBase<FuseKernels> {
  using FuseKernelsBase::FuseKernelsBase;

  void runOnOperation() override {
    getOperation().walk([](AfterOp op) { // from here on nothing is merged any more, and ops keep their order
      op.getResult().replaceAllUsesWith(op.getX());
      op.erase();
    });
    SmallVector<mlir::Block *> blocks;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal()) continue;
      function.walk([&](mlir::Block *block) { dropEmpty(*block); });
      if (!single) dropDeadValues(function); // what only they read
      // First: within a loop that is one kernel nothing else becomes one.
      if (!single) fuseSmallLoops(function, explain);
      function.walk([&](mlir::Block *block) {
        Operation *around = block->getParentOp();
        if (!isa<FusionOp>(around) && !around->getParentOfType<FusionOp>()) blocks.push_back(block);
      });
    }
    for (mlir::Block *block : blocks) fuse(*block);
  }

  /// A tensor without elements needs no kernel: it is a constant of no bytes.
  void dropEmpty(mlir::Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      const OpInfo *info = catalogueInfo(&op);
      if (!info || info->num_regions || info->effects || op.getNumResults() != 1 || isa<ConstantOp>(op)) continue;
      HostTensor none{*toTensorType(op.getResult(0).getType()), {}};
      if (!none.type.shape.is_static() || none.num_elements() != 0) continue;
      none.buffer = Buffer::allocate(0);
      OpBuilder b(&op);
      NamedAttribute value = b.getNamedAttr("value", toElements(&getContext(), none));
      Operation *constant = ConstantOp::create(b, op.getLoc(), op.getResultTypes(), ValueRange{}, ArrayRef(value));
      op.replaceAllUsesWith(constant->getResults());
      op.erase();
    }
  }

  void fuse(mlir::Block &block) {
    FusionPlan plan(block, single, [&](Operation *op, const Twine &why) {
      if (explain) op->emitRemark() << why;
    });
    Operation *end = block.getTerminator();
    SmallVector<Operation *> replaced;
    IRMapping values; // results of what became kernels
    for (const FusionGroup *group : plan.order()) {
      if (group->host) {
        Operation *op = group->ops.front();
        op->moveBefore(end);
      } else {
        makeFusion(*group, plan, end);
        llvm::append_range(replaced, group->ops);
      }
    }
    for (Operation &op : block)
      if (plan.copied(&op)) replaced.push_back(&op);
    for (Operation *op : replaced) op->dropAllUses();
    for (Operation *op : replaced) op->erase();
  }

  /// Copied ops that `op` reads, before it.
  static void withCopies(Operation *op, const FusionPlan &plan, llvm::SetVector<Operation *> &ops) {
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp(); def && plan.copied(def)) withCopies(def, plan, ops);
    ops.insert(op);
  }

  void makeFusion(const FusionGroup &group, const FusionPlan &plan, Operation *before) {
    llvm::SetVector<Operation *> ops;
    for (Operation *op : group.ops) withCopies(op, plan, ops);
    SmallVector<Value> inputs, results;
    SmallVector<Location> locations;
    // A library kernel takes its op's operands in order, transposed or not.
    if (catalogueInfo(ops.back())->lowering == LoweringKind::library)
      for (Value operand : ops.back()->getOperands()) {
        Operation *def = operand.getDefiningOp();
        Value source = def && ops.contains(def) ? def->getOperand(0) : operand;
        if (ops.size() > 1 && !llvm::is_contained(inputs, source)) inputs.push_back(source);
      }
    for (Operation *op : ops) {
      locations.push_back(op->getLoc());
      // A kernel of one op has the op's operands, all of them in order; emitters for single ops count on that.
      for (Value operand : op->getOperands())
        if (!operand.getDefiningOp() || !ops.contains(operand.getDefiningOp()))
          if (ops.size() == 1 || !llvm::is_contained(inputs, operand)) inputs.push_back(operand);
      if (!plan.copied(op))
        for (Value result : op->getResults())
          if (group.ops.size() == 1 || plan.escapes(result, group)) results.push_back(result);
    }
    OpBuilder b(before);
    // One op keeps its own line; more are a fused location of all.
    Location loc = group.ops.size() == 1 ? group.ops.front()->getLoc() : FusedLoc::get(&getContext(), locations);
    std::string name = kernelName(group.ops);
    FusionOp fusion = makeKernel(b, loc, name, ops.getArrayRef(), inputs, results);
    mlir::Block &body = fusion->getRegion(0).front();
    if (ops.size() == 1) body.front().setOperands(body.getArguments());
    for (auto [old, made] : llvm::zip(results, fusion->getResults())) {
      // Ops of this group stay as they are until they are erased; everything else reads the kernel's result.
      old.replaceUsesWithIf(
          made, [&](OpOperand &use) { return !ops.contains(use.getOwner()) || plan.copied(use.getOwner()); });
    }
    if (explain)
      fusion->emitRemark("kernel '") << name << "' holds " << ops.size() << " ops, reads " << inputs.size()
                                     << " tensors and writes " << results.size();
  }
};

} // namespace
} // namespace burin::passes
