// Each burin op becomes one linalg.generic (or a view), in order; fusing them is left to whoever reads the linalg, which
// inlines producers. Broadcasting is in indexing maps, never an op of its own.
#include "compiler/codegen/plan/LowerToLinalg.h"

#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/StringSwitch.h"

namespace burin::codegen {
using namespace mlir;
using namespace burin::ir;

namespace {

class Lowering;
using Lower = LogicalResult (Lowering::*)(Operation *);

class Lowering {
public:
  explicit Lowering(func::FuncOp Kernel) : Kernel(Kernel), B(Kernel.getContext()) {}

  static Lower find(Operation *Op) {
    const OpInfo *Info = catalogueInfo(Op);
    if (!Info) return nullptr;
    if (scalarEmitter(Info->kind)) return &Lowering::elementwise;
    switch (Info->kind) {
#define BURIN_LINALG_LOWERING(kind, function)                                                                          \
  case OpKind::kind:                                                                                                   \
    return &Lowering::function;
#include "compiler/codegen/LinalgLowerings.inc" // generated
#undef BURIN_LINALG_LOWERING
    case OpKind::reshape: // the host program's; within a kernel it reads what is in memory under another shape
      return &Lowering::lower_reshape;
    default:
      return nullptr;
    }
  }

  LogicalResult run() {
    SmallVector<Type> Inputs, Results;
    for (Type T : Kernel.getArgumentTypes()) Inputs.push_back(lowered(T));
    for (Type T : Kernel.getResultTypes()) Results.push_back(lowered(T));
    if (auto Names = Kernel->getAttrOfType<DimsAttr>("burin.kernel_sizes"))
      for (unsigned I = 0; I < Names.size(); ++I) SizeNames.push_back(Names.dim(I));

    Block &Old = Kernel.getBody().front();
    Block *New = new Block;
    Kernel.getBody().push_back(New);
    for (auto [Arg, T] : llvm::zip(Old.getArguments(), Inputs)) {
      Values[Arg] = New->addArgument(T, Arg.getLoc());
      if (T.isIndex()) SizeArgs.push_back(Values[Arg]);
    }
    B.setInsertionPointToEnd(New);
    for (Operation &Op : Old) {
      if (isa<func::ReturnOp>(Op)) {
        SmallVector<Value> Returned;
        for (Value V : Op.getOperands()) Returned.push_back(Values.lookup(V));
        func::ReturnOp::create(B, Op.getLoc(), Returned);
        continue;
      }
      Lower Method = find(&Op);
      if (!Method) return Op.emitError("has no form in linalg");
      if (Op.getNumResults() == 1 && llvm::is_contained(toTensorType(Op.getResult(0).getType())->shape, Dim(0)))
        Values[Op.getResult(0)] = nothing(Op.getLoc(), Op.getResult(0));
      else if (failed((this->*Method)(&Op)))
        return failure();
    }
    Old.dropAllDefinedValueUses();
    Old.erase();
    Kernel.setFunctionType(B.getFunctionType(Inputs, Results));
    return success();
  }

private:
  using Body = function_ref<Value(OpBuilder &, Location, ValueRange)>;

  Type lowered(Type T) {
    auto Tensor = dyn_cast<RankedTensorType>(T);
    return Tensor ? RankedTensorType::get(Tensor.getShape(), element(Tensor)) : T;
  }
  Type element(Type Tensor) { return elementType(B.getContext(), dtypeOf(Tensor)); }
  static Dtype dtypeOf(Type Tensor) { return *toDtype(cast<RankedTensorType>(Tensor).getElementType()); }
  static Dtype dtypeOf(Value V) { return dtypeOf(V.getType()); }

  Value size(Location Loc, Dim D) {
    if (D.is_known()) return arith::ConstantIndexOp::create(B, Loc, D.value());
    auto *It = llvm::find(SizeNames, D);
    assert(It != SizeNames.end() && "outline-kernels lists every size of the kernel");
    return SizeArgs[It - SizeNames.begin()];
  }
  OpFoldResult mixedSize(Dim D) {
    if (D.is_known()) return B.getIndexAttr(D.value());
    return size(Kernel.getLoc(), D);
  }
  Value empty(Location Loc, TensorType T, Type Element) {
    SmallVector<OpFoldResult> Sizes;
    for (Dim D : T.shape) Sizes.push_back(mixedSize(D));
    return tensor::EmptyOp::create(B, Loc, Sizes, Element);
  }
  Value empty(Location Loc, Value Like) { return empty(Loc, *toTensorType(Like.getType()), element(Like.getType())); }

