//===- ScalarOps.cpp - elementwise ops on single values -----------------------------------------------------------===//
// The generated bodies, what they call, and casts. Written from docs/numerics.md, not from the referee: each is there to
// find the other's mistakes.
#include "compiler/ops/ScalarOps.h"

#include "compiler/ir/Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace burin::ir {
namespace {

/// `attribute` as a constant of type `type`, which may be a vector.
Value constant(OpBuilder &builder, Location loc, Type type, TypedAttr attribute) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(shaped, mlir::Attribute(attribute)));
  return arith::ConstantOp::create(builder, loc, attribute);
}
Value integer(OpBuilder &builder, Location loc, Type type, int64_t value) {
  auto element = cast<IntegerType>(getElementTypeOrSelf(type));
  return constant(builder, loc, type,
                  IntegerAttr::get(element, APInt(element.getWidth(), static_cast<uint64_t>(value), false, true)));
}
Value real(OpBuilder &builder, Location loc, Type type, double value) {
  return constant(builder, loc, type, FloatAttr::get(getElementTypeOrSelf(type), value));
}
/// `like` with another element type.
Type withElement(Type like, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(like)) return shaped.clone(element);
  return element;
}

} // namespace

namespace scalar {

Value zero(const ScalarContext &s, Value like) {
  return constant(s.builder, s.loc, like.getType(), cast<TypedAttr>(s.builder.getZeroAttr(getElementTypeOrSelf(like))));
}
Value allOnes(const ScalarContext &s, Value like) { return integer(s.builder, s.loc, like.getType(), -1); }
Value number(const ScalarContext &s, Value like, double value) {
  if (isa<FloatType>(getElementTypeOrSelf(like))) return real(s.builder, s.loc, like.getType(), value);
  return integer(s.builder, s.loc, like.getType(), static_cast<int64_t>(value));
}

Value log1p(const ScalarContext &s, Value x) {
  // Goldberg, What every computer scientist should know about floating-point arithmetic (1991), theorem 4: the error of
  // w = 1 + x cancels in log(w) * x / (w - 1).
  Value one = number(s, x, 1);
  Value w = arith::AddFOp::create(s.builder, s.loc, one, x);
  Value d = arith::SubFOp::create(s.builder, s.loc, w, one);
  Value tiny = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, d, zero(s, x));
  // Where x is infinite its quotient by itself is not 1, and the correction is not needed.
  Value huge = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, d, x);
  Value correction =
      arith::SelectOp::create(s.builder, s.loc, huge, one, arith::DivFOp::create(s.builder, s.loc, x, d));
  Value product = arith::MulFOp::create(s.builder, s.loc, math::LogOp::create(s.builder, s.loc, w), correction);
  return arith::SelectOp::create(s.builder, s.loc, tiny, x, product);
}

Value sigmoid(const ScalarContext &s, Value x) {
  // With e = e^-|x| it is 1 / (1 + e) for x >= 0 and e / (1 + e) below: nothing overflows, nothing cancels.
  OpBuilder &b = s.builder;
  Value one = number(s, x, 1);
  Value e = math::ExpOp::create(b, s.loc, arith::NegFOp::create(b, s.loc, math::AbsFOp::create(b, s.loc, x)));
  Value below = arith::CmpFOp::create(b, s.loc, arith::CmpFPredicate::OLT, x, zero(s, x));
  Value top = arith::SelectOp::create(b, s.loc, below, e, one);
  return arith::DivFOp::create(b, s.loc, top, arith::AddFOp::create(b, s.loc, one, e));
}

