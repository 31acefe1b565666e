// Removes what does not change the result: folds small constants through the referee, merges equal ops, applies exact
// identities, inlines branches that are known, and drops what nobody uses (DeadValues.h).
#include "compiler/ir/Types.h"
#include "passes/DeadValues.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OperationSupport.h"

#include <cmath>
#include <unordered_map>

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_PRUNE
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

DenseElementsAttr elementsOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
}

/// Whether every element is `number`; for floats with that sign of zero.
bool isNumber(Value value, double number) {
  DenseElementsAttr elements = elementsOf(value);
  if (!elements || !elements.isSplat()) return false;
  if (isa<FloatType>(elements.getElementType())) {
    APFloat have = elements.getSplatValue<APFloat>();
    double x = have.convertToDouble();
    return x == number && std::signbit(x) == std::signbit(number);
  }
  APInt have = elements.getSplatValue<APInt>();
  return have == APInt(have.getBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(number)), false, /*implicitTrunc=*/true);
}

bool isFloat(Value value) { return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()); }
bool isIota(ArrayRef<int64_t> list) {
  for (auto [i, v] : llvm::enumerate(list))
    if (v != static_cast<int64_t>(i)) return false;
  return true;
}
bool allZero(DimsAttr dims) {
  return llvm::all_of(dims.getWords(), [](int64_t word) { return word == 0; });
}
bool allAre(DenseI64ArrayAttr list, int64_t value) {
  return llvm::all_of(list.asArrayRef(), [=](int64_t v) { return v == value; });
}

/// What `op` is equal to for every input under our numerics, or null. Types are compared by the caller.
Value sameAs(Operation *op) {
  auto operand = [&](unsigned i) { return op->getOperand(i); };
  if (isa<AddOp>(op)) {  // -0 + 0 is 0: for floats only -0 is neutral
    double zero = isFloat(operand(0)) ? -0.0 : 0.0;
    if (isNumber(operand(1), zero)) return operand(0);
    if (isNumber(operand(0), zero)) return operand(1);
  }
  if (isa<SubOp>(op) && isNumber(operand(1), 0.0)) return operand(0);
  if (isa<MulOp>(op)) {
    if (isNumber(operand(1), 1.0)) return operand(0);
    if (isNumber(operand(0), 1.0)) return operand(1);
    for (unsigned i = 0; i < 2; ++i)
      if (!isFloat(operand(i)) && isNumber(operand(i), 0.0)) return operand(i);
  }
  if (isa<DivOp>(op) && isNumber(operand(1), 1.0)) return operand(0);
  if (isa<MaxOp, MinOp, LogicalAndOp, LogicalOrOp>(op) && operand(0) == operand(1)) return operand(0);
  if (isa<NegOp, LogicalNotOp>(op))
    if (Operation *inner = operand(0).getDefiningOp(); inner && inner->getName() == op->getName()) return inner->getOperand(0);
  if (isa<WhereOp>(op)) {
    if (operand(1) == operand(2)) return operand(1);
    if (isNumber(operand(0), 1.0)) return operand(1);
    if (isNumber(operand(0), 0.0)) return operand(2);
  }
  if (isa<CastOp, ReshapeOp, BroadcastToOp>(op)) return operand(0);  // where the type does not change
  if (isa<ConcatenateOp>(op) && op->getNumOperands() == 1) return operand(0);
  if (isa<TransposeOp>(op) && isIota(op->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef())) return operand(0);
  if (isa<ReduceSumOp, ReduceMaxOp>(op) && op->getAttrOfType<DenseI64ArrayAttr>("axes").empty()) return operand(0);
  if (isa<SliceOp>(op) && allZero(op->getAttrOfType<DimsAttr>("starts")) && allAre(op->getAttrOfType<DenseI64ArrayAttr>("strides"), 1))
    return operand(0);
  if (isa<PadOp>(op) && allZero(op->getAttrOfType<DimsAttr>("low")) && allZero(op->getAttrOfType<DimsAttr>("high")) &&
      allAre(op->getAttrOfType<DenseI64ArrayAttr>("interior"), 0))
    return operand(0);
  return {};
}

struct SameOp {
  static bool equal(Operation *a, Operation *b) {
    return OperationEquivalence::isEquivalentTo(a, b, OperationEquivalence::IgnoreLocations);
  }
  static std::size_t hash(Operation *op) {
    return OperationEquivalence::computeHash(op, OperationEquivalence::directHashValue, OperationEquivalence::ignoreHashValue,
                                             OperationEquivalence::IgnoreLocations);
  }
};

