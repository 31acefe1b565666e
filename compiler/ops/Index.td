//===- Index.td - ops whose positions are data -------------------------------------------------------------------===//
// An index out of range is a fault: the call fails, and meanwhile the nearest position is taken. None counts from the end.
#ifndef BURIN_OPS_INDEX_TD
#define BURIN_OPS_INDEX_TD

include "compiler/ops/OpBase.td"

class Burin_IndexOp<string mnemonic> : Burin_Op<mnemonic> {
  let lowering = "loops";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "linear";
  let batching = "custom";
  let effects = "may_fault";
  let precision = "follow";
  let fusion = "barrier";
  let defaults = "axis = 0";
}

def Burin_GatherOp : Burin_IndexOp<"gather"> {
  let summary = "Takes the slices at given positions along an axis.";
  let description = [{
    NumPy's `take`, but an index must be from 0 to n - 1: any other is a fault.
  }];
  let math = "y[..., j, ...] = x[..., indices[j], ...]";
  let example = "Tensor y = gather(Tensor({10.0f, 20.0f, 30.0f}), Tensor({2, 0}));  // [30, 10]";
  let arguments = (ins In<"[..., n, ...]">:$x, In<"[j...]: positions along `axis`">:$indices,
                       Arg<Burin_AxisAttr, "the axis to take along">:$axis);
  let results = (outs Out<"x's shape with `axis` replaced by the axes of indices">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">,
                      C<"rank", "the result's rank is 8 or less">,
                      C<"empty-axis", "x's size along the axis is not 0, unless there are no indices">];
  let dtypes = "any, index";
  let shapeRule = "shape_rules::gather";
  let reference = "kernel: reference::gather";
}

def Burin_ScatterAddOp : Burin_IndexOp<"scatter_add"> {
  let summary = "Adds slices to a tensor at given positions along an axis; equal positions add up.";
  let math = "y = x; y[..., indices[j], ...] += updates[..., j, ...]";
  let example = "Tensor y = scatter_add(Tensor({0.0f, 0.0f}), Tensor({1, 1}), Tensor({3.0f, 4.0f}));  // [0, 7]";
  let arguments = (ins In<"[..., n, ...]">:$x, In<"[j...]: positions along `axis`">:$indices,
                       In<"[..., j..., ...]: x's shape with `axis` replaced by the axes of indices">:$updates,
                       Arg<Burin_AxisAttr, "the axis to add along">:$axis);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">,
                      C<"shape-mismatch", "updates has x's shape with the axis replaced by the axes of indices">,
                      C<"empty-axis", "x's size along the axis is not 0, unless there are no indices">];
  let dtypes = "numeric, index, numeric";
  let shapeRule = "shape_rules::scatter_add";
  let reference = "kernel: reference::scatter_add";
  let inplace = "x";
  let precision = "accumulate";
}

def Burin_ScatterOp : Burin_IndexOp<"scatter"> {
  let summary = "Replaces slices of a tensor at given positions along an axis; of equal positions the last one stays.";
  let math = "y = x; y[..., indices[j], ...] = updates[..., j, ...]";
  let example = "Tensor y = scatter(Tensor({1.0f, 2.0f, 3.0f}), Tensor({2, 0}), Tensor({7.0f, 8.0f}));  // [8, 2, 7]";
  let arguments = (ins In<"[..., n, ...]">:$x, In<"[j...]: positions along `axis`">:$indices,
                       In<"[..., j..., ...]: x's shape with `axis` replaced by the axes of indices">:$updates,
                       Arg<Burin_AxisAttr, "the axis to replace along">:$axis);
  let results = (outs Out<"x's shape">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">,
                      C<"shape-mismatch", "updates has x's shape with the axis replaced by the axes of indices">,
                      C<"empty-axis", "x's size along the axis is not 0, unless there are no indices">];
  let dtypes = "any, index, any";
  let shapeRule = "shape_rules::scatter";
  let reference = "kernel: reference::scatter";
  let inplace = "x";
}

#endif
