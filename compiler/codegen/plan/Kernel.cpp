// Which kind of work a kernel function is.
#include "compiler/codegen/plan/Kernel.h"

#include "compiler/codegen/plan/LowerToLinalg.h"
#include "compiler/ir/Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace burin::codegen {
using namespace mlir;
using namespace burin::ir;

#define BURIN_LIBRARY_LOWERING(kind, function) LogicalResult function(Kernel &K, Operation *Op);
#include "compiler/codegen/LibraryLowerings.inc" // generated
#undef BURIN_LIBRARY_LOWERING

namespace {

/// What says an op of `lowering = "library: name"` as data; null for other ops.
using LibraryPlan = LogicalResult (*)(Kernel &, Operation *);
LibraryPlan libraryOf(OpKind Kind) {
  switch (Kind) {
#define BURIN_LIBRARY_LOWERING(kind, function)                                                                         \
  case OpKind::kind:                                                                                                   \
    return function;
#include "compiler/codegen/LibraryLowerings.inc" // generated
#undef BURIN_LIBRARY_LOWERING
  default:
    return nullptr;
  }
}

/// The operand that the op's loops may write over, or -1.
int inplaceOperand(OpKind Kind) {
  switch (Kind) {
#define BURIN_OP_FACTS(kind, registers, cheap, inplace)                                                                \
  case OpKind::kind:                                                                                                   \
    return inplace;
#include "compiler/graph/OpFacts.inc" // generated
#undef BURIN_OP_FACTS
  }
  return -1;
}

/// Whether the kernel holds a loop.
bool isSmallLoop(func::FuncOp Function) {
  return llvm::any_of(Function.getBody().front(), [](Operation &Op) { return isa<WhileOp>(Op); });
}

unsigned numTensors(func::FuncOp Function) {
  return static_cast<unsigned>(llvm::count_if(Function.getArgumentTypes(), [](Type T) { return !T.isIndex(); }));
}

/// The op that reads all inputs and gives all results, but for transposes that a product reads through (fuse-kernels makes
/// no other kernels with a product).
Operation *onlyOp(func::FuncOp Function, LoweringKind Kind) {
  Operation *Last = Function.getBody().front().getTerminator()->getPrevNode();
  const OpInfo *Info = Last ? catalogueInfo(Last) : nullptr;
  return Info && Info->lowering == Kind ? Last : nullptr;
}

void addResults(Kernel &K) {
  for (unsigned I = 0; I < K.Function.getNumResults(); ++I) K.Order.push_back(numTensors(K.Function) + I);
}

void planLoop(Kernel &K, Operation *Op) {
  for (Value V : Op->getOperands()) K.Order.push_back(cast<BlockArgument>(V).getArgNumber());
  addResults(K);
  K.Work = LoopPlan{Op};
  // What is written over may not be read as another operand too.
  int Over = inplaceOperand(catalogueInfo(Op)->kind);
  if (Over >= 0 && llvm::count(Op->getOperands(), Op->getOperand(static_cast<unsigned>(Over))) == 1)
    K.InPlace.push_back({K.Order[static_cast<size_t>(Over)], 0});
}

/// Values are in registers before the first result is written, so any two buffers that are equally large may be one.
void planSmallLoop(Kernel &K) {
  K.Work = SmallLoopPlan();
  auto bytes = [](Type T) { return num_bytes(*toTensorType(T)); };
  for (auto [I, Input] : llvm::enumerate(K.Function.getArgumentTypes()))
    for (auto [R, Result] : llvm::enumerate(K.Function.getResultTypes()))
      if (!Input.isIndex() && bytes(Input) == bytes(Result))
        K.InPlace.push_back({static_cast<unsigned>(I), static_cast<unsigned>(R)});
}

void planCheck(Kernel &K) {
  auto number = [&](StringRef Name) { return K.Function->getAttrOfType<IntegerAttr>(Name).getInt(); };
  CheckPlan P{static_cast<CheckKind>(number(checkAttrName)), static_cast<Dtype>(number(checkDtypeAttrName)),
              static_cast<unsigned>(number(checkRankAttrName))};
  K.NumSizes = P.Kind == CheckKind::nan ? 2 : 1 + 2 * P.Rank;
  K.Work = P;
}

} // namespace

void loadPlanDialects(MLIRContext &Context) {
  Context.loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                      tensor::TensorDialect>();
}

FailureOr<Kernel> planKernel(func::FuncOp Function) {
  Kernel K;
  K.Function = Function;
  K.Name = Function.getName().str();
  if (Function->hasAttr(checkAttrName)) {
    planCheck(K);
    return K;
  }
  K.NumSizes = Function.getNumArguments() - numTensors(Function);
  if (isSmallLoop(Function)) {
    planSmallLoop(K);
  } else if (Operation *Op = onlyOp(Function, LoweringKind::library)) {
    if (failed(libraryOf(catalogueInfo(Op)->kind)(K, Op))) return failure();
    addResults(K);
  } else if (Operation *Loop = onlyOp(Function, LoweringKind::loops)) {
    planLoop(K, Loop);
  } else {
    // Tests write kernels in linalg.
    bool Lowered =
        llvm::none_of(Function.getBody().front(), [](Operation &Op) { return catalogueInfo(&Op) != nullptr; });
    if (!Lowered && failed(lowerToLinalg(Function))) return failure();
    auto Nests = planNests(Function);
    if (failed(Nests)) return failure();
    K.InPlace = Nests->InPlace;
    K.Work = std::move(*Nests);
  }
  return K;
}

} // namespace burin::codegen