  /// A tensor without elements. Its views would start behind their end, which is no valid slice.
  Value nothing(Location Loc, Value Like) {
    return pointwise(Loc, empty(Loc, Like), {}, {}, [&](OpBuilder &Inner, Location L, ValueRange) -> Value {
      return arith::ConstantOp::create(Inner, L, Inner.getZeroAttr(element(Like.getType())));
    });
  }

  /// A generic over the result's dims; operand maps as given.
  Value pointwise(Location Loc, Value Out, ArrayRef<Value> Ins, ArrayRef<AffineMap> Maps, Body Make) {
    auto Type = cast<RankedTensorType>(Out.getType());
    SmallVector<AffineMap> All(Maps);
    All.push_back(B.getMultiDimIdentityMap(static_cast<unsigned>(Type.getRank())));
    SmallVector<utils::IteratorType> Iterators(Type.getRank(), utils::IteratorType::parallel);
    return linalg::GenericOp::create(B, Loc, Type, Ins, Out, All, Iterators,
                                     [&](OpBuilder &Inner, Location L, ValueRange Args) {
                                       linalg::YieldOp::create(Inner, L, Make(Inner, L, Args.drop_back()));
                                     })
        .getResult(0);
  }

  /// Aligned at the last axis; an axis of size 1 stays at 0 where the result's is another.
  AffineMap broadcastMap(Value Operand, const Shape &To) {
    Shape From = toTensorType(Operand.getType())->shape;
    SmallVector<AffineExpr> Exprs;
    unsigned Shift = static_cast<unsigned>(To.rank() - From.rank());
    for (unsigned I = 0; I < From.size(); ++I)
      Exprs.push_back(From[I] == Dim(1) && To[I + Shift] != Dim(1) ? B.getAffineConstantExpr(0)
                                                                   : B.getAffineDimExpr(I + Shift));
    return AffineMap::get(static_cast<unsigned>(To.rank()), 0, Exprs, B.getContext());
  }

  LogicalResult elementwise(Operation *Op) {
    Value Result = Op->getResult(0);
    Shape To = toTensorType(Result.getType())->shape;
    SmallVector<Value> Ins;
    SmallVector<AffineMap> Maps;
    for (Value V : Op->getOperands()) {
      Ins.push_back(Values.lookup(V));
      Maps.push_back(broadcastMap(V, To));
    }
    Value Out = empty(Op->getLoc(), Result);
    bool Bad = false;
    Values[Result] =
        pointwise(Op->getLoc(), Out, Ins, Maps, [&](OpBuilder &Inner, Location Loc, ValueRange Args) -> Value {
          if (Value V = lowerElement(Inner, Loc, Op, Args)) return V;
          Bad = true;
          return arith::ConstantOp::create(Inner, Loc, Inner.getZeroAttr(element(Result.getType())));
        });
    return Bad ? Op->emitError("has no lowering for this dtype") : LogicalResult(success());
  }

  LogicalResult lower_cast(Operation *Op) { return elementwise(Op); }
  LogicalResult lower_broadcast_to(Operation *Op) { return elementwise(Op); }

  LogicalResult lower_constant(Operation *Op) {
    if (!isa<DenseElementsAttr>(Op->getAttr("value"))) return Op->emitError("has no form in linalg");
    auto Elements = cast<DenseElementsAttr>(Op->getAttr("value"));
    auto Type = cast<RankedTensorType>(lowered(Op->getResult(0).getType()));
    if (Elements.getElementType() != Type.getElementType()) Elements = Elements.bitcast(Type.getElementType());
    Values[Op->getResult(0)] = arith::ConstantOp::create(B, Op->getLoc(), Elements.reshape(Type));
    return success();
  }

  LogicalResult lower_iota(Operation *Op) {
    auto Axis = static_cast<uint64_t>(Op->getAttrOfType<IntegerAttr>("axis").getInt());
    Value Result = Op->getResult(0);
    Values[Result] =
        pointwise(Op->getLoc(), empty(Op->getLoc(), Result), {}, {}, [&](OpBuilder &Inner, Location Loc, ValueRange) {
          Value I = linalg::IndexOp::create(Inner, Loc, Axis);
          Value I64 = arith::IndexCastOp::create(Inner, Loc, Inner.getI64Type(), I);
          return emitCast(Inner, Loc, I64, Dtype::i64, dtypeOf(Result));
        });
    return success();
  }

