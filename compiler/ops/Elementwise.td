//===- Elementwise.td - ops that compute each element by itself -------------------------------------------------===//
// One entry is the whole op: nothing else is written by hand but its record in tests/conformance/goldens. The fields
// `reference` and `lowering` are written independently of each other; never derive one from the other.
#ifndef BURIN_OPS_ELEMENTWISE_TD
#define BURIN_OPS_ELEMENTWISE_TD

include "compiler/ops/OpBase.td"

class Burin_Elementwise<string mnemonic> : Burin_Op<mnemonic> {
  let results = (outs Out<"the operands' broadcast shape">:$result);
  let shapeRule = "shape_rules::broadcast";
  let batching = "elementwise";
  let effects = "none";
  let precision = "follow";
  let fusion = "map";
}

class Burin_Unary<string mnemonic> : Burin_Elementwise<mnemonic> {
  let arguments = (ins In<"[...]">:$x);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [];
  let unconstrained = 1;
}

class Burin_Binary<string mnemonic> : Burin_Elementwise<mnemonic> {
  let arguments = (ins In<"[...]">:$a, In<"[...]">:$b);
  let constraints_ = [C<"shape-mismatch", "the shapes of a and b broadcast: aligned at the last axis, sizes are equal or one is 1">];
}

// -- Arithmetic ----------------------------------------------------------------------------------------------------
def Burin_AddOp : Burin_Binary<"add"> {
  let summary = "Adds element by element, with broadcasting.";
  let math = "y = a + b";
  let example = "Tensor y = add(Tensor({1.0f, 2.0f}), 1.0f);  // [2, 3]; also a + b";
  let dtypes = "numeric";
  let reference = "a + b";
  let lowering = "float: arith::AddFOp(a, b); int: arith::AddIOp(a, b)";
  let derivative = "a: g; b: g";
}

def Burin_SubOp : Burin_Binary<"sub"> {
  let summary = "Subtracts element by element, with broadcasting.";
  let math = "y = a - b";
  let example = "Tensor y = sub(Tensor({1.0f, 2.0f}), 1.0f);  // [0, 1]; also a - b";
  let dtypes = "numeric";
  let reference = "a - b";
  let lowering = "float: arith::SubFOp(a, b); int: arith::SubIOp(a, b)";
  let derivative = "a: g; b: -g";
}

def Burin_MulOp : Burin_Binary<"mul"> {
  let summary = "Multiplies element by element, with broadcasting.";
  let math = "y = a · b";
  let example = "Tensor y = mul(Tensor({1.0f, 2.0f}), 3.0f);  // [3, 6]; also a * b";
  let dtypes = "numeric";
  let reference = "a * b";
  let lowering = "float: arith::MulFOp(a, b); int: arith::MulIOp(a, b)";
  let derivative = "a: g * b; b: g * a";
}

def Burin_DivOp : Burin_Binary<"div"> {
  let summary = "Divides element by element, with broadcasting.";
  let description = [{
    Integers round toward zero, and division by zero gives 0 (a fault in check mode); the least integer divided by -1 is
    itself. Floating-point division is IEEE's.
  }];
  let math = "y = a / b";
  let example = "Tensor y = div(Tensor({1.0f, 3.0f}), 2.0f);  // [0.5, 1.5]; also a / b";
  let dtypes = "numeric";
  let reference = "a / b";
  let lowering = "float: arith::DivFOp(a, b); signed: scalar::divideSigned(s, a, b); unsigned: scalar::divideUnsigned(s, a, b)";
  let derivative = "a: g / b; b: -g * y / b";
}

def Burin_NegOp : Burin_Unary<"neg"> {
  let summary = "Negates each element.";
  let description = [{Unsigned integers wrap.}];
  let math = "y = -x";
  let example = "Tensor y = neg(Tensor({1.0f, -2.0f}));  // [-1, 2]; also -x";
  let dtypes = "numeric";
  let reference = "-x";
  let lowering = "float: arith::NegFOp(x); int: arith::SubIOp(scalar::zero(s, x), x)";
  let derivative = "x: -g";
}

