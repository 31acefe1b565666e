// The vocabulary of loops in terms of arith and scf.
#include "compiler/codegen/loops/LoopBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

namespace burin::codegen {
using namespace mlir;

static constexpr arith::IntegerOverflowFlags NoWrap = arith::IntegerOverflowFlags::nsw;

// -- index arithmetic ------------------------------------------------------------------------------------------------

Value LoopBuilder::index(int64_t V) { return arith::ConstantOp::create(B, B.getI64IntegerAttr(V)); }

std::optional<int64_t> LoopBuilder::constantOf(Value V) {
  llvm::APInt C;
  if (matchPattern(V, m_ConstantInt(&C))) return C.getSExtValue();
  return std::nullopt;
}

Value LoopBuilder::add(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX + *CY);
  if (CY && !*CY) return X;
  if (CX && !*CX) return Y;
  return arith::AddIOp::create(B, X, Y, NoWrap);
}
Value LoopBuilder::sub(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX - *CY);
  if (CY && !*CY) return X;
  return arith::SubIOp::create(B, X, Y, NoWrap);
}
Value LoopBuilder::mul(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX * *CY);
  if (CX) std::swap(X, Y), std::swap(CX, CY);
  if (CY && *CY == 1) return X;
  if (CY && *CY == 0) return Y;
  return arith::MulIOp::create(B, X, Y, NoWrap);
}
Value LoopBuilder::div(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX / *CY);
  if (CY && *CY == 1) return X;
  return arith::DivUIOp::create(B, X, Y);
}
Value LoopBuilder::rem(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  if (CX && CY) return index(*CX % *CY);
  return arith::RemUIOp::create(B, X, Y);
}
Value LoopBuilder::min(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  return CX && CY ? index(std::min(*CX, *CY)) : arith::MinSIOp::create(B, X, Y).getResult();
}
Value LoopBuilder::max(Value X, Value Y) {
  auto CX = constantOf(X), CY = constantOf(Y);
  return CX && CY ? index(std::max(*CX, *CY)) : arith::MaxSIOp::create(B, X, Y).getResult();
}
Value LoopBuilder::less(Value X, Value Y) { return arith::CmpIOp::create(B, arith::CmpIPredicate::slt, X, Y); }
Value LoopBuilder::within(Value X, Value Size) { return arith::CmpIOp::create(B, arith::CmpIPredicate::ult, X, Size); }
Value LoopBuilder::both(Value X, Value Y) { return arith::AndIOp::create(B, X, Y); }
Value LoopBuilder::negated(Value X) {
  return arith::XOrIOp::create(B, X, arith::ConstantOp::create(B, B.getBoolAttr(true)));
}
Value LoopBuilder::select(Value Condition, Value X, Value Y) { return arith::SelectOp::create(B, Condition, X, Y); }

Value LoopBuilder::value(const Extent &X) {
  Value V = index(X.Coefficient);
  if (X.Coefficient != 0)
    for (unsigned K : X.Sizes) V = mul(V, size(K));
  return V;
}

// -- control ---------------------------------------------------------------------------------------------------------

Values LoopBuilder::loop(Value Lo, Value Hi, ValueRange Init, LoopBody Body) {
  auto For =
      scf::ForOp::create(B, Lo, Hi, index(1), Init, [&](OpBuilder &Inner, Location, Value Iv, ValueRange Carried) {
        OpBuilder::InsertionGuard Guard(B);
        B.setInsertionPoint(Inner.getInsertionBlock(), Inner.getInsertionPoint());
        scf::YieldOp::create(B, Body(Iv, Carried));
      });
  return Values(For.getResults());
}
void LoopBuilder::loop(Value Lo, Value Hi, function_ref<void(Value)> Body) {
  loop(Lo, Hi, ValueRange{}, [&](Value Iv, ValueRange) {
    Body(Iv);
    return Values{};
  });
}
Values LoopBuilder::whileLoop(ValueRange Init, TypeRange Handed, function_ref<Values(ValueRange)> Test,
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
void LoopBuilder::when(Value Condition, function_ref<void()> Yes, function_ref<void()> No) {
  auto If = scf::IfOp::create(B, TypeRange{}, Condition, /*withElseRegion=*/static_cast<bool>(No));
  OpBuilder::InsertionGuard Guard(B);
  B.setInsertionPointToStart(If.thenBlock());
  Yes();
  if (No) {
    B.setInsertionPointToStart(If.elseBlock());
    No();
  }
}
Values LoopBuilder::choose(Value Condition, TypeRange Types, function_ref<Values()> Yes, function_ref<Values()> No) {
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

// -- values in lanes -------------------------------------------------------------------------------------------------

Type LoopBuilder::inLanes(Type Scalar, const Lanes &L) {
  return L.Count == 1 ? Scalar : VectorType::get({L.Count}, Scalar);
}
Value LoopBuilder::number(Type Like, int64_t N) {
  Type Element = getElementTypeOrSelf(Like);
  TypedAttr A = isa<FloatType>(Element) ? TypedAttr(B.getFloatAttr(Element, static_cast<double>(N)))
                                        : TypedAttr(B.getIntegerAttr(Element, N));
  if (auto Vector = dyn_cast<VectorType>(Like)) A = DenseElementsAttr::get(Vector, Attribute(A));
  return arith::ConstantOp::create(B, A);
}
Value LoopBuilder::addElements(Value X, Value Y) {
  if (isa<FloatType>(getElementTypeOrSelf(X.getType()))) return arith::AddFOp::create(B, X, Y);
  return arith::AddIOp::create(B, X, Y);
}
std::pair<Value, Value> LoopBuilder::addInTwoParts(Value Total, Value Lost, Value X) {
  auto plus = [&](Value A, Value C) -> Value { return arith::AddFOp::create(B, A, C); };
  auto minus = [&](Value A, Value C) -> Value { return arith::SubFOp::create(B, A, C); };
  Value Sum = plus(Total, X), Added = minus(Sum, Total);
  Value Error = plus(minus(Total, minus(Sum, Added)), minus(X, Added));
  return {Sum, plus(Lost, Error)};
}
Value LoopBuilder::joinTwoParts(Value Total, Value Lost) {
  Value None = arith::SubFOp::create(B, Total, Total);
  Value Finite = arith::CmpFOp::create(B, arith::CmpFPredicate::OEQ, None, number(Total.getType(), 0));
  return select(Finite, arith::AddFOp::create(B, Total, Lost), Total);
}

} // namespace burin::codegen
