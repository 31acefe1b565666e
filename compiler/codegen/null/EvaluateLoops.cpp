// Walks func, arith, scf and memref: what Loops.cpp writes.
#include "compiler/codegen/null/Evaluate.h"
#include "compiler/codegen/null/Loops.h"
#include "compiler/codegen/null/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/ADT/TypeSwitch.h"

namespace burin::codegen::null {
using namespace mlir;

namespace {

/// A scalar, or the memory of a memref.
struct Cell {
  Scalar S;
  void *Memory = nullptr;
};

class Walker {
public:
  explicit Walker(const Machine &M) : M(M) {}

  /// What the function returns, if anything.
  FailureOr<int64_t> call(func::FuncOp Function, ArrayRef<Cell> Arguments) {
    Block &Body = Function.getBody().front();
    for (auto [A, C] : llvm::zip_equal(Body.getArguments(), Arguments)) Cells[A] = C;
    if (failed(run(Body))) return failure();
    ValueRange Returned = Body.getTerminator()->getOperands();
    return Returned.empty() ? 0 : Cells.lookup(Returned[0]).S.I;
  }

private:
  LogicalResult run(Block &Ops) {
    for (Operation &Op : Ops.without_terminator())
      if (failed(step(&Op))) return failure();
    return success();
  }
  void hand(ValueRange From, ValueRange To) {
    SmallVector<Cell> Values; // all are read first: a loop may pass its values around
    for (Value V : From) Values.push_back(Cells.lookup(V));
    for (auto [V, C] : llvm::zip_equal(To, Values)) Cells[V] = C;
  }

  LogicalResult step(Operation *Op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(Op)
        .Case([&](memref::LoadOp Load) {
          Type T = Load.getMemRefType().getElementType();
          Cells[Load] = {readElement(Cells.lookup(Load.getMemref()).Memory, T, Cells.lookup(Load.getIndices()[0]).S.I),
                         nullptr};
          return success();
        })
        .Case([&](memref::StoreOp Store) {
          writeElement(Cells.lookup(Store.getMemref()).Memory, Store.getMemRefType().getElementType(),
                       Cells.lookup(Store.getIndices()[0]).S.I, Cells.lookup(Store.getValueToStore()).S);
          return success();
        })
        .Case([&](memref::ExtractAlignedPointerAsIndexOp Address) {
          Cells[Address] = {
              {static_cast<int64_t>(reinterpret_cast<intptr_t>(Cells.lookup(Address.getSource()).Memory)), 0}, nullptr};
          return success();
        })
        .Case([&](func::CallOp Call) {
          auto number = [&](unsigned I) { return Cells.lookup(Call.getOperand(I)).S.I; };
          if (Call.getCallee() == "burin_fault")
            M.Fault(static_cast<burin_rt_fault_kind>(number(0)), static_cast<int32_t>(number(1)), number(2), number(3));
          else
            Cells[Call.getResult(0)] = {{M.Faulted(), 0}, nullptr};
          return success();
        })
        .Case([&](scf::ForOp For) { return loop(For); })
        .Case([&](scf::IfOp If) {
          Block *Taken = Cells.lookup(If.getCondition()).S.I ? If.thenBlock() : If.elseBlock();
          if (!Taken) return success();
          if (failed(run(*Taken))) return failure();
          hand(Taken->getTerminator()->getOperands(), If.getResults());
          return success();
        })
        .Case([&](scf::WhileOp While) { return loop(While); })
        .Default([&](Operation *) -> LogicalResult {
          SmallVector<Scalar, 4> In;
          for (Value V : Op->getOperands()) In.push_back(Cells.lookup(V).S);
          auto Made = evaluateScalar(Op, In);
          if (succeeded(Made)) Cells[Op->getResult(0)] = {*Made, nullptr};
          return Made;
        });
  }

  LogicalResult loop(scf::ForOp For) {
    auto number = [&](Value V) { return Cells.lookup(V).S.I; };
    int64_t End = number(For.getUpperBound()), Step = number(For.getStep());
    hand(For.getInitArgs(), For.getRegionIterArgs());
    for (int64_t I = number(For.getLowerBound()); I < End; I += Step) {
      Cells[For.getInductionVar()] = {{I, 0}, nullptr};
      if (failed(run(*For.getBody()))) return failure();
      hand(For.getBody()->getTerminator()->getOperands(), For.getRegionIterArgs());
    }
    hand(For.getRegionIterArgs(), For.getResults());
    return success();
  }
  LogicalResult loop(scf::WhileOp While) {
    Block &Test = While.getBefore().front(), &Body = While.getAfter().front();
    hand(While.getInits(), Test.getArguments());
    for (;;) {
      if (failed(run(Test))) return failure();
      auto Condition = cast<scf::ConditionOp>(Test.getTerminator());
      if (!Cells.lookup(Condition.getCondition()).S.I) {
        hand(Condition.getArgs(), While.getResults());
        return success();
      }
      hand(Condition.getArgs(), Body.getArguments());
      if (failed(run(Body))) return failure();
      hand(Body.getTerminator()->getOperands(), Test.getArguments());
    }
  }

  const Machine &M;
  llvm::DenseMap<Value, Cell> Cells;
};

} // namespace

LogicalResult evaluateLoops(func::FuncOp Kernel, const Machine &M) {
  auto Module = Kernel->getParentOfType<ModuleOp>();
  SmallVector<Cell> Arguments;
  for (int64_t I : Kernel->getAttrOfType<DenseI64ArrayAttr>(orderAttrName).asArrayRef())
    Arguments.push_back({{}, M.Buffers[static_cast<size_t>(I)]});
  for (int64_t S : M.Sizes) Arguments.push_back({{S, 0}, nullptr});
  int64_t NumPhases = Kernel->getAttrOfType<IntegerAttr>(phasesAttrName).getInt();
  for (int64_t I = 0; I < NumPhases; ++I) {
    auto find = [&](StringRef Part) {
      return Module.lookupSymbol<func::FuncOp>((Kernel.getName() + Part + Twine(I)).str());
    };
    Walker W(M);
    auto Blocks = W.call(find(".blocks"), Arguments);
    if (failed(Blocks)) return failure();
    SmallVector<Cell> All = Arguments;
    for (int64_t Block = 0; Block < *Blocks; ++Block) {
      All.push_back({{Block, 0}, nullptr});
      if (failed(W.call(find(".p"), All))) return failure();
      All.pop_back();
    }
  }
  return success();
}

} // namespace burin::codegen::null