def Burin_MaxOp : Burin_Binary<"max"> {
  let summary = "Takes the greater element, with broadcasting; NaN if either is NaN.";
  let math = "y = max(a, b)";
  let example = "Tensor y = max(Tensor({-1.0f, 2.0f}), 0.0f);  // [0, 2]";
  let dtypes = "numeric";
  let reference = "maximum(a, b)";
  let lowering = "float: arith::MaximumFOp(a, b); signed: arith::MaxSIOp(a, b); unsigned: arith::MaxUIOp(a, b)";
  let derivative = "a: where(less(b, a), g, where(equal(a, b), g * 0.5f, 0)); b: where(less(a, b), g, where(equal(a, b), g * 0.5f, 0))";
}

def Burin_MinOp : Burin_Binary<"min"> {
  let summary = "Takes the lesser element, with broadcasting; NaN if either is NaN.";
  let math = "y = min(a, b)";
  let example = "Tensor y = min(Tensor({-1.0f, 2.0f}), 0.0f);  // [-1, 0]";
  let dtypes = "numeric";
  let reference = "minimum(a, b)";
  let lowering = "float: arith::MinimumFOp(a, b); signed: arith::MinSIOp(a, b); unsigned: arith::MinUIOp(a, b)";
  let derivative = "a: where(less(a, b), g, where(equal(a, b), g * 0.5f, 0)); b: where(less(b, a), g, where(equal(a, b), g * 0.5f, 0))";
}

// -- Functions -----------------------------------------------------------------------------------------------------
def Burin_ExpOp : Burin_Unary<"exp"> {
  let summary = "Raises e to each element.";
  let math = "y = e^x";
  let example = "Tensor y = exp(Tensor({0.0f, 1.0f}));  // [1, 2.71828]";
  let dtypes = "float";
  let reference = "std::exp(x)";
  let lowering = "float: math::ExpOp(x)";
  let derivative = "x: g * y";
  let precision = "full";
}

def Burin_LogOp : Burin_Unary<"log"> {
  let summary = "Takes the natural logarithm of each element.";
  let description = [{0 gives -inf, a negative number NaN.}];
  let math = "y = ln x";
  let example = "Tensor y = log(Tensor({1.0f, 2.0f}));  // [0, 0.693147]";
  let dtypes = "float";
  let reference = "std::log(x)";
  let lowering = "float: math::LogOp(x)";
  let derivative = "x: g / x";
  let precision = "full";
}

def Burin_SqrtOp : Burin_Unary<"sqrt"> {
  let summary = "Takes the square root of each element, correctly rounded.";
  let math = "y = √x";
  let example = "Tensor y = sqrt(Tensor({4.0f, 2.0f}));  // [2, 1.41421]";
  let dtypes = "float";
  let reference = "std::sqrt(x)";
  let lowering = "float: math::SqrtOp(x)";
  let derivative = "x: g * 0.5f / y";
  let precision = "full";
}

def Burin_RsqrtOp : Burin_Unary<"rsqrt"> {
  let summary = "Takes the reciprocal of each element's square root.";
  let description = [{0 gives inf (-0: -inf), a negative number NaN.}];
  let math = "y = 1 / √x";
  let example = "Tensor y = rsqrt(Tensor({4.0f, 2.0f}));  // [0.5, 0.707107]";
  let dtypes = "float";
  let reference = "1 / std::sqrt(x)";
  let lowering = "float: arith::DivFOp(scalar::number(s, x, 1.0), math::SqrtOp(x))";
  let derivative = "x: g * -0.5f * y / x";
  let precision = "full";
}

def Burin_PowOp : Burin_Binary<"pow"> {
  let summary = "Raises each element of a to the power of b's, with broadcasting.";
  let description = [{
    Edges are those of IEEE 754's pow: a negative number to a power that is not whole gives NaN, anything to the power 0
    and 1 to any power give 1. The derivative by b takes 0 for ln 0, so that it is 0 where a is 0 and b is positive.
  }];
  let math = "y = a^b";
  let example = "Tensor y = pow(Tensor({2.0f, 9.0f}), Tensor({3.0f, 0.5f}));  // [8, 3]";
  let dtypes = "float";
  let reference = "std::pow(a, b)";
  let lowering = "float: scalar::power(s, a, b)";
  let derivative = "a: g * b * pow(a, where(equal(b, 0), 1, b) - 1.0f); b: g * y * log(where(equal(a, 0), 1, a))";
  let precision = "full";
}

