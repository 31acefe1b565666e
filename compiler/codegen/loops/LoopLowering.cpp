// Finds the loop lowering of an op, and tells it the op's shapes.
#include "compiler/codegen/loops/LoopLowering.h"

#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace burin::codegen {
using namespace mlir;

#define BURIN_LOOP_LOWERING(kind, function) void function(LoopKernel &K);
#include "compiler/codegen/LoopLowerings.inc" // generated
#undef BURIN_LOOP_LOWERING

using Lowering = void (*)(LoopKernel &);
static Lowering loweringOf(OpKind Kind) {
  switch (Kind) {
#define BURIN_LOOP_LOWERING(kind, function)                                                                            \
  case OpKind::kind:                                                                                                   \
    return function;
#include "compiler/codegen/LoopLowerings.inc" // generated
#undef BURIN_LOOP_LOWERING
  default:
    return nullptr;
  }
}

LoopKernel::LoopKernel(const Kernel &Of, const LoopPlan &Plan) : Op(Plan.Op) {
  func::FuncOp Function = Of.Function;
  unsigned Inputs = Function.getNumArguments() - Of.NumSizes;
  for (unsigned At : Of.Order) {
    bool Input = At < Inputs;
    Type T = Input ? Function.getArgumentTypes()[At] : Function.getResultTypes()[At - Inputs];
    Dtypes.push_back(*ir::toDtype(cast<RankedTensorType>(T).getElementType()));
    // outline-kernels says every shape
    Shapes.push_back(*(Input ? argumentShape(Function, At) : resultShape(Function, At - Inputs)));
  }
  loweringOf(ir::catalogueInfo(Op)->kind)(*this);
}

int64_t LoopKernel::integer(StringRef Attribute) const { return Op->getAttrOfType<IntegerAttr>(Attribute).getInt(); }
Type LoopKernel::element(unsigned I) const { return ir::elementType(Op->getContext(), Dtypes[I]); }
Extent LoopKernel::product(unsigned I, size_t From, size_t To) const {
  Extent P = Extent::number(1);
  for (size_t D = From; D < To; ++D) P = P.times(Shapes[I][D]);
  return P;
}

void LoopKernel::parallel(Count Blocks, Count Work, Body Each) {
  // Nothing is done where nothing is given, however many rows without elements there are; but an index that elements stand
  // at may be a fault.
  Extent Given = elements(numBuffers() - 1);
  Extents Looked; // an index may be a fault where none of these is empty
  if (has(ir::catalogueInfo(Op)->effects, Effect::may_fault))
    for (unsigned I = 1; I < Op->getNumOperands(); ++I) Looked.push_back(elements(I));
  auto Wanted = [Given, Looked, Blocks](LoopBuilder &E) {
    if (Given.isStatic() && !Given.is(0)) return Blocks(E);
    Value None = E.less(E.value(Given), E.index(1)), Some;
    for (const Extent &X : Looked) {
      Value Here = E.less(E.index(0), E.value(X));
      Some = Some ? E.both(Some, Here) : Here;
    }
    return E.select(Some ? E.both(None, E.negated(Some)) : None, E.index(0), Blocks(E));
  };
  Phases.push_back({Wanted, std::move(Work), std::move(Each)});
}
void LoopKernel::workspace(Type Element, Extent Elements, bool Each) {
  assert(!WorkspaceType && "asked for twice");
  WorkspaceType = Element;
  // Not empty, whatever the sizes: so a kernel either has workspace or has none.
  WorkspaceElements = Elements.is(0) ? Extent::number(1) : std::move(Elements);
  EachWorker = Each;
}
Extent LoopKernel::workspaceBytes() const {
  return WorkspaceElements.times(std::max(1u, WorkspaceType.getIntOrFloatBitWidth() / 8));
}

Workspace loopWorkspace(const Kernel &Of, const LoopPlan &Plan) {
  LoopKernel Loops(Of, Plan);
  Workspace W;
  if (Loops.hasWorkspace()) (Loops.workspaceOfEach() ? W.Each : W.Shared).push_back(Loops.workspaceBytes());
  return W;
}

Value LoopKernel::position(LoopBlock &B, unsigned Input, Value At, Value Size) const {
  Type I64 = B.B.getI64Type();
  Value Index = B.load(Input, At, {}, element(Input));
  if (Index.getType() == I64) {
    // Of a u64 beyond the greatest i64 all that matters is that any size is exceeded.
    if (!is_signed(Dtypes[Input]))
      Index = arith::MinUIOp::create(B.B, Index, B.index(std::numeric_limits<int64_t>::max()));
  } else {
    Index = is_signed(Dtypes[Input]) ? arith::ExtSIOp::create(B.B, I64, Index).getResult()
                                     : arith::ExtUIOp::create(B.B, I64, Index).getResult();
  }
  auto Number = Op->getAttrOfType<IntegerAttr>(ir::opAttrName);
  B.when(B.negated(B.within(Index, Size)), [&] {
    B.faultAt(BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, Number ? static_cast<int32_t>(Number.getInt()) : 0, At, Index);
  });
  return B.max(B.min(Index, B.sub(Size, B.index(1))), B.index(0));
}

} // namespace burin::codegen