  // -- views ---------------------------------------------------------------------------------------------------------

  LogicalResult lower_transpose(Operation *Op) {
    ArrayRef<int64_t> Permutation = Op->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef();
    // result dim i is operand dim Permutation[i]
    SmallVector<AffineExpr> Exprs(Permutation.size());
    for (auto [I, P] : llvm::enumerate(Permutation)) Exprs[P] = B.getAffineDimExpr(static_cast<unsigned>(I));
    AffineMap Map = AffineMap::get(static_cast<unsigned>(Permutation.size()), 0, Exprs, B.getContext());
    Value Result = Op->getResult(0);
    Values[Result] = copy(Op->getLoc(), empty(Op->getLoc(), Result), Values.lookup(Op->getOperand(0)), Map);
    return success();
  }
  Value copy(Location Loc, Value Out, Value In, AffineMap Map) {
    return pointwise(Loc, Out, {In}, {Map}, [](OpBuilder &, Location, ValueRange Args) { return Args[0]; });
  }

  LogicalResult lower_slice(Operation *Op) {
    auto Starts = cast<DimsAttr>(Op->getAttr("starts")), Sizes = cast<DimsAttr>(Op->getAttr("sizes"));
    ArrayRef<int64_t> Steps = Op->getAttrOfType<DenseI64ArrayAttr>("strides").asArrayRef();
    SmallVector<OpFoldResult> Offset, Size, Stride;
    for (unsigned I = 0; I < Starts.size(); ++I) {
      Offset.push_back(mixedSize(Starts.dim(I)));
      Size.push_back(mixedSize(Sizes.dim(I)));
      Stride.push_back(B.getIndexAttr(Steps.empty() ? 1 : Steps[I]));
    }
    auto Type = cast<RankedTensorType>(lowered(Op->getResult(0).getType()));
    if (llvm::is_contained(Type.getShape(), 0)) { // MLIR refuses an offset at the end of an axis
      Values[Op->getResult(0)] = empty(Op->getLoc(), Op->getResult(0));
      return success();
    }
    Value View =
        tensor::ExtractSliceOp::create(B, Op->getLoc(), Type, Values.lookup(Op->getOperand(0)), Offset, Size, Stride);
    Value Out = empty(Op->getLoc(), Op->getResult(0));
    Values[Op->getResult(0)] =
        copy(Op->getLoc(), Out, View, B.getMultiDimIdentityMap(static_cast<unsigned>(Type.getRank())));
    return success();
  }

  LogicalResult lower_reshape(Operation *Op) {
    Value X = Op->getOperand(0), Result = Op->getResult(0);
    Location Loc = Op->getLoc();
    TensorType From = *toTensorType(X.getType()), To = *toTensorType(Result.getType());
    Value In = Values.lookup(X), Out = empty(Loc, Result);
    // Sizes of 1 come and go in indexing maps.
    SmallVector<unsigned> Kept;
    SmallVector<Dim> FromSizes;
    for (unsigned I = 0; I < To.shape.size(); ++I)
      if (To.shape[I] != Dim(1)) Kept.push_back(I);
    for (Dim D : From.shape)
      if (D != Dim(1)) FromSizes.push_back(D);
    bool OnlyOnes = FromSizes.size() == Kept.size() && llvm::all_of(llvm::zip(Kept, FromSizes), [&](auto P) {
                      return To.shape[std::get<0>(P)] == std::get<1>(P);
                    });
    if (OnlyOnes) {
      SmallVector<AffineExpr> Exprs;
      size_t Next = 0;
      for (Dim D : From.shape)
        Exprs.push_back(D == Dim(1) ? B.getAffineConstantExpr(0) : B.getAffineDimExpr(Kept[Next++]));
      Values[Result] =
          copy(Loc, Out, In, AffineMap::get(static_cast<unsigned>(To.shape.rank()), 0, Exprs, B.getContext()));
      return success();
    }
    // Otherwise what is in memory is read under another shape.
    SmallVector<Value> Sizes;
    for (Dim D : To.shape) Sizes.push_back(size(Loc, D));
    auto ShapeType = RankedTensorType::get({static_cast<int64_t>(Sizes.size())}, B.getIndexType());
    Value Shape = tensor::FromElementsOp::create(B, Loc, ShapeType, Sizes);
    Value View = tensor::ReshapeOp::create(B, Loc, cast<RankedTensorType>(Out.getType()), In, Shape);
    Values[Result] = copy(Loc, Out, View, B.getMultiDimIdentityMap(static_cast<unsigned>(To.shape.rank())));
    return success();
  }

