// exp: argument reduction by n ln 2 in two parts (Cody and Waite), polynomial on |r| <= ln(2)/2, scaling by 2^n in two
// steps so that results underflow gradually. f32 polynomials are those of Cephes' expf and logf (Moshier, "Methods and
// Programs for Mathematical Functions", 1989); f64 exp is the Taylor series to degree 13 (error below 2^-57 there);
// f64 log is fdlibm's e_log.c (Sun, 1993). Selecting the mantissa range by integer arithmetic follows musl's logf.
#include "compiler/codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

/// Arithmetic on one float type, scalar or vector.
class Floats {
public:
  Floats(Emitter &E, Value Like) : E(E), Shape(Like.getType()), Element(getElementTypeOrSelf(Shape)) {
    Double = Element.isF64();
    IntElement = IntegerType::get(E.B.getContext(), Double ? 64 : 32);
  }
  bool Double;

  Value c(double V) { return constant(Element, E.B.getFloatAttr(Element, V)); }
  Value i(int64_t V) { return constant(IntElement, E.B.getIntegerAttr(IntElement, V)); }
  Value add(Value X, Value Y) { return LLVM::FAddOp::create(E.B, X, Y); }
  Value sub(Value X, Value Y) { return LLVM::FSubOp::create(E.B, X, Y); }
  Value mul(Value X, Value Y) { return LLVM::FMulOp::create(E.B, X, Y); }
  Value div(Value X, Value Y) { return LLVM::FDivOp::create(E.B, X, Y); }
  Value fma(Value X, Value Y, Value Z) { return E.multiplyAdd(X, Y, Z); }
  Value iadd(Value X, Value Y) { return LLVM::AddOp::create(E.B, X, Y); }
  Value isub(Value X, Value Y) { return LLVM::SubOp::create(E.B, X, Y); }
  Value iand(Value X, Value Y) { return LLVM::AndOp::create(E.B, X, Y); }
  Value shl(Value X, int64_t N) { return LLVM::ShlOp::create(E.B, X, i(N)); }
  Value sar(Value X, int64_t N) { return LLVM::AShrOp::create(E.B, X, i(N)); }
  Value less(Value X, Value Y) { return LLVM::FCmpOp::create(E.B, LLVM::FCmpPredicate::olt, X, Y); }
  Value equal(Value X, Value Y) { return LLVM::FCmpOp::create(E.B, LLVM::FCmpPredicate::oeq, X, Y); }
  Value abs(Value X) { return LLVM::FAbsOp::create(E.B, X); }
  Value copySign(Value X, Value Sign) { return LLVM::CopySignOp::create(E.B, X, Sign); }
  Value select(Value C, Value X, Value Y) { return LLVM::SelectOp::create(E.B, C, X, Y); }
  Value bits(Value X) { return LLVM::BitcastOp::create(E.B, like(IntElement), X); }
  Value fromBits(Value X) { return LLVM::BitcastOp::create(E.B, like(Element), X); }
  Value toFloat(Value X) { return LLVM::SIToFPOp::create(E.B, like(Element), X); }
  /// Highest degree first.
  Value polynomial(Value X, ArrayRef<double> Coefficients) {
    Value P = c(Coefficients[0]);
    for (double C : Coefficients.drop_front()) P = fma(P, X, c(C));
    return P;
  }
  int mantissa() const { return Double ? 52 : 23; }
  int bias() const { return Double ? 1023 : 127; }
  /// 2^N for N within the exponents of normal numbers.
  Value power(Value N) { return fromBits(shl(iadd(N, i(bias())), mantissa())); }

private:
  Type like(Type T) {
    auto V = dyn_cast<VectorType>(Shape);
    return V ? VectorType::get(V.getShape(), T) : T;
  }
  Value constant(Type T, TypedAttr A) {
    Type All = like(T);
    if (auto V = dyn_cast<VectorType>(All))
      return LLVM::ConstantOp::create(E.B, V, DenseElementsAttr::get(V, Attribute(A)));
    return LLVM::ConstantOp::create(E.B, T, A);
  }
  Emitter &E;
  Type Shape, Element, IntElement;
};

constexpr double ExpF32[] = {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
                             4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1};
constexpr double ExpF64[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                             1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                             1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
constexpr double LogF32[] = {7.0376836292e-2,  -1.1514610310e-1, 1.1676998740e-1,  -1.2420140846e-1, 1.4249322787e-1,
                             -1.6668057665e-1, 2.0000714765e-1,  -2.4999993993e-1, 3.3333331174e-1};
constexpr double LogF64[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                             2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                             6.666666666666735130e-01};
// tanh for |x| < 0.625: Cephes' tanhf.c, and tanh.c's P and Q.
constexpr double TanhF32[] = {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                              -3.33332819422e-1};
constexpr double TanhP[] = {-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3};
constexpr double TanhQ[] = {1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3};
// ln 2 in two parts; products of the first with every exponent are exact.
constexpr double Ln2HighF32 = 0.693359375, Ln2LowF32 = -2.12194440e-4;
constexpr double Ln2HighF64 = 6.93147180369123816490e-01, Ln2LowF64 = 1.90821492927058770002e-10;

} // namespace