Value power(const ScalarContext &s, Value a, Value b) {
  OpBuilder &builder = s.builder;
  Location loc = s.loc;
  // |a|^b = e^(b ln |a|) multiplies the logarithm's error by the exponent: f32 is computed in f64, where that is harmless.
  Type type = a.getType();
  bool widen = getElementTypeOrSelf(type).isF32();
  if (widen) {
    Type wide = withElement(type, builder.getF64Type());
    a = arith::ExtFOp::create(builder, loc, wide, a);
    b = arith::ExtFOp::create(builder, loc, wide, b);
  }
  auto compare = [&](arith::CmpFPredicate p, Value x, Value y) -> Value {
    return arith::CmpFOp::create(builder, loc, p, x, y);
  };
  auto select = [&](Value c, Value x, Value y) -> Value { return arith::SelectOp::create(builder, loc, c, x, y); };
  auto both = [&](Value x, Value y) -> Value { return arith::AndIOp::create(builder, loc, x, y); };
  auto either = [&](Value x, Value y) -> Value { return arith::OrIOp::create(builder, loc, x, y); };
  auto whole = [&](Value x) { return compare(arith::CmpFPredicate::OEQ, math::FloorOp::create(builder, loc, x), x); };
  using P = arith::CmpFPredicate;
  Value none = zero(s, b), one = number(s, a, 1), infinity = number(s, a, std::numeric_limits<double>::infinity());
  Value size = math::AbsFOp::create(builder, loc, a);
  Value y = math::ExpOp::create(builder, loc,
                                arith::MulFOp::create(builder, loc, b, math::LogOp::create(builder, loc, size)));
  // A negative base: NaN but for whole exponents (0 and inf aside, which have no fraction to lose), the sign of odd ones.
  Value isWhole = whole(b);
  Value halfWhole = whole(arith::MulFOp::create(builder, loc, b, number(s, b, 0.5)));
  Value odd = arith::XOrIOp::create(builder, loc, isWhole, both(isWhole, halfWhole));
  y = select(odd, math::CopySignOp::create(builder, loc, y, a), y);
  Value finiteBelow = both(compare(P::OLT, a, none), compare(P::OLT, size, infinity));
  Value broken = arith::XOrIOp::create(builder, loc, isWhole, allOnes(s, isWhole));
  Value bIsNumber = compare(P::ORD, b, b); // NaN has its own way through the product
  y = select(both(both(finiteBelow, broken), bIsNumber), number(s, a, std::numeric_limits<double>::quiet_NaN()), y);
  Value infinitePower = compare(P::OEQ, math::AbsFOp::create(builder, loc, b), infinity);
  Value isOne = either(compare(P::OEQ, a, one), both(compare(P::OEQ, size, one), infinitePower));
  y = select(either(isOne, compare(P::OEQ, b, none)), one, y);
  return widen ? arith::TruncFOp::create(builder, loc, type, y).getResult() : y;
}

Value divideSigned(const ScalarContext &s, Value a, Value b) {
  // The hardware traps on both x / 0 and least / -1, so neither may reach it.
  OpBuilder &builder = s.builder;
  Value none = zero(s, b), minusOne = allOnes(s, b), one = integer(builder, s.loc, b.getType(), 1);
  Value byZero = arith::CmpIOp::create(builder, s.loc, arith::CmpIPredicate::eq, b, none);
  Value byMinusOne = arith::CmpIOp::create(builder, s.loc, arith::CmpIPredicate::eq, b, minusOne);
  Value special = arith::OrIOp::create(builder, s.loc, byZero, byMinusOne);
  Value divisor = arith::SelectOp::create(builder, s.loc, special, one, b);
  Value quotient = arith::DivSIOp::create(builder, s.loc, a, divisor);
  Value negated = arith::SubIOp::create(builder, s.loc, none, a);
  quotient = arith::SelectOp::create(builder, s.loc, byMinusOne, negated, quotient);
  return arith::SelectOp::create(builder, s.loc, byZero, none, quotient);
}

Value divideUnsigned(const ScalarContext &s, Value a, Value b) {
  Value none = zero(s, b), one = integer(s.builder, s.loc, b.getType(), 1);
  Value byZero = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, b, none);
  Value divisor = arith::SelectOp::create(s.builder, s.loc, byZero, one, b);
  Value quotient = arith::DivUIOp::create(s.builder, s.loc, a, divisor);
  return arith::SelectOp::create(s.builder, s.loc, byZero, none, quotient);
}

} // namespace scalar

