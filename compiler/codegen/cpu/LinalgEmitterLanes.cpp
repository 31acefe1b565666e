// Lanes in terms of LLVM and arith ops. Narrow floats are computed in f32 and rounded once an op.
#include "compiler/codegen/cpu/LinalgEmitterLanes.h"

#include "compiler/codegen/cpu/VectorMath.h"
#include "compiler/ir/Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

namespace burin::codegen::cpu {
using namespace mlir;

Type LaneEmitter::memoryType(Type Scalar) {
  if (Scalar.isInteger(1)) return IntegerType::get(Scalar.getContext(), 8);
  if (ir::isNarrowFloat(Scalar)) return IntegerType::get(Scalar.getContext(), Scalar.getIntOrFloatBitWidth());
  return registerType(Scalar);
}

Type LaneEmitter::registerType(Type Scalar) {
  if (ir::isNarrowFloat(Scalar)) return Float32Type::get(Scalar.getContext());
  if (Scalar.isIndex()) return IntegerType::get(Scalar.getContext(), 64);
  return Scalar;
}

Type LaneEmitter::lanesOf(Type T, int64_t Lanes) { return Lanes == 1 ? T : VectorType::get({Lanes}, T); }

static int64_t lanesIn(Value V) {
  auto T = dyn_cast<VectorType>(V.getType());
  return T ? T.getNumElements() : 1;
}

Value LaneEmitter::splat(Value Scalar, int64_t Lanes) {
  if (Lanes == 1) return Scalar;
  if (auto C = Scalar.getDefiningOp<LLVM::ConstantOp>())
    if (auto A = dyn_cast<TypedAttr>(C.getValue())) return constant(A, Lanes);
  return E.splat(Scalar, Lanes);
}

Value LaneEmitter::firstLane(Value V) {
  if (lanesIn(V) == 1) return V;
  return LLVM::ExtractElementOp::create(E.B, V, LLVM::ConstantOp::create(E.B, E.B.getI32Type(), 0));
}

Value LaneEmitter::constant(TypedAttr Scalar, int64_t Lanes) {
  Type T = registerType(Scalar.getType());
  mlir::Attribute A = Scalar;
  if (auto F = dyn_cast<FloatAttr>(A); F && ir::isNarrowFloat(Scalar.getType()))
    A = E.B.getF32FloatAttr(static_cast<float>(F.getValueAsDouble()));
  if (auto I = dyn_cast<IntegerAttr>(A); I && Scalar.getType().isIndex()) A = E.B.getI64IntegerAttr(I.getInt());
  if (Lanes > 1) {
    auto V = VectorType::get({Lanes}, T);
    return LLVM::ConstantOp::create(E.B, V, DenseElementsAttr::get(V, A));
  }
  return LLVM::ConstantOp::create(E.B, T, A);
}

Value LaneEmitter::intConstant(int64_t V, Type Like) {
  Type Element = getElementTypeOrSelf(Like);
  auto Vector = dyn_cast<VectorType>(Like);
  return constant(E.B.getIntegerAttr(Element, V), Vector ? Vector.getNumElements() : 1);
}

Value LaneEmitter::bitcast(Value V, Type Element) {
  return LLVM::BitcastOp::create(E.B, lanesOf(Element, lanesIn(V)), V);
}

// -- memory ----------------------------------------------------------------------------------------------------------

Value LaneEmitter::toRegister(Value V, Type Scalar) {
  if (Scalar.isInteger(1)) return LLVM::ICmpOp::create(E.B, LLVM::ICmpPredicate::ne, V, intConstant(0, V.getType()));
  if (ir::isNarrowFloat(Scalar)) return E.fromBits(V, Scalar);
  return V;
}

Value LaneEmitter::toMemory(Value V, Type Scalar) {
  Type Stored = lanesOf(memoryType(Scalar), lanesIn(V));
  if (Scalar.isInteger(1)) return LLVM::ZExtOp::create(E.B, Stored, V);
  if (ir::isNarrowFloat(Scalar)) return E.toBits(V, Scalar);
  return V;
}

Value LaneEmitter::iota(Value Start, Value Step, int64_t Lanes) {
  if (Lanes == 1) return Start;
  auto T = VectorType::get({Lanes}, E.B.getI64Type());
  auto Scale = Emitter::constantOf(Step);
  SmallVector<int64_t> Ramp(Lanes);
  for (int64_t I = 0; I < Lanes; ++I) Ramp[I] = I * Scale.value_or(1);
  Value R = LLVM::ConstantOp::create(E.B, T, DenseElementsAttr::get(T, ArrayRef<int64_t>(Ramp)));
  if (!Scale) R = LLVM::MulOp::create(E.B, R, splat(Step, Lanes));
  return LLVM::AddOp::create(E.B, R, splat(Start, Lanes));
}

Value LaneEmitter::load(Type Scalar, const Buffer &M, Value Index, Value Stride, int64_t Lanes, Value Mask) {
  if (Lanes == 1) return toRegister(E.load(M, Index), Scalar);
  assert(Stride && "an access that does not vary is loaded as a scalar");
  auto T = VectorType::get({Lanes}, M.Element);
  auto Constant = Emitter::constantOf(Stride);
  if (Constant && *Constant == 1) return toRegister(E.loadVector(T, M, Index, Mask), Scalar);
  return toRegister(E.gather(T, M, Index, iota(E.index(0), Stride, Lanes), Mask), Scalar);
}

Value LaneEmitter::loadAt(Type Scalar, const Buffer &M, Value Offsets, int64_t Lanes, Value Mask) {
  if (Lanes == 1) return toRegister(E.load(M, Offsets), Scalar);
  return toRegister(E.gather(VectorType::get({Lanes}, M.Element), M, E.index(0), Offsets, Mask), Scalar);
}

void LaneEmitter::store(Type Scalar, Value V, const Buffer &M, Value Index, Value Stride, Value Mask) {
  int64_t Lanes = lanesIn(V);
  Value Stored = toMemory(V, Scalar);
  if (Lanes == 1) return E.store(Stored, M, Index);
  auto Constant = Emitter::constantOf(Stride);
  if (Constant && *Constant == 1) return E.storeVector(Stored, M, Index, Mask);
  auto Pointers = VectorType::get({Lanes}, M.Base.getType());
  Value At = LLVM::GEPOp::create(E.B, Pointers, M.Element, E.address(M, Index),
                                 ValueRange{iota(E.index(0), Stride, Lanes)}, LLVM::GEPNoWrapFlags::inbounds);
  if (!Mask) Mask = constant(E.B.getBoolAttr(true), Lanes);
  LLVM::masked_scatter::create(E.B, Stored, At, Mask, std::max(1u, M.Element.getIntOrFloatBitWidth() / 8));
}

// -- bodies ----------------------------------------------------------------------------------------------------------

/// The number that a constant holds in all lanes.
static std::optional<APFloat> numberOf(Value V) {
  auto C = V.getDefiningOp<LLVM::ConstantOp>();
  if (!C) return std::nullopt;
  if (auto F = dyn_cast<FloatAttr>(C.getValue())) return F.getValue();
  auto Elements = dyn_cast<DenseFPElementsAttr>(C.getValue());
  return Elements && Elements.isSplat() ? std::optional(Elements.getSplatValue<APFloat>()) : std::nullopt;
}

Value LaneEmitter::maximum(Value X, Value Y, bool Max) {
  if (numberOf(X)) std::swap(X, Y);
  auto Known = numberOf(Y);
  bool Ordered = Known && !Known->isNaN();
  // With such a Y the comparison alone gives the right zero.
  bool ZerosMeet = !Ordered || (Known->isZero() && Known->isNegative() != Max);
  if (ZerosMeet && lanesIn(X) == 1)
    return Max ? LLVM::MaximumOp::create(E.B, X, Y).getResult() : LLVM::MinimumOp::create(E.B, X, Y).getResult();
  // Fewer instructions than llvm.maximum, and what does not need X, a reduction's accumulator, is beside its chain.
  auto P = Max ? LLVM::FCmpPredicate::ogt : LLVM::FCmpPredicate::olt;
  Value Best =
      LLVM::SelectOp::create(E.B, LLVM::FCmpOp::create(E.B, P, Y, X), Y, X); // X if one is NaN or they are equal
  if (ZerosMeet) {
    // A sign bit that Y has not (a minimum: has) the result has not (has) either. That decides between two zeros.
    Type Float = getElementTypeOrSelf(X.getType());
    unsigned Width = Float.getIntOrFloatBitWidth();
    int64_t Sign = std::numeric_limits<int64_t>::min() >> (64 - Width);
    Value Mine = bitcast(Best, E.B.getIntegerType(Width)), Other = bitcast(Y, E.B.getIntegerType(Width));
    if (Max)
      Mine = LLVM::AndOp::create(E.B, Mine, LLVM::OrOp::create(E.B, Other, intConstant(~Sign, Other.getType())));
    else
      Mine = LLVM::OrOp::create(E.B, Mine, LLVM::AndOp::create(E.B, Other, intConstant(Sign, Other.getType())));
    Best = bitcast(Mine, Float);
  }
  if (Ordered) return Best;
  return LLVM::SelectOp::create(E.B, LLVM::FCmpOp::create(E.B, LLVM::FCmpPredicate::uno, Y, Y), Y, Best);
}

/// Narrow results that are such values already need no rounding.
static bool staysExact(Operation *Op) {
  return isa<arith::NegFOp, arith::SelectOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp,
             math::AbsFOp, math::CopySignOp, math::FloorOp, math::CeilOp, math::TruncOp, math::RoundEvenOp>(Op);
}

Value LaneEmitter::compute(Operation *Op, ArrayRef<Value> Operands, int64_t Lanes) {
  Type From = getElementTypeOrSelf(Op->getOperand(0).getType()), To = Op->getResult(0).getType();
  Type Result = lanesOf(registerType(To), Lanes);
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(Op))
    return maximum(Operands[0], Operands[1], isa<arith::MaximumFOp>(Op));
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(Op)) {
    unsigned Have = registerType(From).getIntOrFloatBitWidth(), Want = registerType(To).getIntOrFloatBitWidth();
    if (Have == Want) return Operands[0];
    if (Have > Want) return LLVM::TruncOp::create(E.B, Result, Operands[0]);
    return isa<arith::IndexCastOp>(Op) ? LLVM::SExtOp::create(E.B, Result, Operands[0]).getResult()
                                       : LLVM::ZExtOp::create(E.B, Result, Operands[0]).getResult();
  }
  bool Narrow = ir::isNarrowFloat(To);
  if (isa<arith::ExtFOp>(Op) && ir::isNarrowFloat(From) && To.isF32()) return Operands[0];
  if (isa<arith::TruncFOp>(Op) && Narrow) {
    Value V = Operands[0];
    if (From.isF64()) V = LLVM::FPTruncOp::create(E.B, Result, V);
    return round(V, To);
  }
  if (isa<arith::BitcastOp>(Op)) {
    if (Narrow) return toRegister(Operands[0], To);
    if (ir::isNarrowFloat(From)) return toMemory(Operands[0], From);
  }
  Value V;
  if (Value Expanded = expandMath(E, Op, Operands)) {
    V = Expanded;
  } else {
    IRMapping Map;
    for (auto [Old, New] : llvm::zip(Op->getOperands(), Operands)) Map.map(Old, New);
    Operation *Copy = Op->cloneWithoutRegions(Map);
    for (OpResult R : Copy->getResults()) R.setType(lanesOf(registerType(R.getType()), Lanes));
    E.B.insert(Copy);
    V = Copy->getResult(0);
  }
  return Narrow && !staysExact(Op) ? round(V, To) : V;
}

Value LaneEmitter::combineLanes(Operation *Combine, Value V, int64_t Lanes) {
  while (Lanes > 1) {
    Lanes /= 2;
    SmallVector<int32_t> Low(Lanes), High(Lanes);
    for (int64_t I = 0; I < Lanes; ++I) Low[I] = static_cast<int32_t>(I), High[I] = static_cast<int32_t>(I + Lanes);
    if (Lanes == 1) {
      auto at = [&](int32_t I) {
        return LLVM::ExtractElementOp::create(E.B, V, LLVM::ConstantOp::create(E.B, E.B.getI32Type(), I)).getResult();
      };
      return compute(Combine, {at(0), at(1)}, 1);
    }
    Value L = LLVM::ShuffleVectorOp::create(E.B, V, V, Low), H = LLVM::ShuffleVectorOp::create(E.B, V, V, High);
    V = compute(Combine, {L, H}, Lanes);
  }
  return V;
}

} // namespace burin::codegen::cpu
