// The scalar vocabulary in terms of the LLVM dialect and scf.
#include "compiler/codegen/host/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace burin::codegen::host {
using namespace mlir;
using LLVM::IntegerOverflowFlags;

// -- index arithmetic ----------------------------------------------------------------------------------------------

Value Emitter::index(int64_t V) { return LLVM::ConstantOp::create(B, B.getI64Type(), V); }

std::optional<int64_t> Emitter::constantOf(Value V) {
  if (auto C = V.getDefiningOp<LLVM::ConstantOp>())
    if (auto A = dyn_cast<IntegerAttr>(C.getValue())) return A.getInt();
  if (auto C = V.getDefiningOp<arith::ConstantOp>()) // loops are written in arith
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

// -- memory --------------------------------------------------------------------------------------------------------

unsigned Emitter::elementAlignment(Type T) {
  return isa<LLVM::LLVMPointerType>(T) ? 8 : std::max(1u, T.getIntOrFloatBitWidth() / 8);
}

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

} // namespace burin::codegen::host