struct Prune : impl::PruneBase<Prune> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal()) continue;
      // A round can open the next: an inlined branch makes ops equal, a dropped value makes a condition known.
      for (int round = 0; round < 8; ++round) {
        Changed = false;
        Scopes.clear();
        simplify(function.getBody().front());
        Changed |= dropDeadValues(function);
        if (!Changed) break;
      }
    }
  }

  void simplify(mlir::Block &block) {
    Scopes.emplace_back();
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
      if (inlined(&op)) continue;
      if (Value value = simpler(&op)) {
        replace(&op, value);
        continue;
      }
      if (Operation *earlier = equalOp(&op)) {
        earlier->setLoc(FusedLoc::get(&getContext(), {earlier->getLoc(), op.getLoc()}));
        op.replaceAllUsesWith(earlier->getResults());
        op.erase();
        Changed = true;
        continue;
      }
      for (Region &region : op.getRegions())
        if (!region.empty()) simplify(region.front());
    }
    Scopes.pop_back();
  }

  void replace(Operation *op, Value value) {
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
    Changed = true;
  }

  Value simpler(Operation *op) {
    const OpInfo *info = catalogueInfo(op);
    if (!info || info->num_regions || info->effects || op->getNumResults() != 1 || isa<ConstantOp>(op)) return {};
    if (Value value = sameAs(op); value && value.getType() == op->getResult(0).getType()) return value;
    if (Value value = composed(op)) return value;
    return folded(op, *info);
  }

  /// A view of a view is one view.
  Value composed(Operation *op) {
    if (!isa<TransposeOp, ReshapeOp, BroadcastToOp>(op)) return {};
    Operation *inner = op->getOperand(0).getDefiningOp();
    if (!inner || inner->getName() != op->getName()) return {};
    OpBuilder b(op);
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(inner->getOperand(0));
    state.addTypes(op->getResultTypes());
    state.addAttributes(op->getAttrs());
    if (isa<TransposeOp>(op)) {
      auto outer = op->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef();
      auto first = inner->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef();
      SmallVector<int64_t> both;
      for (int64_t axis : outer) both.push_back(first[static_cast<std::size_t>(axis)]);
      if (isIota(both)) return inner->getOperand(0);
      state.attributes.set("permutation", b.getDenseI64ArrayAttr(both));
    } else if (inner->getOperand(0).getType() == op->getResult(0).getType() && isa<ReshapeOp>(op)) {
      return inner->getOperand(0);
    }
    return b.create(state)->getResult(0);
  }

  /// What the referee computes, where everything is known and small: the value that eager execution has.
  Value folded(Operation *op, const OpInfo &info) {
    if (!info.reference) return {};
    auto result = toTensorType(op->getResult(0).getType());
    if (!result || !result->shape.is_static() || result->shape.num_elements().value() > maxInlineElements) return {};
    std::vector<HostTensor> operands;
    for (Value operand : op->getOperands()) {
      DenseElementsAttr elements = elementsOf(operand);
      if (!elements) return {};
      operands.push_back(toHostTensor(elements));
      if (!operands.back().buffer) return {};
    }
    auto attributes = toAttributes(op, info, /*withData=*/true);
    if (!attributes) return {};
    auto values = run_reference(info.kind, operands, *attributes);
    if (!values) return {};
    OpBuilder b(op);
    NamedAttribute value = b.getNamedAttr("value", toElements(&getContext(), (*values)[0]));
    return ConstantOp::create(b, op->getLoc(), op->getResultTypes(), ValueRange{}, ArrayRef(value)).getResult();
  }

  Operation *equalOp(Operation *op) {
    const OpInfo *info = catalogueInfo(op);
    if (!info || info->num_regions || info->effects) return nullptr;
    std::size_t hash = SameOp::hash(op);
    for (auto &scope : Scopes) {
      auto [first, last] = scope.equal_range(hash);
      for (; first != last; ++first)
        if (SameOp::equal(first->second, op)) return first->second;
    }
    Scopes.back().emplace(hash, op);
    return nullptr;
  }

  /// A branch whose condition is known takes the place of the `if`.
  bool inlined(Operation *op) {
    if (!isa<IfOp>(op)) return false;
    DenseElementsAttr condition = elementsOf(op->getOperand(0));
    if (!condition) return false;
    mlir::Block &branch = op->getRegion(condition.getSplatValue<bool>() ? 0 : 1).front();
    Operation *yield = branch.getTerminator();
    SmallVector<Value> values(yield->getOperands());
    yield->erase();
    op->getBlock()->getOperations().splice(op->getIterator(), branch.getOperations());
    op->replaceAllUsesWith(values);
    op->erase();
    return Changed = true;  // its ops are simplified in the next round
  }

  std::vector<std::unordered_multimap<std::size_t, Operation *>> Scopes;
  bool Changed = false;
};

}  // namespace
}  // namespace burin::passes
