// See SmallLoop.h. An elementwise op is written once on scalars, as for linalg (LowerToLinalg.h), and repeated for each
// element; ops that move elements move names.
#include "compiler/codegen/loops/SmallLoop.h"

#include "compiler/codegen/plan/LowerToLinalg.h"
#include "compiler/ir/KernelAttributes.h"
#include "compiler/ir/Loops.h"
#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <memory>

namespace burin::codegen {
using namespace mlir;
using namespace burin::ir;

namespace {

using Sizes = SmallVector<int64_t, 4>;
using Indices = SmallVector<int64_t, 16>;

Dtype dtypeOf(Value V) { return *toDtype(cast<RankedTensorType>(V.getType()).getElementType()); }
Sizes sizesOf(Value V) { return Sizes(cast<RankedTensorType>(V.getType()).getShape()); }
int64_t elementsOf(Value V) { return cast<RankedTensorType>(V.getType()).getNumElements(); }
Type scalarType(Value V) { return elementType(V.getContext(), dtypeOf(V)); }

Sizes stridesOf(ArrayRef<int64_t> Shape) {
  Sizes Strides(Shape.size(), 1);
  for (size_t I = Shape.size(); I-- > 1;) Strides[I - 1] = Strides[I] * Shape[I];
  return Strides;
}

/// For each element of `Shape` in row-major order: Offset + the sum of its coordinates times `Strides`.
Indices walk(ArrayRef<int64_t> Shape, ArrayRef<int64_t> Strides, int64_t Offset = 0) {
  Indices At{Offset};
  for (auto [Size, Stride] : llvm::zip(Shape, Strides)) {
    Indices Next;
    for (int64_t A : At)
      for (int64_t I = 0; I < Size; ++I) Next.push_back(A + I * Stride);
    At = std::move(Next);
  }
  return At;
}

/// Which element of `From` each element of `To` is: aligned at the last axis, sizes of 1 repeated.
Indices broadcast(ArrayRef<int64_t> From, ArrayRef<int64_t> To) {
  Sizes Have = stridesOf(From), Strides(To.size(), 0);
  for (size_t I = 0; I < From.size(); ++I)
    if (From[I] != 1) Strides[To.size() - From.size() + I] = Have[I];
  return walk(To, Strides);
}

/// A number in the type in which it is held.
Value constant(LoopBlock &E, TypedAttr Scalar) {
  Type T = Scalar.getType(), Held = E.held(T);
  if (auto F = dyn_cast<FloatAttr>(Scalar); F && Held != T) Scalar = E.B.getFloatAttr(Held, F.getValueAsDouble());
  if (auto I = dyn_cast<IntegerAttr>(Scalar); I && Held != T) Scalar = E.B.getIntegerAttr(Held, I.getInt());
  return arith::ConstantOp::create(E.B, Scalar);
}

/// An elementwise op on scalars, outside of any function, to be repeated.
class Element {
public:
  Element(Operation *Op, function_ref<Value(OpBuilder &, Location, ValueRange)> Make, ArrayRef<Type> Operands) {
    for (Type T : Operands) Body.addArgument(T, Op->getLoc());
    OpBuilder B(Op->getContext());
    B.setInsertionPointToEnd(&Body);
    Result = Make(B, Op->getLoc(), Body.getArguments());
  }
  explicit operator bool() const { return static_cast<bool>(Result); }

  Value repeat(LoopBlock &E, ArrayRef<Value> Operands) {
    llvm::DenseMap<Value, Value> Made;
    for (auto [Argument, Operand] : llvm::zip(Body.getArguments(), Operands)) Made[Argument] = Operand;
    for (Operation &Op : Body) {
      if (auto Constant = dyn_cast<arith::ConstantOp>(Op)) {
        Made[Op.getResult(0)] = constant(E, Constant.getValue());
        continue;
      }
      Values Inputs;
      for (Value V : Op.getOperands()) Inputs.push_back(Made.lookup(V));
      Value First = E.repeat(&Op, Inputs);
      Made[Op.getResult(0)] = First;
      for (unsigned I = 1; I < Op.getNumResults(); ++I) Made[Op.getResult(I)] = First.getDefiningOp()->getResult(I);
    }
    return Made.lookup(Result);
  }

private:
  Block Body;
  Value Result;
};

class LoopWriter {
public:
  LoopWriter(func::FuncOp Kernel, LoopBlock &E) : Kernel(Kernel), E(E) {}

