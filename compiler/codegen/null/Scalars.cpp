// See Scalars.h. Math functions are the C library's in f64, so they are nobody else's polynomials.
#include "compiler/codegen/null/Scalars.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <cstring>

namespace burin::codegen::null {
using namespace mlir;

namespace {

unsigned widthOf(Type T) { return T.isIndex() ? 64 : T.getIntOrFloatBitWidth(); }
uint64_t maskOf(unsigned Width) { return Width == 64 ? ~uint64_t{0} : (uint64_t{1} << Width) - 1; }
/// The bits of an integer, without its sign.
uint64_t bitsOf(int64_t I, Type T) { return static_cast<uint64_t>(I) & maskOf(widthOf(T)); }

Scalar integer(uint64_t Bits, Type T) {
  unsigned Width = widthOf(T);
  if (Width == 1) return {static_cast<int64_t>(Bits & 1), 0};
  return {static_cast<int64_t>(Bits << (64 - Width)) >> (64 - Width), 0};
}
Scalar real(double X, Type T) {
  if (T.isF32()) return {0, static_cast<float>(X)};
  if (T.isF64()) return {0, X};
  llvm::APFloat A(X);
  bool Lost;
  A.convert(cast<FloatType>(T).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &Lost);
  return {0, A.convertToDouble()};
}
uint64_t floatBits(double X, Type T) {
  llvm::APFloat A(X);
  bool Lost;
  A.convert(cast<FloatType>(T).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &Lost);
  return A.bitcastToAPInt().getZExtValue();
}
double bitsToFloat(uint64_t Bits, Type T) {
  auto F = cast<FloatType>(T);
  llvm::APFloat A(F.getFloatSemantics(), llvm::APInt(F.getWidth(), Bits & maskOf(F.getWidth())));
  bool Lost;
  A.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &Lost);
  return A.convertToDouble();
}

/// The greater one, or the lesser: NaN if either is, +0 above -0.
double extreme(double X, double Y, bool Greatest) {
  if (std::isnan(X) || std::isnan(Y)) return std::numeric_limits<double>::quiet_NaN();
  if (X == Y) return std::signbit(X) == Greatest ? Y : X;
  return (X > Y) == Greatest ? X : Y;
}

bool compare(arith::CmpFPredicate P, double X, double Y) {
  using Q = arith::CmpFPredicate;
  bool None = std::isnan(X) || std::isnan(Y);
  switch (P) {
  case Q::AlwaysFalse:
    return false;
  case Q::OEQ:
    return X == Y;
  case Q::OGT:
    return X > Y;
  case Q::OGE:
    return X >= Y;
  case Q::OLT:
    return X < Y;
  case Q::OLE:
    return X <= Y;
  case Q::ONE:
    return !None && X != Y;
  case Q::ORD:
    return !None;
  case Q::UEQ:
    return None || X == Y;
  case Q::UGT:
    return None || X > Y;
  case Q::UGE:
    return None || X >= Y;
  case Q::ULT:
    return None || X < Y;
  case Q::ULE:
    return None || X <= Y;
  case Q::UNE:
    return X != Y;
  case Q::UNO:
    return None;
  case Q::AlwaysTrue:
    return true;
  }
  return false;
}
bool compare(arith::CmpIPredicate P, Scalar X, Scalar Y, Type T) {
  using Q = arith::CmpIPredicate;
  uint64_t A = bitsOf(X.I, T), B = bitsOf(Y.I, T);
  switch (P) {
  case Q::eq:
    return A == B;
  case Q::ne:
    return A != B;
  case Q::slt:
    return X.I < Y.I;
  case Q::sle:
    return X.I <= Y.I;
  case Q::sgt:
    return X.I > Y.I;
  case Q::sge:
    return X.I >= Y.I;
  case Q::ult:
    return A < B;
  case Q::ule:
    return A <= B;
  case Q::ugt:
    return A > B;
  case Q::uge:
    return A >= B;
  }
  return false;
}

/// Ops on floats to a float of the same type.
std::optional<double> onFloats(Operation *Op, ArrayRef<Scalar> In) {
  auto X = [&](unsigned I) { return In[I].F; };
  return llvm::TypeSwitch<Operation *, std::optional<double>>(Op)
      .Case([&](arith::AddFOp) { return X(0) + X(1); })
      .Case([&](arith::SubFOp) { return X(0) - X(1); })
      .Case([&](arith::MulFOp) { return X(0) * X(1); })
      .Case([&](arith::DivFOp) { return X(0) / X(1); })
      .Case([&](arith::RemFOp) { return std::fmod(X(0), X(1)); })
      .Case([&](arith::NegFOp) { return -X(0); })
      .Case([&](arith::MaximumFOp) { return extreme(X(0), X(1), true); })
      .Case([&](arith::MinimumFOp) { return extreme(X(0), X(1), false); })
      .Case([&](math::AbsFOp) { return std::fabs(X(0)); })
      .Case([&](math::CopySignOp) { return std::copysign(X(0), X(1)); })
      .Case([&](math::ExpOp) { return std::exp(X(0)); })
      .Case([&](math::LogOp) { return std::log(X(0)); })
      .Case([&](math::SqrtOp) { return std::sqrt(X(0)); })
      .Case([&](math::TanhOp) { return std::tanh(X(0)); })
      .Case([&](math::FloorOp) { return std::floor(X(0)); })
      .Case([&](math::CeilOp) { return std::ceil(X(0)); })
      .Case([&](math::TruncOp) { return std::trunc(X(0)); })
      .Case([&](math::RoundEvenOp) { return std::nearbyint(X(0)); })
      .Case([&](math::FmaOp) { return std::fma(X(0), X(1), X(2)); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Ops on integers to an integer of the same type; divisors are not zero, shifts below the width.
std::optional<uint64_t> onIntegers(Operation *Op, ArrayRef<Scalar> In, Type T) {
  auto S = [&](unsigned I) { return In[I].I; };
  auto U = [&](unsigned I) { return bitsOf(In[I].I, T); };
  return llvm::TypeSwitch<Operation *, std::optional<uint64_t>>(Op)
      .Case([&](arith::AddIOp) { return U(0) + U(1); })
      .Case([&](arith::SubIOp) { return U(0) - U(1); })
      .Case([&](arith::MulIOp) { return U(0) * U(1); })
      .Case([&](arith::DivSIOp) { return static_cast<uint64_t>(S(1) == -1 ? 0 - U(0) : S(0) / S(1)); })
      .Case([&](arith::DivUIOp) { return U(0) / U(1); })
      .Case([&](arith::RemSIOp) { return static_cast<uint64_t>(S(1) == -1 ? 0 : S(0) % S(1)); })
      .Case([&](arith::RemUIOp) { return U(0) % U(1); })
      .Case([&](arith::AndIOp) { return U(0) & U(1); })
      .Case([&](arith::OrIOp) { return U(0) | U(1); })
      .Case([&](arith::XOrIOp) { return U(0) ^ U(1); })
      .Case([&](arith::ShLIOp) { return U(1) < 64 ? U(0) << U(1) : 0; })
      .Case([&](arith::ShRUIOp) { return U(1) < 64 ? U(0) >> U(1) : 0; })
      .Case([&](arith::ShRSIOp) { return static_cast<uint64_t>(S(0) >> std::min<uint64_t>(U(1), 63)); })
      .Case([&](arith::MaxSIOp) { return static_cast<uint64_t>(std::max(S(0), S(1))); })
      .Case([&](arith::MinSIOp) { return static_cast<uint64_t>(std::min(S(0), S(1))); })
      .Case([&](arith::MaxUIOp) { return std::max(U(0), U(1)); })
      .Case([&](arith::MinUIOp) { return std::min(U(0), U(1)); })
      .Case([&](math::AbsIOp) { return S(0) < 0 ? 0 - U(0) : U(0); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Ops whose result has another type than the operand.
std::optional<Scalar> convert(Operation *Op, Scalar X, Type From, Type To) {
  if (isa<arith::ExtFOp, arith::TruncFOp>(Op)) return real(X.F, To);
  if (isa<arith::ExtSIOp, arith::IndexCastOp>(Op))
    return integer(From.isInteger(1) ? 0 - static_cast<uint64_t>(X.I) : static_cast<uint64_t>(X.I), To);
  if (isa<arith::ExtUIOp, arith::IndexCastUIOp>(Op)) return integer(bitsOf(X.I, From), To);
  if (isa<arith::TruncIOp>(Op)) return integer(static_cast<uint64_t>(X.I), To);
  // To f64 and then to a narrower type would round twice.
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(Op)) {
    bool Signed = isa<arith::SIToFPOp>(Op);
    llvm::APInt I(64, Signed ? static_cast<uint64_t>(X.I) : bitsOf(X.I, From));
    llvm::APFloat F(cast<FloatType>(To).getFloatSemantics());
    F.convertFromAPInt(I, Signed, llvm::APFloat::rmNearestTiesToEven);
    return Scalar{0, bitsToFloat(F.bitcastToAPInt().getZExtValue(), To)};
  }
  if (isa<arith::FPToSIOp>(Op)) return integer(static_cast<uint64_t>(static_cast<int64_t>(X.F)), To);
  if (isa<arith::FPToUIOp>(Op)) return integer(static_cast<uint64_t>(X.F), To);
  if (isa<arith::BitcastOp>(Op)) {
    uint64_t Bits = isa<FloatType>(From) ? floatBits(X.F, From) : bitsOf(X.I, From);
    return isa<FloatType>(To) ? Scalar{0, bitsToFloat(Bits, To)} : integer(Bits, To);
  }
  return std::nullopt;
}

} // namespace

Scalar fromAttribute(TypedAttr A) {
  if (auto F = dyn_cast<FloatAttr>(A)) return {0, F.getValueAsDouble()};
  return integer(cast<IntegerAttr>(A).getValue().getZExtValue(), A.getType());
}

Scalar readElement(const void *Memory, Type T, int64_t At) {
  unsigned Bytes = std::max(1u, widthOf(T) / 8);
  uint64_t Bits = 0;
  std::memcpy(&Bits, static_cast<const char *>(Memory) + At * Bytes, Bytes); // little-endian, like every host of ours
  if (T.isInteger(1)) return {Bits != 0, 0};
  return isa<FloatType>(T) ? Scalar{0, bitsToFloat(Bits, T)} : integer(Bits, T);
}

void writeElement(void *Memory, Type T, int64_t At, Scalar S) {
  unsigned Bytes = std::max(1u, widthOf(T) / 8);
  uint64_t Bits = isa<FloatType>(T) ? floatBits(S.F, T) : bitsOf(S.I, T);
  std::memcpy(static_cast<char *>(Memory) + At * Bytes, &Bits, Bytes);
}

FailureOr<Scalar> evaluateScalar(Operation *Op, ArrayRef<Scalar> In) {
  if (auto C = dyn_cast<arith::ConstantOp>(Op)) return fromAttribute(C.getValue());
  Type From = Op->getNumOperands() ? Op->getOperand(0).getType() : Type(), To = Op->getResult(0).getType();
  if (isa<arith::SelectOp>(Op)) return In[0].I ? In[1] : In[2];
  if (auto C = dyn_cast<arith::CmpFOp>(Op)) return Scalar{compare(C.getPredicate(), In[0].F, In[1].F), 0};
  if (auto C = dyn_cast<arith::CmpIOp>(Op)) return Scalar{compare(C.getPredicate(), In[0], In[1], From), 0};
  if (isa<FloatType>(To))
    if (auto F = onFloats(Op, In)) return real(*F, To);
  if (To.isIntOrIndex() && From == To)
    if (auto I = onIntegers(Op, In, To)) return integer(*I, To);
  if (auto Made = convert(Op, In[0], From, To)) return *Made;
  return Op->emitError("is no scalar op that the null target evaluates");
}

} // namespace burin::codegen::null
