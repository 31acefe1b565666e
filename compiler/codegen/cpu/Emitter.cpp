// Vectors and narrow floats in terms of the LLVM dialect.
#include "compiler/codegen/cpu/Emitter.h"

namespace burin::codegen::cpu {
using namespace mlir;

// -- vectors -------------------------------------------------------------------------------------------------------

Value Emitter::zero(Type T) { return LLVM::ConstantOp::create(B, T, B.getZeroAttr(T)); }

Value Emitter::splat(Value Scalar, VectorType T) {
  Value Poison = LLVM::PoisonOp::create(B, T);
  Value First = LLVM::InsertElementOp::create(B, Poison, Scalar, LLVM::ConstantOp::create(B, B.getI32Type(), 0));
  if (T.getNumElements() == 1) return First;
  SmallVector<int32_t> Lane0(T.getNumElements(), 0);
  return LLVM::ShuffleVectorOp::create(B, First, Poison, Lane0);
}

Value Emitter::laneMask(int64_t Lanes, Value Count) {
  auto I32s = vectorType(B.getI32Type(), Lanes);
  SmallVector<int32_t> Iota(Lanes);
  for (int64_t I = 0; I < Lanes; ++I) Iota[I] = static_cast<int32_t>(I);
  Value Lane = LLVM::ConstantOp::create(B, I32s, DenseElementsAttr::get(I32s, ArrayRef<int32_t>(Iota)));
  Value Count32 = LLVM::TruncOp::create(B, B.getI32Type(), min(Count, index(Lanes))); // counts may be any size
  return LLVM::ICmpOp::create(B, LLVM::ICmpPredicate::slt, Lane, splat(Count32, I32s));
}

Value Emitter::multiplyAdd(Value X, Value Y, Value Z) {
  if (isa<IntegerType>(getElementTypeOrSelf(X.getType())))
    return LLVM::AddOp::create(B, LLVM::MulOp::create(B, X, Y), Z);
  if (Target.Fma) return LLVM::FMAOp::create(B, X, Y, Z);
  // Without the instruction, llvm.fma would call the library for each lane.
  return LLVM::FAddOp::create(B, LLVM::FMulOp::create(B, X, Y), Z);
}

std::pair<Value, Value> Emitter::addInTwoParts(Value Total, Value Lost, Value X) {
  auto plus = [&](Value A, Value C) -> Value { return LLVM::FAddOp::create(B, A, C); };
  auto minus = [&](Value A, Value C) -> Value { return LLVM::FSubOp::create(B, A, C); };
  Value Sum = plus(Total, X), Added = minus(Sum, Total);
  Value Error = plus(minus(Total, minus(Sum, Added)), minus(X, Added));
  return {Sum, plus(Lost, Error)};
}

Value Emitter::joinTwoParts(Value Total, Value Lost) {
  Value None = LLVM::FSubOp::create(B, Total, Total);
  Value Finite = LLVM::FCmpOp::create(B, LLVM::FCmpPredicate::oeq, None, zero(Total.getType()));
  return select(Finite, LLVM::FAddOp::create(B, Total, Lost), Total);
}

Value Emitter::constant(Type T, int64_t V) {
  TypedAttr A = B.getIntegerAttr(getElementTypeOrSelf(T), V);
  if (auto Vector = dyn_cast<VectorType>(T)) A = DenseElementsAttr::get(Vector, Attribute(A));
  return LLVM::ConstantOp::create(B, T, A);
}

/// `T` with another element type: scalar for scalar, vector for vector.
static Type withElement(Type T, Type Element) {
  if (auto Vector = dyn_cast<VectorType>(T)) return Vector.clone(Element);
  return Element;
}

namespace {

/// Arithmetic on the bits of f32 values, scalar or vector.
struct FloatBits {
  Emitter &E;
  Type I32, F32;
  FloatBits(Emitter &E, Type Like)
      : E(E), I32(withElement(Like, E.B.getI32Type())), F32(withElement(Like, E.B.getF32Type())) {}
  Value c(uint32_t V) { return E.constant(I32, static_cast<int32_t>(V)); }
  Value real(float V) { return fromInt(c(llvm::bit_cast<uint32_t>(V))); }
  Value toInt(Value X) { return LLVM::BitcastOp::create(E.B, I32, X); }
  Value fromInt(Value X) { return LLVM::BitcastOp::create(E.B, F32, X); }
  Value add(Value X, Value Y) { return LLVM::AddOp::create(E.B, X, Y); }
  Value sub(Value X, Value Y) { return LLVM::SubOp::create(E.B, X, Y); }
  Value bitAnd(Value X, Value Y) { return LLVM::AndOp::create(E.B, X, Y); }
  Value bitOr(Value X, Value Y) { return LLVM::OrOp::create(E.B, X, Y); }
  Value left(Value X, uint32_t N) { return LLVM::ShlOp::create(E.B, X, c(N)); }
  Value right(Value X, uint32_t N) { return LLVM::LShrOp::create(E.B, X, c(N)); }
  Value below(Value X, uint32_t V) { return E.compare(LLVM::ICmpPredicate::ult, X, c(V)); }
  /// To nearest even, the last `Drop` bits 0.
  Value nearest(Value Bits, uint32_t Drop) {
    Value Odd = bitAnd(right(Bits, Drop), c(1));
    return bitAnd(add(Bits, add(Odd, c((1u << (Drop - 1)) - 1))), c(~((1u << Drop) - 1)));
  }
};

constexpr uint32_t LeastNormalHalf = 0x38800000, F32Infinity = 0x7f800000; // as bits of f32

} // namespace

Value Emitter::roundTo(Value X, Type Narrow) {
  if (Narrow.isF16() && Target.Float16Conversions)
    return LLVM::FPExtOp::create(B, X.getType(), LLVM::FPTruncOp::create(B, withElement(X.getType(), Narrow), X));
  FloatBits M(*this, X.getType());
  Value Bits = M.toInt(X), IsNan = LLVM::FCmpOp::create(B, LLVM::FCmpPredicate::uno, X, X);
  uint32_t Drop = Narrow.isBF16() ? 16 : 13;
  Value Quiet = M.bitAnd(M.bitOr(Bits, M.c(0x400000)), M.c(~((1u << Drop) - 1)));
  if (Narrow.isBF16()) return M.fromInt(select(IsNan, Quiet, M.nearest(Bits, Drop)));
  // f16: 65520 and more is infinite; below 2^-14 steps are 2^-24, which the sum with 0.5 rounds to.
  Value Size = M.bitAnd(Bits, M.c(0x7fffffff)), Half = M.real(0.5f);
  Value Small = LLVM::FSubOp::create(B, LLVM::FAddOp::create(B, M.fromInt(Size), Half), Half);
  Value Rounded = select(M.below(Size, LeastNormalHalf), M.toInt(Small), M.nearest(Size, Drop));
  Rounded = select(M.below(Size, 0x477ff000), Rounded, M.c(F32Infinity));
  Rounded = M.bitOr(Rounded, M.bitAnd(Bits, M.c(0x80000000)));
  return M.fromInt(select(IsNan, Quiet, Rounded));
}

Value Emitter::fromBits(Value Bits, Type Narrow) {
  FloatBits M(*this, Bits.getType());
  if (Narrow.isF16() && Target.Float16Conversions)
    return LLVM::FPExtOp::create(B, M.F32, LLVM::BitcastOp::create(B, withElement(Bits.getType(), Narrow), Bits));
  Value Wide = LLVM::ZExtOp::create(B, M.I32, Bits);
  if (Narrow.isBF16()) return M.fromInt(M.left(Wide, 16));
  Value Size = M.bitAnd(Wide, M.c(0x7fff)), Sign = M.left(M.bitAnd(Wide, M.c(0x8000)), 16);
  // The biases differ by 112, for infinity and NaN by twice that; below 2^-14 it counts steps of 2^-24.
  Value Moved = M.add(M.left(Size, 13), select(M.below(Size, 0x7c00), M.c(112u << 23), M.c(224u << 23)));
  Value Small = LLVM::FMulOp::create(B, LLVM::SIToFPOp::create(B, M.F32, Size), M.real(0x1p-24f));
  return M.fromInt(M.bitOr(select(M.below(Size, 0x400), M.toInt(Small), Moved), Sign));
}

Value Emitter::toBits(Value X, Type Narrow) {
  Type Stored = withElement(X.getType(), B.getI16Type());
  if (Narrow.isF16() && Target.Float16Conversions)
    return LLVM::BitcastOp::create(B, Stored, LLVM::FPTruncOp::create(B, withElement(X.getType(), Narrow), X));
  FloatBits M(*this, X.getType());
  Value Bits = M.toInt(X);
  if (Narrow.isBF16()) return LLVM::TruncOp::create(B, Stored, M.right(Bits, 16));
  Value Size = M.bitAnd(Bits, M.c(0x7fffffff)), Sign = M.right(M.bitAnd(Bits, M.c(0x80000000)), 16);
  Value Moved = M.sub(M.right(Size, 13), select(M.below(Size, F32Infinity), M.c(112u << 10), M.c(224u << 10)));
  Value Small = M.sub(M.toInt(LLVM::FAddOp::create(B, M.fromInt(Size), M.real(0.5f))), M.c(0x3f000000));
  return LLVM::TruncOp::create(B, Stored, M.bitOr(select(M.below(Size, LeastNormalHalf), Small, Moved), Sign));
}

// -- memory --------------------------------------------------------------------------------------------------------

unsigned Emitter::alignmentOf(const Buffer &M) const { return M.Alignment ? M.Alignment : elementAlignment(M.Element); }

Value Emitter::loadVector(VectorType T, const Buffer &M, Value Index, Value Mask) {
  assert(T.getElementType() == M.Element && "a vector is loaded in the type that memory holds");
  Value At = address(M, Index);
  if (Mask) return LLVM::MaskedLoadOp::create(B, T, At, Mask, zero(T), alignmentOf(M));
  return LLVM::LoadOp::create(B, T, At, alignmentOf(M));
}
void Emitter::storeVector(Value V, const Buffer &M, Value Index, Value Mask) {
  assert(getElementTypeOrSelf(V.getType()) == M.Element && "a vector is stored in the type that memory holds");
  Value At = address(M, Index);
  if (Mask)
    LLVM::MaskedStoreOp::create(B, V, At, Mask, alignmentOf(M));
  else
    LLVM::StoreOp::create(B, V, At, alignmentOf(M));
}

Value Emitter::gather(VectorType T, const Buffer &M, Value Index, Value Offsets, Value Mask) {
  auto Pointers = VectorType::get(T.getShape(), M.Base.getType());
  Value At = LLVM::GEPOp::create(B, Pointers, M.Element, address(M, Index), ValueRange{Offsets},
                                 LLVM::GEPNoWrapFlags::inbounds);
  if (!Mask) {
    auto Bits = VectorType::get(T.getShape(), B.getI1Type());
    Mask = LLVM::ConstantOp::create(B, Bits, DenseElementsAttr::get(Bits, true));
  }
  return LLVM::masked_gather::create(B, T, At, Mask, ValueRange{zero(T)},
                                     std::max(1u, M.Element.getIntOrFloatBitWidth() / 8));
}

void Emitter::prefetch(const Buffer &M, Value Index, unsigned Locality, bool Write) {
  LLVM::Prefetch::create(B, address(M, Index), Write, Locality, /*cache=data*/ 1);
}

Value extentValue(Emitter &E, const Extent &X, function_ref<Value(unsigned)> Size) {
  Value V = E.index(X.Coefficient);
  if (X.Coefficient != 0)
    for (unsigned K : X.Sizes) V = E.mul(V, Size(K));
  return V;
}

} // namespace burin::codegen::cpu