  // -- reductions ----------------------------------------------------------------------------------------------------

  struct Combine {
    TypedAttr Neutral;
    std::function<Value(OpBuilder &, Location, Value, Value)> Make;
  };
  Combine sum(Dtype D) {
    Type T = elementType(B.getContext(), D);
    if (is_floating(D))
      return {B.getFloatAttr(T, 0.0),
              [](OpBuilder &I, Location L, Value X, Value Y) -> Value { return arith::AddFOp::create(I, L, X, Y); }};
    return {B.getIntegerAttr(T, 0),
            [](OpBuilder &I, Location L, Value X, Value Y) -> Value { return arith::AddIOp::create(I, L, X, Y); }};
  }
  /// The greatest (or least) element: floats propagate NaN.
  Combine extreme(Dtype D, bool Greatest) {
    Type T = elementType(B.getContext(), D);
    if (is_floating(D)) {
      double Inf = std::numeric_limits<double>::infinity();
      return {B.getFloatAttr(T, Greatest ? -Inf : Inf),
              [Greatest](OpBuilder &I, Location L, Value X, Value Y) -> Value {
                if (Greatest) return arith::MaximumFOp::create(I, L, X, Y);
                return arith::MinimumFOp::create(I, L, X, Y);
              }};
    }
    unsigned Width = T.getIntOrFloatBitWidth();
    bool Signed = is_signed(D);
    APInt Least = Signed ? APInt::getSignedMinValue(Width) : APInt::getMinValue(Width);
    APInt Most = Signed ? APInt::getSignedMaxValue(Width) : APInt::getMaxValue(Width);
    return {IntegerAttr::get(T, Greatest ? Least : Most),
            [Greatest, Signed](OpBuilder &I, Location L, Value X, Value Y) -> Value {
              if (Greatest)
                return Signed ? arith::MaxSIOp::create(I, L, X, Y).getResult()
                              : arith::MaxUIOp::create(I, L, X, Y).getResult();
              return Signed ? arith::MinSIOp::create(I, L, X, Y).getResult()
                            : arith::MinUIOp::create(I, L, X, Y).getResult();
            }};
  }

  /// combine(acc, f(operands)) over `Axes` of the operands' shape, which is the loops'. The result has type `To`.
  Value reduction(Location Loc, ArrayRef<Value> Ins, ArrayRef<AffineMap> InMaps, unsigned Rank, ArrayRef<int64_t> Axes,
                  bool KeepDims, TensorType To, const Combine &How, Body Make) {
    Value Neutral = arith::ConstantOp::create(B, Loc, How.Neutral);
    Value Init = linalg::FillOp::create(B, Loc, Neutral, empty(Loc, To, How.Neutral.getType())).getResult(0);
    SmallVector<utils::IteratorType> Iterators(Rank, utils::IteratorType::parallel);
    for (int64_t A : Axes) Iterators[A] = utils::IteratorType::reduction;
    SmallVector<AffineExpr> Exprs;
    for (unsigned D = 0; D < Rank; ++D) {
      if (Iterators[D] == utils::IteratorType::parallel)
        Exprs.push_back(B.getAffineDimExpr(D));
      else if (KeepDims)
        Exprs.push_back(B.getAffineConstantExpr(0));
    }
    SmallVector<AffineMap> Maps(InMaps);
    Maps.push_back(AffineMap::get(Rank, 0, Exprs, B.getContext()));
    return linalg::GenericOp::create(B, Loc, Init.getType(), Ins, Init, Maps, Iterators,
                                     [&](OpBuilder &Inner, Location L, ValueRange Args) {
                                       Value X = Make(Inner, L, Args.drop_back());
                                       linalg::YieldOp::create(Inner, L, How.Make(Inner, L, Args.back(), X));
                                     })
        .getResult(0);
  }