namespace {
#include "compiler/ops/ElementwiseBodies.inc"

/// f64 to a narrow float with one rounding: by way of an f32 rounded to odd, whose last bit remembers what was lost.
Value doubleToNarrow(OpBuilder &builder, Location loc, Value x, Dtype to) {
  Type f32Type = withElement(x.getType(), builder.getF32Type()),
       i32Type = withElement(x.getType(), builder.getI32Type());
  Value nearest = arith::TruncFOp::create(builder, loc, f32Type, x);
  Value back = arith::ExtFOp::create(builder, loc, x.getType(), nearest);
  Value inexact = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ONE, back, x);
  Value tooFar = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                       math::AbsFOp::create(builder, loc, back), math::AbsFOp::create(builder, loc, x));
  Value bits = arith::BitcastOp::create(builder, loc, i32Type, nearest);
  Value towardZero = arith::SubIOp::create(builder, loc, bits, arith::ExtUIOp::create(builder, loc, i32Type, tooFar));
  Value odd = arith::OrIOp::create(builder, loc, towardZero, integer(builder, loc, i32Type, 1));
  bits = arith::SelectOp::create(builder, loc, inexact, odd, bits);
  Value rounded = arith::BitcastOp::create(builder, loc, f32Type, bits);
  return arith::TruncFOp::create(builder, loc, withElement(x.getType(), toMlir(builder.getContext(), to)), rounded);
}

/// A 64-bit integer as an f64 that rounds to the same narrow float: beyond 53 bits the lost ones only matter as "not zero".
Value longToStickyDouble(OpBuilder &builder, Location loc, Value x, bool isSigned) {
  Type type = x.getType(), f64Type = withElement(type, builder.getF64Type());
  Value lowMask = integer(builder, loc, type, 0xfff), none = integer(builder, loc, type, 0);
  Value low = arith::AndIOp::create(builder, loc, x, lowMask);
  Value lost = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, low, none);
  Value sticky = arith::SelectOp::create(builder, loc, lost, integer(builder, loc, type, 0x1000), none);
  Value high = arith::AndIOp::create(builder, loc, x, integer(builder, loc, type, ~int64_t{0xfff}));
  Value shifted = x; // exact are 0 to 2^53, with a sign -2^53 to 2^53
  if (isSigned) shifted = arith::AddIOp::create(builder, loc, x, integer(builder, loc, type, int64_t{1} << 53));
  Value exact = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ule, shifted,
                                      integer(builder, loc, type, int64_t{1} << (isSigned ? 54 : 53)));
  Value chosen = arith::SelectOp::create(builder, loc, exact, x, arith::OrIOp::create(builder, loc, high, sticky));
  if (isSigned) return arith::SIToFPOp::create(builder, loc, f64Type, chosen);
  return arith::UIToFPOp::create(builder, loc, f64Type, chosen);
}

