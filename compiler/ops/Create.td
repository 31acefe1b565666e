//===- Create.td - ops that make a tensor from attributes alone --------------------------------------------------===//
// No operands: result types come from the attributes. Code for them is written beside this file (Create.cpp).
#ifndef BURIN_OPS_CREATE_TD
#define BURIN_OPS_CREATE_TD

include "compiler/ops/OpBase.td"

def Burin_ConstantOp : Burin_Op<"constant"> {
  let summary = "Holds a tensor known while tracing.";
  let description = [{
    Its bytes are shared and known by digest; above 64 elements they stay outside the compiler and are passed to kernels.
    Made by the constructors of `Tensor`, so there is no public function.
  }];
  let math = "y = value";
  let example = "Tensor y = Tensor({1.0f, 2.0f}) + 1.0f;  // both operands are constants of a trace";
  let arguments = (ins Arg<Burin_ConstantAttr, "the tensor">:$value);
  let results = (outs Out<"value's shape">:$result);
  let constraints_ = [];
  let unconstrained = 1;
  let dtypes = "-> attribute";
  let shapeRule = "shape_rules::constant";
  let reference = "kernel: reference::constant";
  let lowering = "linalg";
  let registers = "yes";
  let cheap = "yes";
  let inplace = "none";
  let derivative = "none: it has no operands";
  let batching = "none: it has no operands";
  let effects = "none";
  let precision = "follow";
  let fusion = "map";
  let hidden = 1;
}

def Burin_IotaOp : Burin_Op<"iota"> {
  let summary = "Counts 0, 1, 2, … along an axis.";
  let math = "y[i] = i[axis]";
  let example = "Tensor y = iota({2, 3}, 1, f32);  // [[0, 1, 2], [0, 1, 2]]";
  let arguments = (ins Arg<Burin_DimListAttr, "the result's shape">:$shape,
                       Arg<Burin_AxisAttr, "the axis along which it counts, from 0 to rank - 1">:$axis,
                       Arg<Burin_DtypeAttr, "the result's dtype, not bool">:$dtype);
  let results = (outs Out<"`shape`">:$result);
  let constraints_ = [C<"axis", "the axis is from 0 to rank - 1">,
                      C<"dtype", "the dtype is not bool">,
                      C<"negative-size", "no size is negative">];
  let dtypes = "-> attribute";
  let shapeRule = "shape_rules::iota";
  let reference = "kernel: reference::iota";
  let lowering = "linalg";
  let registers = "yes";
  let cheap = "yes";
  let inplace = "none";
  let derivative = "none: it has no operands";
  let batching = "none: it has no operands";
  let effects = "none";
  let precision = "follow";
  let fusion = "map";
  let defaults = "axis = 0, dtype = i64";
}

#endif
