//===- Reduce.td - ops that combine elements along axes ----------------------------------------------------------===//
// Every reduction has one fixed tree, so results do not depend on the number of threads.
#ifndef BURIN_OPS_REDUCE_TD
#define BURIN_OPS_REDUCE_TD

include "compiler/ops/OpBase.td"

class Burin_Reduce<string mnemonic> : Burin_Op<mnemonic> {
  let arguments = (ins In<"[...]">:$x,
                       Arg<Burin_AxesAttr, "the axes to combine, each once; none of them leaves x as it is">:$axes,
                       Arg<Burin_FlagAttr, "keeps the combined axes with size 1">:$keepdims);
  let results = (outs Out<"x's shape without `axes`, or with size 1 there">:$result);
  let constraints_ = [C<"axis", "every axis is from -rank to rank - 1">,
                      C<"repeated-axis", "no axis is given twice">];
  let shapeRule = "shape_rules::reduce";
  let lowering = "linalg";
  let registers = "yes";
  let cheap = "no";
  let inplace = "none";
  let derivative = "custom";
  let batching = "custom";
  let effects = "none";
  let fusion = "reduce";
  let defaults = "axes = all_axes, keepdims = false";
}

def Burin_ReduceSumOp : Burin_Reduce<"reduce_sum"> {
  let summary = "Adds up the elements along axes.";
  let math = "y = Σ x over axes; 0 where there is nothing to add";
  let example = "Tensor y = reduce_sum(Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}), -1);  // [3, 7]";
  let dtypes = "numeric";
  let reference = "kernel: reference::reduce_sum";
  let derivative = "linear";
  let precision = "accumulate";
}

def Burin_ReduceMaxOp : Burin_Reduce<"reduce_max"> {
  let summary = "Takes the greatest element along axes; NaN if one is NaN.";
  let math = "y = max x over axes; -inf, or the least integer, where there is nothing to compare";
  let example = "Tensor y = reduce_max(Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}), 0);  // [3, 4]";
  let dtypes = "numeric";
  let reference = "kernel: reference::reduce_max";
  let precision = "follow";
}

def Burin_ArgminOp : Burin_Op<"argmin"> {
  let summary = "Finds the position of the least element along an axis: the first of several, or the first NaN.";
  let math = "y = argmin x along axis";
  let example = "Tensor y = argmin(Tensor({{3.0f, 1.0f}, {2.0f, 4.0f}}), -1);  // [1, 0]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_AxisAttr, "the axis to search">:$axis);
  let results = (outs Out<"x's shape without `axis`">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">,
                      C<"empty-axis", "x's size along the axis is not 0">];
  let dtypes = "numeric -> i64";
  let shapeRule = "shape_rules::argmin";
  let reference = "kernel: reference::argmin";
  let lowering = "linalg";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "none: its result is a position";
  let batching = "custom";
  let effects = "none";
  let precision = "follow";
  let fusion = "barrier";
}

def Burin_CumsumOp : Burin_Op<"cumsum"> {
  let summary = "Adds up the elements along an axis, keeping every partial sum.";
  let math = "y[i] = Σ x[j] over j ≤ i; exclusive: j < i; reverse: from the other end";
  let example = "Tensor y = cumsum(Tensor({1.0f, 2.0f, 3.0f}));  // [1, 3, 6]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_AxisAttr, "the axis to add along">:$axis,
                       Arg<Burin_FlagAttr, "leaves out the element itself, so that the first sum is 0">:$exclusive,
                       Arg<Burin_FlagAttr, "starts at the last element">:$reverse);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">];
  let dtypes = "numeric";
  let shapeRule = "shape_rules::cumsum";
  let reference = "kernel: reference::cumsum";
  let lowering = "loops";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "linear";
  let batching = "custom";
  let effects = "none";
  let precision = "accumulate";
  let fusion = "barrier";
  let defaults = "axis = 0, exclusive = false, reverse = false";
}

#endif