  LogicalResult run() {
    SmallVector<BlockArgument> Inputs;
    for (BlockArgument A : Kernel.getArguments())
      if (!A.getType().isIndex()) Inputs.push_back(A);
    for (auto [I, Input] : llvm::enumerate(Inputs)) {
      Values &Loaded = Known[Input];
      for (int64_t At = 0; At < elementsOf(Input); ++At)
        Loaded.push_back(E.load(static_cast<unsigned>(I), E.index(At), {}, scalarType(Input)));
    }
    // What an earlier fault left may never end a loop.
    Unharmed = E.negated(E.faulted());
    Block &Body = Kernel.getBody().front();
    if (failed(write(Body))) return failure();
    for (auto [I, Result] : llvm::enumerate(Body.getTerminator()->getOperands()))
      for (auto [At, V] : llvm::enumerate(Known.lookup(Result)))
        E.store(static_cast<unsigned>(Inputs.size() + I), E.index(static_cast<int64_t>(At)), V, {}, scalarType(Result));
    return success();
  }

private:
  LogicalResult write(Block &Ops) {
    for (Operation &Op : Ops.without_terminator()) {
      E.B.setLoc(Op.getLoc());
      if (failed(write(&Op))) return failure();
    }
    return success();
  }

  LogicalResult write(Operation *Op) {
    switch (catalogueInfo(Op)->kind) {
#define BURIN_REGISTER_LOWERING(kind, function)                                                                        \
  case OpKind::kind:                                                                                                   \
    return function(Op);
#include "compiler/codegen/RegisterLowerings.inc" // generated
#undef BURIN_REGISTER_LOWERING
    default:
      return elementwise(Op);
    }
  }

  LogicalResult write_constant(Operation *Op) {
    Value Result = Op->getResult(0);
    Type Scalar = scalarType(Result);
    auto Elements = cast<DenseElementsAttr>(Op->getAttr("value"));
    if (Elements.getElementType() != Scalar) Elements = Elements.bitcast(Scalar);
    Values &Made = Known[Result];
    for (mlir::Attribute A : Elements.getValues<mlir::Attribute>()) Made.push_back(constant(E, cast<TypedAttr>(A)));
    return success();
  }
  LogicalResult write_iota(Operation *Op) {
    Value Result = Op->getResult(0);
    Sizes To = sizesOf(Result), Steps(To.size(), 0);
    Steps[static_cast<size_t>(Op->getAttrOfType<IntegerAttr>("axis").getInt())] = 1;
    Type I64 = E.B.getI64Type();
    Element Cast(
        Op, [&](OpBuilder &B, Location L, ValueRange V) { return emitCast(B, L, V[0], Dtype::i64, dtypeOf(Result)); },
        I64);
    Values Made;
    for (int64_t I : walk(To, Steps)) Made.push_back(Cast.repeat(E, E.index(I)));
    Known[Result] = Made;
    return success();
  }
  LogicalResult write_cast(Operation *Op) { return elementwise(Op); }
  LogicalResult write_reshape(Operation *Op) {
    Known[Op->getResult(0)] = Values(Known.lookup(Op->getOperand(0)));
    return success();
  }
  LogicalResult write_broadcast_to(Operation *Op) {
    return move(Op, broadcast(sizesOf(Op->getOperand(0)), sizesOf(Op->getResult(0))));
  }
  LogicalResult write_transpose(Operation *Op) {
    Sizes Have = stridesOf(sizesOf(Op->getOperand(0))), Strides;
    for (int64_t P : Op->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef())
      Strides.push_back(Have[static_cast<size_t>(P)]);
    return move(Op, walk(sizesOf(Op->getResult(0)), Strides));
  }
  LogicalResult write_slice(Operation *Op) {
    auto Starts = cast<DimsAttr>(Op->getAttr("starts"));
    ArrayRef<int64_t> Steps = Op->getAttrOfType<DenseI64ArrayAttr>("strides").asArrayRef();
    Sizes Have = stridesOf(sizesOf(Op->getOperand(0))), Strides;
    int64_t Offset = 0;
    for (unsigned I = 0; I < Starts.size(); ++I) {
      Offset += Starts.dim(I).value() * Have[I];
      Strides.push_back(Have[I] * (Steps.empty() ? 1 : Steps[I]));
    }
    return move(Op, walk(sizesOf(Op->getResult(0)), Strides, Offset));
  }
  LogicalResult write_reduce_sum(Operation *Op) { return reduce(Op, true); }
  LogicalResult write_reduce_max(Operation *Op) { return reduce(Op, false); }

