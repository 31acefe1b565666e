// The Emitter's vocabulary in terms of the LLVM dialect and scf.
#include "compiler/codegen/cpu/Emitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace burin::codegen::cpu {
using namespace mlir;
using LLVM::IntegerOverflowFlags;

// -- index arithmetic ----------------------------------------------------------------------------------------------

Value Emitter::index(int64_t V) { return LLVM::ConstantOp::create(B, B.getI64Type(), V); }

std::optional<int64_t> Emitter::constantOf(Value V) {
  if (auto C = V.getDefiningOp<LLVM::ConstantOp>())
    if (auto A = dyn_cast<IntegerAttr>(C.getValue())) return A.getInt();
  return std::nullopt;
}

Value Emitter::add(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX + *CY);
  if (CY) return *CY ? LLVM::AddOp::create(B, X, Y, IntegerOverflowFlags::nsw).getResult() : X;
  if (CX && !*CX) return Y;
  return LLVM::AddOp::create(B, X, Y, IntegerOverflowFlags::nsw);
}
Value Emitter::add(Value X, int64_t Y) { return Y ? add(X, index(Y)) : X; }

Value Emitter::sub(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX - *CY);
  if (CY && !*CY) return X;
  return LLVM::SubOp::create(B, X, Y, IntegerOverflowFlags::nsw);
}

Value Emitter::mul(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX * *CY);
  if (CX) std::swap(X, Y), std::swap(CX, CY);
  if (CY && *CY == 1) return X;
  if (CY && *CY == 0) return Y;
  return LLVM::MulOp::create(B, X, Y, IntegerOverflowFlags::nsw);
}
Value Emitter::mul(Value X, int64_t Y) { return Y == 1 ? X : mul(X, index(Y)); }

Value Emitter::div(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX / *CY);
  if (CY && *CY == 1) return X;
  return LLVM::UDivOp::create(B, X, Y);
}
Value Emitter::div(Value X, int64_t Y) { return div(X, index(Y)); }

Value Emitter::rem(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX % *CY);
  return LLVM::URemOp::create(B, X, Y);
}
Value Emitter::rem(Value X, int64_t Y) { return rem(X, index(Y)); }

Value Emitter::ceilDiv(Value X, int64_t Y) { return div(add(X, Y - 1), Y); }

Value Emitter::min(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  return CX && CY ? index(std::min(*CX, *CY)) : LLVM::SMinOp::create(B, X, Y).getResult();
}
Value Emitter::max(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  return CX && CY ? index(std::max(*CX, *CY)) : LLVM::SMaxOp::create(B, X, Y).getResult();
}

Value Emitter::compare(LLVM::ICmpPredicate P, Value X, Value Y) { return LLVM::ICmpOp::create(B, P, X, Y); }
Value Emitter::both(Value X, Value Y) { return LLVM::AndOp::create(B, X, Y); }
Value Emitter::select(Value Condition, Value X, Value Y) { return LLVM::SelectOp::create(B, Condition, X, Y); }

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

Value Emitter::extendBf16(Value Bits) {
  Type I32 = withElement(Bits.getType(), B.getI32Type());
  Value Wide = LLVM::ZExtOp::create(B, I32, Bits);
  return LLVM::BitcastOp::create(B, withElement(I32, B.getF32Type()), LLVM::ShlOp::create(B, Wide, constant(I32, 16)));
}

Value Emitter::roundToBf16(Value X) {
  Type I32 = withElement(X.getType(), B.getI32Type());
  Value Bits = LLVM::BitcastOp::create(B, I32, X);
  Value Upper = LLVM::LShrOp::create(B, Bits, constant(I32, 16));
  Value Odd = LLVM::AndOp::create(B, Upper, constant(I32, 1));
  Value Bias = LLVM::AddOp::create(B, Odd, constant(I32, 0x7fff));
  Value Rounded = LLVM::LShrOp::create(B, LLVM::AddOp::create(B, Bits, Bias), constant(I32, 16));
  Value Quiet = LLVM::OrOp::create(B, Upper, constant(I32, 0x40));
  Value IsNan = LLVM::FCmpOp::create(B, LLVM::FCmpPredicate::uno, X, X);
  return LLVM::TruncOp::create(B, withElement(I32, B.getI16Type()), select(IsNan, Quiet, Rounded));
}

// -- memory --------------------------------------------------------------------------------------------------------

/// Bytes that an element is aligned to; tables of pointers are memory like any other.
static unsigned elementAlignment(Type T) {
  return isa<LLVM::LLVMPointerType>(T) ? 8 : std::max(1u, T.getIntOrFloatBitWidth() / 8);
}