Value emitExp(Emitter &E, Value X) {
  Floats M(E, X);
  // Beyond these the result is inf or 0 anyway; NaN passes both selects.
  Value Low = M.c(M.Double ? -746.0 : -104.0), High = M.c(M.Double ? 710.0 : 89.0);
  Value C = M.select(M.less(High, X), High, X);
  C = M.select(M.less(C, Low), Low, C);
  // Adding 1.5 * 2^mantissa leaves round(x / ln 2) in the low bits.
  Value Magic = M.c(M.Double ? 6755399441055744.0 : 12582912.0);
  Value Shifted = M.fma(C, M.c(1.44269504088896340736), Magic);
  Value Whole = M.sub(Shifted, Magic);
  Value N = M.isub(M.bits(Shifted), M.bits(Magic));
  Value R = M.fma(Whole, M.c(M.Double ? -Ln2HighF64 : -Ln2HighF32), C);
  R = M.fma(Whole, M.c(M.Double ? -Ln2LowF64 : -Ln2LowF32), R);
  Value P = M.polynomial(R, M.Double ? ArrayRef<double>(ExpF64) : ArrayRef<double>(ExpF32));
  Value Y = M.add(M.fma(P, M.mul(R, R), R), M.c(1.0));
  Value Half = M.sar(N, 1);
  return M.mul(M.mul(Y, M.power(Half)), M.power(M.isub(N, Half)));
}

Value emitLog(Emitter &E, Value X) {
  Floats M(E, X);
  // Denormals are scaled to normal numbers first.
  double SmallestNormal = M.Double ? 0x1p-1022 : 0x1p-126;
  Value IsTiny = M.less(X, M.c(SmallestNormal));
  Value Normal = M.select(IsTiny, M.mul(X, M.c(M.Double ? 0x1p54 : 0x1p25)), X);
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)).
  int64_t RootHalf = M.Double ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  int64_t MantissaMask = (int64_t(1) << M.mantissa()) - 1;
  Value Bits = M.isub(M.bits(Normal), M.i(RootHalf));
  Value K = M.toFloat(M.sar(Bits, M.mantissa()));
  K = M.sub(K, M.select(IsTiny, M.c(M.Double ? 54.0 : 25.0), M.c(0.0)));
  Value F = M.sub(M.fromBits(M.iadd(M.iand(Bits, M.i(MantissaMask)), M.i(RootHalf))), M.c(1.0));
  Value Y;
  if (M.Double) {
    Value S = M.div(F, M.add(F, M.c(2.0)));
    Value Z = M.mul(S, S);
    Value R = M.mul(M.polynomial(Z, LogF64), Z);
    Value HalfSquare = M.mul(M.mul(F, F), M.c(0.5));
    Value Small = M.fma(S, M.add(HalfSquare, R), M.mul(K, M.c(Ln2LowF64)));
    Y = M.fma(K, M.c(Ln2HighF64), M.sub(F, M.sub(HalfSquare, Small)));
  } else {
    Value Z = M.mul(F, F);
    Value Small = M.mul(M.mul(F, Z), M.polynomial(F, LogF32));
    Small = M.fma(K, M.c(Ln2LowF32), Small);
    Small = M.fma(Z, M.c(-0.5), Small);
    Y = M.fma(K, M.c(Ln2HighF32), M.add(F, Small));
  }
  constexpr double Inf = std::numeric_limits<double>::infinity();
  Value Zero = M.c(0.0);
  Y = M.select(M.equal(X, M.c(Inf)), X, Y);
  Y = M.select(M.equal(X, Zero), M.c(-Inf), Y);
  // Negative numbers and NaN: x < 0 or unordered.
  Value Defined = LLVM::FCmpOp::create(E.B, LLVM::FCmpPredicate::oge, X, Zero);
  return M.select(Defined, Y, M.c(std::numeric_limits<double>::quiet_NaN()));
}

Value emitTanh(Emitter &E, Value X) {
  Floats M(E, X);
  Value Z = M.mul(X, X);
  Value Ratio = M.Double ? M.div(M.polynomial(Z, TanhP), M.polynomial(Z, TanhQ)) : M.polynomial(Z, TanhF32);
  Value Near = M.fma(M.mul(X, Z), Ratio, X);
  // 1 - 2 / (e^2|x| + 1), with x's sign; 1 where e^2|x| overflows.
  Value Size = M.abs(X);
  Value Power = emitExp(E, M.add(Size, Size));
  Value Far = M.sub(M.c(1.0), M.div(M.c(2.0), M.add(Power, M.c(1.0))));
  return M.copySign(M.select(M.less(Size, M.c(0.625)), Near, Far), X); // -0 too
}

Value emitFloor(Emitter &E, Value X) {
  // Numbers from 2^mantissa on are whole; adding that to smaller ones and taking it away rounds them.
  Floats M(E, X);
  Value Magic = M.c(M.Double ? 0x1p52 : 0x1p23), Size = M.abs(X);
  Value Near = M.copySign(M.sub(M.add(Size, Magic), Magic), X);
  Value Down = M.copySign(M.sub(Near, M.select(M.less(X, Near), M.c(1.0), M.c(0.0))), X);
  return M.select(M.less(Size, Magic), Down, X);
}

Value expandMath(Emitter &E, Operation *Op, ArrayRef<Value> Operands) {
  if (isa<math::ExpOp>(Op)) return emitExp(E, Operands[0]);
  if (isa<math::LogOp>(Op)) return emitLog(E, Operands[0]);
  if (isa<math::TanhOp>(Op)) return emitTanh(E, Operands[0]);
  if (isa<math::FloorOp>(Op)) return emitFloor(E, Operands[0]);
  return {};
}

} // namespace burin::codegen::cpu
