// Removes what does not change the result: folds small constants through the referee, merges equal ops, applies exact
// identities (PruneIdentities.h), settles what is known about regions (PruneRegions.h), and drops what nobody uses
// (DeadValues.h). Own rounds over the blocks, since MLIR's greedy driver costs more for what is nearly always nothing to do.
#include "compiler/ir/Dialect.h"
#include "passes/DeadValues.h"
#include "passes/Passes.h"
#include "passes/PruneIdentities.h"
#include "passes/PruneRegions.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OperationSupport.h"

#include <unordered_map>

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_PRUNE
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

struct SameOp {
  static bool equal(Operation *a, Operation *b) {
    return OperationEquivalence::isEquivalentTo(a, b, OperationEquivalence::IgnoreLocations);
  }
  static std::size_t hash(Operation *op) {
    return OperationEquivalence::computeHash(op, OperationEquivalence::directHashValue,
                                             OperationEquivalence::ignoreHashValue,
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
      if (settleRegions(&op)) { // what it leaves is simplified in the next round
        Changed = true;
        continue;
      }
      for (Region &region : op.getRegions())
        if (!region.empty()) simplify(region.front());
      if (!isPlain(&op) || op.getNumResults() != 1) continue;
      if (Value value = simpler(&op)) {
        op.getResult(0).replaceAllUsesWith(value);
        op.erase();
        Changed = true;
      } else if (Operation *earlier = equalOp(&op)) {
        earlier->setLoc(fusedLoc(earlier->getLoc(), op.getLoc()));
        op.replaceAllUsesWith(earlier->getResults());
        op.erase();
        Changed = true;
      }
    }
    Scopes.pop_back();
  }

  Value simpler(Operation *op) {
    if (isa<ConstantOp>(op)) return {};
    if (Value value = sameAs(op)) return value;
    if (Value value = composed(op)) return value;
    SmallVector<DenseElementsAttr> operands;
    for (Value operand : op->getOperands()) operands.push_back(elementsOf(operand));
    DenseElementsAttr elements = fold(op, operands);
    if (!elements) return {};
    OpBuilder b(op);
    NamedAttribute value = b.getNamedAttr("value", elements);
    return ConstantOp::create(b, op->getLoc(), op->getResultTypes(), ValueRange{}, ArrayRef(value)).getResult();
  }

  /// The op before this one, here or around, that computes the same.
  Operation *equalOp(Operation *op) {
    std::size_t hash = SameOp::hash(op);
    for (auto &scope : Scopes) {
      auto [first, last] = scope.equal_range(hash);
      for (; first != last; ++first)
        if (SameOp::equal(first->second, op)) return first->second;
    }
    Scopes.back().emplace(hash, op);
    return nullptr;
  }

  std::vector<std::unordered_multimap<std::size_t, Operation *>> Scopes;
  bool Changed = false;
};

} // namespace
} // namespace burin::passes