  LogicalResult move(Operation *Op, ArrayRef<int64_t> Sources) {
    Values From(Known.lookup(Op->getOperand(0))), Made;
    for (int64_t I : Sources) Made.push_back(From[static_cast<size_t>(I)]);
    Known[Op->getResult(0)] = Made;
    return success();
  }

  LogicalResult elementwise(Operation *Op) {
    SmallVector<Type> Types;
    SmallVector<Indices> At;
    Sizes To = sizesOf(Op->getResult(0));
    for (Value V : Op->getOperands()) {
      Types.push_back(scalarType(V));
      At.push_back(broadcast(sizesOf(V), To));
    }
    Element One(Op, [&](OpBuilder &B, Location L, ValueRange V) { return lowerElement(B, L, Op, V); }, Types);
    if (!One) return Op->emitError("has no lowering for this dtype");
    Values Made;
    for (size_t I = 0; I < static_cast<size_t>(elementsOf(Op->getResult(0))); ++I) {
      Values Operands;
      for (auto [V, Sources] : llvm::zip(Op->getOperands(), At))
        Operands.push_back(Known.find(V)->second[static_cast<size_t>(Sources[I])]);
      Made.push_back(One.repeat(E, Operands));
    }
    Known[Op->getResult(0)] = Made;
    return success();
  }

  /// In row-major order, which is a fixed tree. Sums of narrow floats are f32's, rounded once.
  LogicalResult reduce(Operation *Op, bool Sum) {
    Value X = Op->getOperand(0);
    Dtype D = dtypeOf(X), In = Sum ? compute_dtype(D) : D;
    Sizes From = sizesOf(X), Strides(From.size(), 0);
    // Strides of the result along the operand's axes: none along those that are combined.
    ArrayRef<int64_t> Axes = Op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef();
    int64_t Stride = 1;
    for (size_t I = From.size(); I-- > 0;) {
      if (llvm::is_contained(Axes, static_cast<int64_t>(I))) continue;
      Strides[I] = Stride;
      Stride *= From[I];
    }
    Type Scalar = elementType(Op->getContext(), In), Given = elementType(Op->getContext(), D);
    ScalarEmitter Emit = scalarEmitter(Sum ? OpKind::add : OpKind::max);
    Element Combine(Op, [&](OpBuilder &B, Location L, ValueRange V) { return Emit(ScalarContext{B, L, In}, V); },
                    {Scalar, Scalar});
    if (!Combine) return Op->emitError("has no lowering for this dtype");
    Values Elements(Known.lookup(X)), Made(static_cast<size_t>(elementsOf(Op->getResult(0))));
    if (Sum && !Axes.empty())
      for (Value &V : Made) V = E.number(E.held(Scalar), 0); // so that -0 adds up to 0
    if (In != D && !Axes.empty()) {
      Element Widen(Op, [&](OpBuilder &B, Location L, ValueRange V) { return emitCast(B, L, V[0], D, In); }, Given);
      for (Value &V : Elements) V = Widen.repeat(E, V);
    }
    for (auto [V, At] : llvm::zip(Elements, walk(From, Strides))) {
      Value &Total = Made[static_cast<size_t>(At)];
      Total = Total ? Combine.repeat(E, {Total, V}) : V;
    }
    if (In != D && !Axes.empty()) {
      Element Round(Op, [&](OpBuilder &B, Location L, ValueRange V) { return emitCast(B, L, V[0], In, D); }, Scalar);
      for (Value &V : Made) V = Round.repeat(E, V);
    }
    Known[Op->getResult(0)] = Made;
    return success();
  }

  // -- control -------------------------------------------------------------------------------------------------------

  SmallVector<Type> types(ValueRange Tensors) {
    SmallVector<Type> Types;
    for (Value V : Tensors) Types.append(static_cast<size_t>(elementsOf(V)), E.held(scalarType(V)));
    return Types;
  }
  Values flat(ValueRange Tensors) {
    Values All;
    for (Value V : Tensors) All.append(Known.find(V)->second);
    return All;
  }
  /// Gives `Tensors` their elements, which stand first in `Elements`.
  void bind(ValueRange Tensors, ValueRange Elements) {
    for (Value V : Tensors) {
      auto Count = static_cast<size_t>(elementsOf(V));
      Known[V] = Values(Elements.take_front(Count));
      Elements = Elements.drop_front(Count);
    }
  }