Value floatToInteger(OpBuilder &builder, Location loc, Value x, Dtype to) {
  Type element = elementType(builder.getContext(), to), target = withElement(x.getType(), element);
  unsigned width = element.getIntOrFloatBitWidth(), digits = is_signed(to) ? width - 1 : width;
  double least = is_signed(to) ? -std::ldexp(1.0, static_cast<int>(digits)) : 0.0;
  Value above = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGE, x,
                                      real(builder, loc, x.getType(), std::ldexp(1.0, static_cast<int>(digits))));
  Value below =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE, x, real(builder, loc, x.getType(), least));
  Value nan = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, x, x);
  Value outside = arith::OrIOp::create(builder, loc, arith::OrIOp::create(builder, loc, above, below), nan);
  // The conversion is undefined outside the range, so it only sees values inside.
  Value safe = arith::SelectOp::create(builder, loc, outside, real(builder, loc, x.getType(), 0.0), x);
  Value inside;
  if (width < 32) {
    Value wide = arith::FPToSIOp::create(builder, loc, withElement(x.getType(), builder.getI32Type()), safe);
    inside = arith::TruncIOp::create(builder, loc, target, wide);
  } else if (is_signed(to)) {
    inside = arith::FPToSIOp::create(builder, loc, target, safe);
  } else {
    inside = arith::FPToUIOp::create(builder, loc, target, safe);
  }
  APInt greatest = is_signed(to) ? APInt::getSignedMaxValue(width) : APInt::getMaxValue(width);
  APInt lowest = is_signed(to) ? APInt::getSignedMinValue(width) : APInt::getMinValue(width);
  Value result = arith::SelectOp::create(builder, loc, below,
                                         constant(builder, loc, target, IntegerAttr::get(element, lowest)), inside);
  return arith::SelectOp::create(builder, loc, above,
                                 constant(builder, loc, target, IntegerAttr::get(element, greatest)), result);
}

Value integerToFloat(OpBuilder &builder, Location loc, Value x, Dtype from, Dtype to) {
  auto convert = [&](Dtype target) -> Value {
    Type type = withElement(x.getType(), elementType(builder.getContext(), target));
    if (is_signed(from)) return arith::SIToFPOp::create(builder, loc, type, x);
    return arith::UIToFPOp::create(builder, loc, type, x);
  };
  if (!is_narrow_float(to)) return convert(to);
  if (holds(Dtype::f32, from)) return emitCast(builder, loc, convert(Dtype::f32), Dtype::f32, to);
  Value wide = holds(Dtype::f64, from) ? convert(Dtype::f64) : longToStickyDouble(builder, loc, x, is_signed(from));
  return doubleToNarrow(builder, loc, wide, to);
}

} // namespace

ScalarEmitter scalarEmitter(OpKind kind) { return scalarEmitters[static_cast<size_t>(kind)]; }

Type elementType(MLIRContext *context, Dtype dtype) {
  Type type = toMlir(context, dtype);
  return type.isInteger() ? IntegerType::get(context, type.getIntOrFloatBitWidth()) : type; // arith wants no signs
}

Value emitCast(OpBuilder &builder, Location loc, Value x, Dtype from, Dtype to) {
  if (from == to) return x;
  Type target = withElement(x.getType(), elementType(builder.getContext(), to));
  ScalarContext s{builder, loc, from};
  if (to == Dtype::boolean) {
    if (is_floating(from)) // unordered: NaN is not 0
      return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, x, scalar::zero(s, x));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, x, scalar::zero(s, x));
  }
  if (from == Dtype::boolean) {
    if (is_floating(to)) return arith::UIToFPOp::create(builder, loc, target, x);
    return arith::ExtUIOp::create(builder, loc, target, x);
  }
  if (is_floating(from) && is_floating(to)) {
    if (holds(to, from)) return arith::ExtFOp::create(builder, loc, target, x);
    if (is_narrow_float(to)) {
      if (from == Dtype::f64) return doubleToNarrow(builder, loc, x, to);
      x = emitCast(builder, loc, x, from, Dtype::f32);
    }
    return arith::TruncFOp::create(builder, loc, target, x);
  }
  if (is_floating(from)) {
    if (is_narrow_float(from)) // exact, and spares targets a conversion they lack
      x = emitCast(builder, loc, x, from, Dtype::f32);
    return floatToInteger(builder, loc, x, to);
  }
  if (is_floating(to)) return integerToFloat(builder, loc, x, from, to);
  if (dtype_info(to).bits == dtype_info(from).bits) // i32 and u32 share theirs
    return x;
  if (dtype_info(to).bits < dtype_info(from).bits) return arith::TruncIOp::create(builder, loc, target, x);
  if (is_signed(from)) return arith::ExtSIOp::create(builder, loc, target, x);
  return arith::ExtUIOp::create(builder, loc, target, x);
}

} // namespace burin::ir