def Burin_TanhOp : Burin_Unary<"tanh"> {
  let summary = "Takes the hyperbolic tangent of each element.";
  let math = "y = tanh x";
  let example = "Tensor y = tanh(Tensor({0.0f, 1.0f}));  // [0, 0.761594]";
  let dtypes = "float";
  let reference = "std::tanh(x)";
  let lowering = "float: math::TanhOp(x)";
  let derivative = "x: g * (1.0f - y * y)";
  let precision = "full";
}

def Burin_SigmoidOp : Burin_Unary<"sigmoid"> {
  let summary = "Takes the logistic function of each element, accurate where e^-x would overflow.";
  let math = "y = 1 / (1 + e^-x)";
  let example = "Tensor y = sigmoid(Tensor({0.0f, 2.0f}));  // [0.5, 0.880797]";
  let dtypes = "float";
  let reference = "x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x))";
  let lowering = "float: scalar::sigmoid(s, x)";
  let derivative = "x: g * y * (1.0f - y)";
  let precision = "full";
}

def Burin_SoftplusOp : Burin_Unary<"softplus"> {
  let summary = "Takes log(1 + e^x) of each element: a smooth relu, accurate where e^x would overflow or vanish.";
  let math = "y = log(1 + e^x)";
  let example = "Tensor y = softplus(Tensor({0.0f, 100.0f}));  // [0.693147, 100]";
  let dtypes = "float";
  let reference = "x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x))";
  let lowering = "float: arith::AddFOp(arith::MaximumFOp(x, scalar::number(s, x, 0.0)), scalar::log1p(s, math::ExpOp(arith::NegFOp(math::AbsFOp(x)))))";
  let derivative = "x: g * exp(min(x, 0.0f)) / (1.0f + exp(-abs(x)))";
  let precision = "full";
}

def Burin_StopGradientOp : Burin_Unary<"stop_gradient"> {
  let summary = "Gives the same elements; no derivative flows through.";
  let math = "y = x; dy = 0";
  let example = "Tensor y = grad([](const Tensor& x) { return x * stop_gradient(x); })(Tensor(3.0f));  // 3";
  let dtypes = "any";
  let reference = "x";
  let lowering = "any: x";
  let derivative = "x: none";
}

def Burin_AbsOp : Burin_Unary<"abs"> {
  let summary = "Takes the absolute value of each element.";
  let description = [{The least signed integer is its own absolute value. The derivative at 0 is 0.}];
  let math = "y = |x|";
  let example = "Tensor y = abs(Tensor({-1.0f, 2.0f}));  // [1, 2]";
  let dtypes = "numeric";
  let reference = "absolute(x)";
  let lowering = "float: math::AbsFOp(x); signed: math::AbsIOp(x); unsigned: x";
  let derivative = "x: where(less(x, 0), -g, where(equal(x, 0), 0, g))";
}

def Burin_ReluOp : Burin_Unary<"relu"> {
  let summary = "Takes each element that is above 0, else 0; NaN stays.";
  let description = [{An op of its own and not max(x, 0), whose derivative at 0 would be half: the derivative at 0 is 0.}];
  let math = "y = max(x, 0)";
  let example = "Tensor y = relu(Tensor({-1.0f, 2.0f}));  // [0, 2]";
  let dtypes = "numeric";
  let reference = "maximum(x, std::decay_t<decltype(x)>())";
  let lowering = "float: arith::MaximumFOp(x, scalar::number(s, x, 0.0)); signed: arith::MaxSIOp(x, scalar::number(s, x, 0.0)); unsigned: x";
  let derivative = "x: where(less(0, x), g, 0)";
}

def Burin_FloorOp : Burin_Unary<"floor"> {
  let summary = "Rounds each element down to a whole number.";
  let math = "y = ⌊x⌋";
  let example = "Tensor y = floor(Tensor({1.5f, -1.5f}));  // [1, -2]";
  let dtypes = "float";
  let reference = "std::floor(x)";
  let lowering = "float: math::FloorOp(x)";
  let derivative = "x: none";  // constant between whole numbers
}

// -- Comparison and choice -----------------------------------------------------------------------------------------
def Burin_LessOp : Burin_Binary<"less"> {
  let summary = "Tells where a is less than b, with broadcasting; never for NaN.";
  let math = "y = a < b";
  let example = "Tensor y = less(Tensor({1.0f, 3.0f}), 2.0f);  // [true, false]; also a < b";
  let dtypes = "numeric -> bool";
  let reference = "a < b";
  let lowering = "float: arith::CmpFOp(arith::CmpFPredicate::OLT, a, b); signed: arith::CmpIOp(arith::CmpIPredicate::slt, a, b); unsigned: arith::CmpIOp(arith::CmpIPredicate::ult, a, b)";
  let derivative = "none: its result is bool";
}