unsigned Emitter::alignmentOf(const Buffer &M) const { return M.Alignment ? M.Alignment : elementAlignment(M.Element); }

Value Emitter::address(const Buffer &M, Value Index) {
  if (auto C = constantOf(Index); C && *C == 0) return M.Base;
  if (auto C = constantOf(Index); C && llvm::isInt<LLVM::kGEPConstantBitWidth>(*C))
    return LLVM::GEPOp::create(B, M.Base.getType(), M.Element, M.Base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(*C)},
                               LLVM::GEPNoWrapFlags::inbounds);
  return LLVM::GEPOp::create(B, M.Base.getType(), M.Element, M.Base, ArrayRef<LLVM::GEPArg>{Index},
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value Emitter::load(const Buffer &M, Value Index) {
  return LLVM::LoadOp::create(B, M.Element, address(M, Index), elementAlignment(M.Element));
}
void Emitter::store(Value V, const Buffer &M, Value Index) {
  LLVM::StoreOp::create(B, V, address(M, Index), elementAlignment(M.Element));
}

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

// -- control -------------------------------------------------------------------------------------------------------

Values Emitter::loop(Value Lo, Value Hi, Value Step, ValueRange Init, LoopBody Body) {
  auto For = scf::ForOp::create(B, Lo, Hi, Step, Init, [&](OpBuilder &Inner, Location, Value Iv, ValueRange Carried) {
    OpBuilder::InsertionGuard Guard(B);
    B.setInsertionPoint(Inner.getInsertionBlock(), Inner.getInsertionPoint());
    scf::YieldOp::create(B, Body(Iv, Carried));
  });
  return Values(For.getResults());
}
Values Emitter::loop(Value Lo, Value Hi, int64_t Step, ValueRange Init, LoopBody Body) {
  return loop(Lo, Hi, index(Step), Init, Body);
}
void Emitter::loop(Value Lo, Value Hi, int64_t Step, function_ref<void(Value)> Body) {
  loop(Lo, Hi, Step, ValueRange{}, [&](Value Iv, ValueRange) {
    Body(Iv);
    return Values{};
  });
}

Values Emitter::whileLoop(ValueRange Init, TypeRange Handed, function_ref<Values(ValueRange)> Test,
                          function_ref<Values(ValueRange)> Body) {
  auto While = scf::WhileOp::create(B, Handed, Init);
  OpBuilder::InsertionGuard Guard(B);
  SmallVector<Location> Locs(std::max(Init.size(), Handed.size()), B.getLoc());
  B.createBlock(&While.getBefore(), {}, TypeRange(Init), ArrayRef(Locs).take_front(Init.size()));
  Values Tested = Test(While.getBefore().getArguments());
  scf::ConditionOp::create(B, Tested.front(), ValueRange(Tested).drop_front());
  B.createBlock(&While.getAfter(), {}, Handed, ArrayRef(Locs).take_front(Handed.size()));
  scf::YieldOp::create(B, Body(While.getAfter().getArguments()));
  return Values(While.getResults());
}

void Emitter::when(Value Condition, function_ref<void()> Yes, function_ref<void()> No) {
  auto If = scf::IfOp::create(B, TypeRange{}, Condition, /*withElseRegion=*/static_cast<bool>(No));
  OpBuilder::InsertionGuard Guard(B);
  B.setInsertionPointToStart(If.thenBlock());
  Yes();
  if (No) {
    B.setInsertionPointToStart(If.elseBlock());
    No();
  }
}

Values Emitter::choose(Value Condition, TypeRange Types, function_ref<Values()> Yes, function_ref<Values()> No) {
  if (Types.empty()) { // an scf.if without results brings its terminators
    when(Condition, [&] { Yes(); }, [&] { No(); });
    return {};
  }
  auto If = scf::IfOp::create(B, Types, Condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard Guard(B);
  B.setInsertionPointToStart(If.thenBlock());
  scf::YieldOp::create(B, Yes());
  B.setInsertionPointToStart(If.elseBlock());
  scf::YieldOp::create(B, No());
  return Values(If.getResults());
}

Value extentValue(Emitter &E, const Extent &X, function_ref<Value(unsigned)> Size) {
  Value V = E.index(X.Coefficient);
  if (X.Coefficient != 0)
    for (unsigned K : X.Sizes) V = E.mul(V, Size(K));
  return V;
}

} // namespace burin::codegen::cpu
