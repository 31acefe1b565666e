// Drops what nobody uses. Marks from the function's results and from effects what is needed, then sweeps: so values of a
// loop that only feed themselves go too, in one go.
#include "passes/DeadValues.h"

#include "compiler/ir/Dialect.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace burin::passes {
namespace {
using namespace burin::ir;

class Marker {
public:
  void markAll(func::FuncOp function) {
    function.walk([&](Operation *op) {
      if (isa<func::ReturnOp>(op)) need(op->getOperands());
      if (!isa<func::FuncOp, func::ReturnOp, YieldOp>(op) && happens(op)) run(op);
    });
    while (!Work.empty()) {
      Value value = Work.pop_back_val();
      if (auto argument = dyn_cast<BlockArgument>(value))
        needArgument(argument);
      else
        needResult(cast<OpResult>(value));
    }
  }
  bool live(Value value) const { return Values.contains(value); }
  bool live(Operation *op) const { return Ops.contains(op); }

private:
  void need(Value value) {
    if (Values.insert(value).second) Work.push_back(value);
  }
  void need(ValueRange values) {
    for (Value value : values) need(value);
  }

  /// Whether it is needed for itself. Ops that keep their place in the graph may fault in check mode, whatever they are.
  static bool happens(Operation *op) {
    const OpInfo *info = catalogueInfo(op);
    return !info || info->effects || op->hasAttr(opAttrName);
  }

  /// The op happens, and so does everything around it.
  void run(Operation *op) {
    if (!Ops.insert(op).second) return;
    if (isa<WhileOp>(op))
      need(op->getRegion(0).front().getTerminator()->getOperand(0));
    else
      need(op->getOperands());
    if (Operation *parent = op->getParentOp(); catalogueInfo(parent)) run(parent);
  }

  void needResult(OpResult result) {
    Operation *op = result.getOwner();
    run(op);
    if (isa<IfOp>(op))
      for (Region &region : op->getRegions())
        need(region.front().getTerminator()->getOperand(result.getResultNumber()));
    if (isa<WhileOp>(op)) need(op->getRegion(0).front().getTerminator()->getOperand(result.getResultNumber() + 1));
  }

  void needArgument(BlockArgument argument) {
    Operation *op = argument.getOwner()->getParentOp();
    if (!isa<WhileOp>(op)) return;
    unsigned k = argument.getArgNumber();
    if (argument.getOwner()->getParent() == &op->getRegion(1)) {
      need(op->getRegion(0).front().getTerminator()->getOperand(k + 1));
    } else {
      need(op->getOperand(k));
      need(op->getRegion(1).front().getTerminator()->getOperand(k));
    }
  }

  llvm::DenseSet<Value> Values;
  llvm::DenseSet<Operation *> Ops;
  SmallVector<Value> Work;
};

class Sweeper {
public:
  explicit Sweeper(const Marker &marks) : Marks(marks) {}

  bool sweep(mlir::Block &block) {
    SmallVector<Operation *> ops;
    for (Operation &op : block.without_terminator()) ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops)) {
      if (!Marks.live(op)) {
        op->dropAllUses();
        op->erase();
        Changed = true;
      } else if (isa<IfOp>(op)) {
        narrowIf(op);
      } else if (isa<WhileOp>(op)) {
        narrowWhile(op);
      }
    }
    return Changed;
  }

private:
  SmallVector<bool> kept(ValueRange values) {
    SmallVector<bool> result;
    for (Value value : values) result.push_back(Marks.live(value));
    return result;
  }
  static void filter(Operation *yield, ArrayRef<bool> keep, unsigned first) {
    llvm::BitVector drop(yield->getNumOperands());
    for (auto [i, k] : llvm::enumerate(keep))
      if (!k) drop.set(static_cast<unsigned>(i) + first);
    yield->eraseOperands(drop);
  }
  static void filterArguments(mlir::Block &block, ArrayRef<bool> keep) {
    for (unsigned i = static_cast<unsigned>(keep.size()); i-- > 0;)
      if (!keep[i]) {
        block.getArgument(i).dropAllUses();
        block.eraseArgument(i);
      }
  }

  /// `op` again with the results and operands that are kept; its regions move.
  Operation *rebuild(Operation *op, ArrayRef<bool> results, ArrayRef<bool> operands) {
    OpBuilder b(op);
    OperationState state(op->getLoc(), op->getName());
    for (auto [operand, keep] : llvm::zip(op->getOperands(), operands))
      if (keep) state.operands.push_back(operand);
    for (auto [result, keep] : llvm::zip(op->getResults(), results))
      if (keep) state.types.push_back(result.getType());
    state.addAttributes(op->getAttrs());
    for (Region &region : op->getRegions()) state.addRegion()->takeBody(region);
    Operation *made = b.create(state);
    unsigned next = 0;
    for (auto [result, keep] : llvm::zip(op->getResults(), results)) {
      if (keep)
        result.replaceAllUsesWith(made->getResult(next++));
      else
        result.dropAllUses();
    }
    op->erase();
    Changed = true;
    return made;
  }

  void narrowIf(Operation *op) {
    SmallVector<bool> keep = kept(op->getResults());
    bool all = llvm::all_of(keep, [](bool k) { return k; });
    if (!all)
      for (Region &region : op->getRegions()) filter(region.front().getTerminator(), keep, 0);
    for (Region &region : op->getRegions()) sweep(region.front());
    if (!all) rebuild(op, keep, {true});
  }

  void narrowWhile(Operation *op) {
    mlir::Block &test = op->getRegion(0).front(), &body = op->getRegion(1).front();
    SmallVector<bool> carried = kept(test.getArguments()), handed;
    for (auto [result, argument] : llvm::zip(op->getResults(), body.getArguments()))
      handed.push_back(Marks.live(result) || Marks.live(argument));
    auto all = [](ArrayRef<bool> keep) { return llvm::all_of(keep, [](bool k) { return k; }); };
    bool change = !all(carried) || !all(handed);
    filter(test.getTerminator(), handed, 1);
    filter(body.getTerminator(), carried, 0);
    sweep(body);
    sweep(test);
    filterArguments(test, carried);
    filterArguments(body, handed);
    if (change) rebuild(op, handed, carried);
  }

  const Marker &Marks;
  bool Changed = false;
};

} // namespace

bool dropDeadValues(func::FuncOp function) {
  Marker marks;
  marks.markAll(function);
  return Sweeper(marks).sweep(function.getBody().front());
}

} // namespace burin::passes