  LogicalResult lower_reduce_sum(Operation *Op) { return reduce(Op, true); }
  LogicalResult lower_reduce_max(Operation *Op) { return reduce(Op, false); }
  LogicalResult reduce(Operation *Op, bool Sum) {
    Value X = Op->getOperand(0), Result = Op->getResult(0);
    Location Loc = Op->getLoc();
    SmallVector<int64_t> Axes(Op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef());
    bool KeepDims = Op->getAttrOfType<BoolAttr>("keepdims").getValue();
    auto Rank = static_cast<unsigned>(cast<RankedTensorType>(X.getType()).getRank());
    AffineMap Identity = B.getMultiDimIdentityMap(Rank);
    if (Axes.empty()) {
      Values[Result] = copy(Loc, empty(Loc, Result), Values.lookup(X), Identity);
      return success();
    }
    Dtype D = dtypeOf(X);
    // Sums of narrow floats are accumulated in f32 and rounded once.
    Dtype In = Sum ? compute_dtype(D) : D;
    TensorType To = *toTensorType(Result.getType());
    Value R =
        reduction(Loc, {Values.lookup(X)}, {Identity}, Rank, Axes, KeepDims, To, Sum ? sum(In) : extreme(In, true),
                  [&](OpBuilder &Inner, Location L, ValueRange Args) { return emitCast(Inner, L, Args[0], D, In); });
    if (In != D)
      R = pointwise(Loc, empty(Loc, Result), {R}, {B.getMultiDimIdentityMap(static_cast<unsigned>(To.shape.rank()))},
                    [&](OpBuilder &Inner, Location L, ValueRange Args) { return emitCast(Inner, L, Args[0], In, D); });
    Values[Result] = R;
    return success();
  }