def Burin_EqualOp : Burin_Binary<"equal"> {
  let summary = "Tells where a equals b, with broadcasting; never for NaN.";
  let math = "y = a = b";
  let example = "Tensor y = equal(Tensor({1, 2}), 2);  // [false, true]; also a == b";
  let dtypes = "any -> bool";
  let reference = "a == b";
  let lowering = "float: arith::CmpFOp(arith::CmpFPredicate::OEQ, a, b); int: arith::CmpIOp(arith::CmpIPredicate::eq, a, b); bool: arith::CmpIOp(arith::CmpIPredicate::eq, a, b)";
  let derivative = "none: its result is bool";
}

def Burin_LogicalAndOp : Burin_Binary<"logical_and"> {
  let summary = "Tells where both a and b hold, with broadcasting.";
  let math = "y = a ∧ b";
  let example = "Tensor y = logical_and(Tensor({true, false}), true);  // [true, false]; also a & b";
  let dtypes = "bool -> bool";
  let reference = "a && b";
  let lowering = "bool: arith::AndIOp(a, b)";
  let derivative = "none: its result is bool";
}

def Burin_LogicalOrOp : Burin_Binary<"logical_or"> {
  let summary = "Tells where a or b or both hold, with broadcasting.";
  let math = "y = a ∨ b";
  let example = "Tensor y = logical_or(Tensor({true, false}), false);  // [true, false]; also a | b";
  let dtypes = "bool -> bool";
  let reference = "a || b";
  let lowering = "bool: arith::OrIOp(a, b)";
  let derivative = "none: its result is bool";
}

def Burin_LogicalNotOp : Burin_Unary<"logical_not"> {
  let summary = "Tells where x does not hold.";
  let math = "y = ¬x";
  let example = "Tensor y = logical_not(Tensor({true, false}));  // [false, true]; also !x";
  let dtypes = "bool -> bool";
  let reference = "!x";
  let lowering = "bool: arith::XOrIOp(x, scalar::allOnes(s, x))";
  let derivative = "none: its result is bool";
}

def Burin_WhereOp : Burin_Elementwise<"where"> {
  let summary = "Takes a where the condition holds and b elsewhere, with broadcasting.";
  let math = "y = cond ? a : b";
  let example = "Tensor x = {1.0f, -2.0f};\nTensor y = where(x < 0.0f, 0.0f, x);  // [1, 0]";
  let arguments = (ins In<"[...]">:$cond, In<"[...]">:$a, In<"[...]">:$b);
  let constraints_ = [C<"shape-mismatch", "the shapes of cond, a and b broadcast: aligned at the last axis, sizes are equal or one is 1">];
  let dtypes = "bool, any, any";
  let reference = "cond ? a : b";
  let lowering = "any: arith::SelectOp(cond, a, b)";
  let derivative = "cond: none; a: where(cond, g, 0); b: where(cond, 0, g)";
}

/// Written out: the result's dtype is an attribute, so its loops and its lowering are functions.
def Burin_CastOp : Burin_Op<"cast"> {
  let summary = "Converts each element to another dtype.";
  let description = [{
    To a floating-point dtype: rounded to nearest even. From floating point to an integer: toward zero, saturating, NaN
    gives 0. Between integers: modulo 2^bits. To bool: whether it is not 0 (NaN is not). From bool: 0 or 1.
  }];
  let math = "y = x as dtype";
  let example = "Tensor y = cast(Tensor({1.5f, -3.7f}), i32);  // [1, -3]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_DtypeAttr, "the result's dtype">:$dtype);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [];
  let unconstrained = 1;
  let dtypes = "any -> attribute";
  let shapeRule = "shape_rules::broadcast";
  let reference = "kernel: reference::cast";
  let lowering = "linalg";
  let registers = "yes";
  let cheap = "no";
  let inplace = "none";
  let derivative = "custom";
  let batching = "elementwise";
  let effects = "none";
  let precision = "follow";
  let fusion = "map";
}

#endif
