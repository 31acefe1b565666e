// What is known about `if` and `while` without running them.
#include "passes/PruneRegions.h"

#include "compiler/ir/Types.h"
#include "passes/PruneIdentities.h"

using namespace mlir;

namespace burin::passes {
using namespace burin::ir;

DenseElementsAttr fold(Operation *op, ArrayRef<DenseElementsAttr> operands) {
  if (op->getNumResults() != 1 || !isPlain(op) || isa<ConstantOp>(op)) return {};
  const OpInfo &info = *catalogueInfo(op);
  if (!info.reference || llvm::is_contained(operands, DenseElementsAttr())) return {};
  auto result = toTensorType(op->getResult(0).getType());
  if (!result || !result->shape.is_static() || result->shape.num_elements().value() > maxInlineElements) return {};
  std::vector<HostTensor> values;
  for (DenseElementsAttr elements : operands) {
    values.push_back(toHostTensor(elements));
    if (!values.back().buffer) return {};
  }
  auto attributes = toAttributes(op, info, /*withData=*/true);
  if (!attributes) return {};
  auto computed = run_reference(info.kind, values, *attributes);
  return computed ? toElements(op->getContext(), computed->front()) : DenseElementsAttr();
}

namespace {

mlir::Block &block(Operation *op, unsigned region) { return op->getRegion(region).front(); }
Operation *yieldOf(Operation *op, unsigned region) { return block(op, region).getTerminator(); }
bool isOutside(Value value, Operation *op) { return !op->isAncestor(value.getParentBlock()->getParentOp()); }

/// The ops of a region, which runs exactly once, take the place of `op`; `results` are its values.
void inlineRegion(Operation *op, unsigned region, ArrayRef<Value> results) {
  Operation *yield = yieldOf(op, region);
  yield->dropAllReferences();
  yield->erase();
  op->getBlock()->getOperations().splice(op->getIterator(), block(op, region).getOperations());
  op->replaceAllUsesWith(results);
  op->erase();
}

bool settleIf(Operation *op) {
  if (DenseElementsAttr condition = elementsOf(op->getOperand(0))) {
    unsigned region = condition.getSplatValue<bool>() ? 0 : 1;
    inlineRegion(op, region, SmallVector<Value>(yieldOf(op, region)->getOperands()));
    return true;
  }
  bool changed = false;
  for (auto [result, a, b] : llvm::zip(op->getResults(), yieldOf(op, 0)->getOperands(), yieldOf(op, 1)->getOperands()))
    if (a == b && !result.use_empty()) { // equal, so defined outside
      result.replaceAllUsesWith(a);
      changed = true;
    }
  return changed;
}

/// Values of the test on the way in, as far as the first carried ones are known.
class Entry {
public:
  explicit Entry(Operation *loop) : Loop(loop) {}

  DenseElementsAttr valueOf(Value value) {
    auto [at, fresh] = Known.try_emplace(value, DenseElementsAttr());
    if (!fresh) return at->second;
    DenseElementsAttr found = find(value);
    return Known[value] = found; // the map may have grown
  }

private:
  DenseElementsAttr find(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() == &block(Loop, 0) ? elementsOf(Loop->getOperand(argument.getArgNumber()))
                                                    : DenseElementsAttr();
    if (DenseElementsAttr elements = elementsOf(value)) return elements;
    Operation *op = value.getDefiningOp();
    if (isOutside(value, Loop) || !isPlain(op) || Known.size() > 64) return {};
    SmallVector<DenseElementsAttr> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(valueOf(operand));
      if (!operands.back()) return {};
    }
    return fold(op, operands);
  }

  Operation *Loop;
  llvm::DenseMap<Value, DenseElementsAttr> Known;
};

bool settleWhile(Operation *op) {
  Operation *test = yieldOf(op, 0), *body = yieldOf(op, 1);
  if (DenseElementsAttr again = Entry(op).valueOf(test->getOperand(0)); again && !again.getSplatValue<bool>()) {
    for (auto [argument, init] : llvm::zip(block(op, 0).getArguments(), op->getOperands()))
      argument.replaceAllUsesWith(init);
    inlineRegion(op, 0, SmallVector<Value>(llvm::drop_begin(test->getOperands())));
    return true;
  }
  bool changed = false;
  auto replace = [&](Value value, Value by) {
    if (value == by || value.use_empty()) return;
    value.replaceAllUsesWith(by);
    changed = true;
  };
  // Handed on from outside: the same on every trip and at the end.
  for (auto [i, argument] : llvm::enumerate(block(op, 1).getArguments())) {
    Value handed = test->getOperand(static_cast<unsigned>(i) + 1);
    if (!isOutside(handed, op)) continue;
    replace(argument, handed);
    replace(op->getResult(static_cast<unsigned>(i)), handed);
  }
  // Carried round as it came: what it was at first. (Its way through the test is then from outside.)
  for (auto [i, argument] : llvm::enumerate(block(op, 0).getArguments())) {
    Value next = body->getOperand(static_cast<unsigned>(i)), first = op->getOperand(static_cast<unsigned>(i));
    if (auto passed = dyn_cast<BlockArgument>(next); passed && passed.getOwner() == &block(op, 1))
      next = test->getOperand(passed.getArgNumber() + 1);
    if (next == argument || next == first) replace(argument, first);
  }
  return changed;
}

} // namespace

bool settleRegions(Operation *op) {
  if (isa<IfOp>(op)) return settleIf(op);
  if (isa<WhileOp>(op)) return settleWhile(op);
  return false;
}

} // namespace burin::passes