  /// The least element first (NaN if there is one), then the least position of an element that is it.
  LogicalResult lower_argmin(Operation *Op) {
    Value X = Op->getOperand(0), Result = Op->getResult(0);
    Location Loc = Op->getLoc();
    auto Axis = Op->getAttrOfType<IntegerAttr>("axis").getInt();
    auto Rank = static_cast<unsigned>(cast<RankedTensorType>(X.getType()).getRank());
    TensorType To = *toTensorType(Result.getType());
    Dtype D = dtypeOf(X);
    Value In = Values.lookup(X);
    AffineMap Identity = B.getMultiDimIdentityMap(Rank);
    auto same = [](OpBuilder &, Location, ValueRange Args) { return Args[0]; };
    Value Least = reduction(Loc, {In}, {Identity}, Rank, {Axis}, false, To, extreme(D, false), same);
    SmallVector<AffineExpr> Exprs;
    for (unsigned I = 0; I < Rank; ++I)
      if (I != static_cast<unsigned>(Axis)) Exprs.push_back(B.getAffineDimExpr(I));
    AffineMap ToLeast = AffineMap::get(Rank, 0, Exprs, B.getContext());
    Values[Result] =
        reduction(Loc, {In, Least}, {Identity, ToLeast}, Rank, {Axis}, false, To, extreme(Dtype::i64, false),
                  [&](OpBuilder &Inner, Location L, ValueRange Args) -> Value {
                    Value Found;
                    if (is_floating(D)) {
                      Value Equal = arith::CmpFOp::create(Inner, L, arith::CmpFPredicate::OEQ, Args[0], Args[1]);
                      Value Nan = arith::CmpFOp::create(Inner, L, arith::CmpFPredicate::UNO, Args[0], Args[0]);
                      Found = arith::OrIOp::create(Inner, L, Equal, Nan);
                    } else {
                      Found = arith::CmpIOp::create(Inner, L, arith::CmpIPredicate::eq, Args[0], Args[1]);
                    }
                    Value I = linalg::IndexOp::create(Inner, L, static_cast<uint64_t>(Axis));
                    Value I64 = arith::IndexCastOp::create(Inner, L, Inner.getI64Type(), I);
                    Value None = arith::ConstantOp::create(
                        Inner, L, Inner.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
                    return arith::SelectOp::create(Inner, L, Found, I64, None);
                  });
    return success();
  }

  // -- placing blocks ------------------------------------------------------------------------------------------------

  LogicalResult lower_concatenate(Operation *Op) {
    auto Axis = static_cast<unsigned>(Op->getAttrOfType<IntegerAttr>("axis").getInt());
    Location Loc = Op->getLoc();
    Value Into = empty(Loc, Op->getResult(0));
    int64_t Known = 0;
    Value Unknown; // the sum of the sizes before that are not numbers
    for (Value V : Op->getOperands()) {
      Shape S = toTensorType(V.getType())->shape;
      if (llvm::is_contained(S, Dim(0)))
        continue; // nothing to place; a slice that starts behind the end is no valid one
      SmallVector<OpFoldResult> Offsets(S.size(), B.getIndexAttr(0)), Sizes, Strides(S.size(), B.getIndexAttr(1));
      for (Dim D : S) Sizes.push_back(mixedSize(D));
      Offsets[Axis] = B.getIndexAttr(Known);
      if (Unknown)
        Offsets[Axis] =
            arith::AddIOp::create(B, Loc, Unknown, arith::ConstantIndexOp::create(B, Loc, Known)).getResult();
      if (!llvm::is_contained(S, Dim(0)))
        Into = tensor::InsertSliceOp::create(B, Loc, Values.lookup(V), Into, Offsets, Sizes, Strides);
      if (S[Axis].is_known())
        Known += S[Axis].value();
      else
        Unknown = Unknown ? arith::AddIOp::create(B, Loc, Unknown, size(Loc, S[Axis])).getResult() : size(Loc, S[Axis]);
    }
    Values[Op->getResult(0)] = Into;
    return success();
  }

  LogicalResult lower_pad(Operation *Op) {
    Value X = Op->getOperand(0), Result = Op->getResult(0);
    Location Loc = Op->getLoc();
    auto Low = cast<DimsAttr>(Op->getAttr("low"));
    ArrayRef<int64_t> Interior = Op->getAttrOfType<DenseI64ArrayAttr>("interior").asArrayRef();
    Shape From = toTensorType(X.getType())->shape;
    auto Rank = static_cast<unsigned>(From.rank());
    AffineMap Scalar = AffineMap::get(Rank, 0, {}, B.getContext());
    Value Filled = copy(Loc, empty(Loc, Result), Values.lookup(Op->getOperand(1)), Scalar);
    if (llvm::is_contained(From, Dim(0))) {
      Values[Result] = Filled;
      return success();
    }
    SmallVector<OpFoldResult> Offsets, Sizes, Strides;
    for (unsigned I = 0; I < Rank; ++I) {
      Offsets.push_back(mixedSize(Low.dim(I)));
      Sizes.push_back(mixedSize(From[I]));
      Strides.push_back(B.getIndexAttr(Interior.empty() ? 1 : Interior[I] + 1));
    }
    Values[Result] = llvm::is_contained(From, Dim(0))
                         ? Filled
                         : tensor::InsertSliceOp::create(B, Loc, Values.lookup(X), Filled, Offsets, Sizes, Strides);
    return success();
  }

  func::FuncOp Kernel;
  OpBuilder B;
  DenseMap<Value, Value> Values;
  SmallVector<Dim> SizeNames;
  SmallVector<Value> SizeArgs;
};

} // namespace

LogicalResult lowerToLinalg(func::FuncOp Kernel) { return Lowering(Kernel).run(); }

Value lowerElement(OpBuilder &B, Location Loc, Operation *Op, ValueRange Elements) {
  auto dtypeOf = [](Value V) { return *toDtype(cast<RankedTensorType>(V.getType()).getElementType()); };
  OpKind Kind = catalogueInfo(Op)->kind;
  Dtype Of = dtypeOf(Op->getOperands().back()); // `where` has its own dtype behind the condition
  Dtype Made = dtypeOf(Op->getResult(0));
  if (Kind == OpKind::cast) return emitCast(B, Loc, Elements[0], Of, Made);
  ScalarEmitter Emit = scalarEmitter(Kind);
  if (!Emit) return Elements[0]; // broadcast_to
  SmallVector<Value> Wide;
  for (Value E : Elements)
    Wide.push_back(isNarrowFloat(E.getType()) ? emitCast(B, Loc, E, *toDtype(E.getType()), Dtype::f32) : E);
  Value V = Emit(ScalarContext{B, Loc, Of}, Wide);
  return V && is_narrow_float(Made) && V.getType().isF32() ? emitCast(B, Loc, V, Dtype::f32, Made) : V;
}

} // namespace burin::codegen
