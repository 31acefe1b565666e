//===- Elementwise.td - ops that compute each element by itself -------------------------------------------------===//
// One entry is the whole op: nothing else is written by hand but its row in tests/ops/records. The fields `reference`
// and `lowering` are written independently of each other; never derive one from the other.
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

def Burin_AddOp : Burin_Binary<"add"> {
  let summary = "Adds element by element, with broadcasting.";
  let math = "y = a + b";
  let example = "Tensor y = add(Tensor({1.0f, 2.0f}), 1.0f);  // [2, 3]; also a + b";
  let dtypes = "numeric";
  let reference = "a + b";
  let lowering = "float: arith::AddFOp(a, b); int: arith::AddIOp(a, b)";
  let derivative = "a: g; b: g";
}

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

#endif
