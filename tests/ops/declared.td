//===- declared.td - ops of forms that the catalogue's own do not have yet ---------------------------------------===//
// Read by burin-tblgen as the catalogue is; tests compile and run what it makes of them. No op of the library.
include "compiler/ops/OpBase.td"

class Declared<string mnemonic> : Burin_Op<mnemonic, [SameVariadicOperandSize]> {
  let lowering = "loops";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "none: it is a test's";
  let batching = "none: it is a test's";
  let effects = "none";
  let precision = "follow";
  let fusion = "barrier";
}

def Burin_BlendOp : Declared<"blend"> {
  let summary = "Scales and shifts elements, in either order.";
  let math = "y = x · scale + bias, or (x + bias) · scale";
  let example = "Tensor y = blend(Tensor({1.0f}), Tensor({2.0f}));";
  let arguments = (ins In<"[n]">:$x, Opt<"[n]: factors">:$scale, Opt<"[n]: terms">:$bias,
                       Arg<Burin_EnumAttr<"BlendOrder", ["scale_first: x · scale + bias", "bias_first: (x + bias) · scale"]>,
                           "which comes first">:$order,
                       Arg<Burin_IntAttr, "how often">:$times);
  let results = (outs Out<"[n]">:$result);
  let constraints_ = [C<"shape-mismatch", "all have x's shape">];
  let dtypes = "float";
  let shapeRule = "shape_rules::blend";
  let reference = "kernel: reference::blend";
  let defaults = "order = BlendOrder::scale_first, times = 1";
}

def Burin_LeastWithPositionOp : Declared<"least_with_position"> {
  let summary = "Finds the least element and where it is.";
  let math = "y = min x; p = argmin x";
  let example = "Tensor y = least_with_position(Tensor({1.0f})).value;";
  let arguments = (ins In<"[n]">:$x);
  let results = (outs Out<"[]: the least">:$value, Out<"[]: its position">:$position);
  let constraints_ = [];
  let unconstrained = 1;
  let dtypes = "numeric -> T, i64";
  let shapeRule = "shape_rules::least_with_position";
  let reference = "kernel: reference::least_with_position";
}