  LogicalResult write_if(Operation *Op) {
    bool Bad = false;
    auto branch = [&](unsigned I) {
      Block &Ops = Op->getRegion(I).front();
      Bad |= failed(write(Ops));
      return Bad ? Values() : flat(Ops.getTerminator()->getOperands());
    };
    Value Condition = Known.lookup(Op->getOperand(0))[0];
    Values Results = E.choose(Condition, types(Op->getResults()), [&] { return branch(0); }, [&] { return branch(1); });
    bind(Op->getResults(), Results);
    return failure(Bad);
  }

  /// A loop ends with the trip that faulted, and does not start after a fault: both are as in the host program.
  LogicalResult write_while(Operation *Op) {
    Block &Test = Op->getRegion(0).front(), &Body = Op->getRegion(1).front();
    bool Counted = mayExceedBound(Op), Bad = false;
    bool MayFaultInside = false;
    Op->walk([&](WhileOp Inner) { MayFaultInside |= Inner != Op && mayExceedBound(Inner); });
    Type I1 = E.B.getI1Type(), I64 = E.B.getI64Type();
    Values Init = flat(Op->getOperands());
    SmallVector<Type> Handed = types(Op->getResults());
    size_t NumCarried = Init.size(), NumHanded = Handed.size();
    Value Most;
    if (Counted) { // trips so far; handed on: whether the test held, and they
      Init.push_back(E.index(0));
      Handed.append({I1, I64});
      Most = size(cast<DimsAttr>(Op->getAttr("max_trips")).dim(0));
    }
    Values Results = E.whileLoop(
        Init, Handed,
        [&](ValueRange Carried) -> Values {
          bind(Test.getArguments(), Carried.take_front(NumCarried));
          Bad |= failed(write(Test));
          if (Bad) return {Unharmed};
          ValueRange Yields = Test.getTerminator()->getOperands();
          Value Unfaulted = MayFaultInside ? E.negated(E.faulted()) : Unharmed;
          Value Again = E.both(Known.lookup(Yields[0])[0], Unfaulted);
          Values Next{Again};
          Next.append(flat(Yields.drop_front()));
          if (Counted) {
            Next.append({Again, Carried.back()});
            Next[0] = E.both(Again, E.less(Carried.back(), Most));
          }
          return Next;
        },
        [&](ValueRange Given) -> Values {
          bind(Body.getArguments(), Given.take_front(NumHanded));
          Bad |= failed(write(Body));
          if (Bad) return {};
          Values Next = flat(Body.getTerminator()->getOperands());
          if (Counted) Next.push_back(E.add(Given.back(), 1));
          return Next;
        });
    if (Bad) return failure();
    bind(Op->getResults(), ValueRange(Results).take_front(NumHanded));
    if (!Counted) return success();
    auto Number = static_cast<int32_t>(Op->getAttrOfType<IntegerAttr>(opAttrName).getInt());
    E.when(Results[NumHanded], [&] { E.faultAt(BURIN_RT_FAULT_TRIP_COUNT, Number, E.index(0), Most); });
    return success();
  }

  /// A number, or one of the kernel's size operands.
  Value size(Dim D) {
    if (D.is_known()) return E.index(D.value());
    auto Names = Kernel->getAttrOfType<DimsAttr>(ir::kernelSizesAttrName);
    unsigned I = 0;
    while (Names.dim(I) != D) ++I;
    return E.size(I);
  }

  func::FuncOp Kernel;
  LoopBlock &E;
  Value Unharmed; ///< i1: no fault was recorded before the kernel
  llvm::DenseMap<Value, Values> Known;
};

} // namespace

SmallVector<Type> smallLoopElements(const Kernel &Of) {
  func::FuncOp Function = Of.Function;
  SmallVector<Type> Elements;
  auto add = [&](Type T) {
    if (!T.isIndex())
      Elements.push_back(elementType(Function.getContext(), *toDtype(cast<RankedTensorType>(T).getElementType())));
  };
  for (Type T : Function.getArgumentTypes()) add(T);
  for (Type T : Function.getResultTypes()) add(T);
  return Elements;
}

LogicalResult writeSmallLoop(const Kernel &Of, LoopBlock &Into) { return LoopWriter(Of.Function, Into).run(); }

} // namespace burin::codegen
