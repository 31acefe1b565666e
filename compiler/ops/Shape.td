//===- Shape.td - ops that move elements without computing -------------------------------------------------------===//
// Sizes are numbers or expressions over named sizes; a rule that cannot know adds a guard.
#ifndef BURIN_OPS_SHAPE_TD
#define BURIN_OPS_SHAPE_TD

include "compiler/ops/OpBase.td"

class Burin_ShapeOp<string mnemonic> : Burin_Op<mnemonic> {
  let batching = "custom";
  let effects = "none";
  let precision = "follow";
  let fusion = "shape";
  let lowering = "linalg";
  let registers = "yes";
  let cheap = "no";
  let inplace = "none";
  let derivative = "linear";
  let dtypes = "any";
}

def Burin_BroadcastToOp : Burin_ShapeOp<"broadcast_to"> {
  let summary = "Repeats a tensor along axes where its size is 1 or that it lacks.";
  let math = "y[..., i, ...] = x[..., 0, ...] along repeated axes";
  let example = "Tensor y = broadcast_to(Tensor({1.0f, 2.0f}), {3, 2});  // [[1, 2], [1, 2], [1, 2]]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_DimListAttr, "the result's shape">:$shape);
  let results = (outs Out<"`shape`">:$result);
  let constraints_ = [C<"shape-mismatch", "aligned at the last axis, each size of x is 1 or that of `shape`">,
                      C<"negative-size", "no size is negative">];
  let shapeRule = "shape_rules::broadcast_to";
  let reference = "kernel: reference::broadcast_to";
  let cheap = "yes";
}

def Burin_ReshapeOp : Burin_ShapeOp<"reshape"> {
  let summary = "Gives the same elements, in row-major order, another shape.";
  let math = "y[j] = x[i] where i and j are the same place in row-major order";
  let example = "Tensor y = reshape(Tensor({1.0f, 2.0f, 3.0f, 4.0f}), {2, -1});  // [[1, 2], [3, 4]]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_DimListAttr, "the result's shape; one size may be -1: what is left">:$shape);
  let results = (outs Out<"`shape`">:$result);
  let constraints_ = [C<"element-count", "both shapes hold the same number of elements">,
                      C<"inferred-size", "at most one size is -1, and the others divide the number of elements">,
                      C<"negative-size", "no other size is negative">];
  let shapeRule = "shape_rules::reshape";
  let reference = "kernel: reference::reshape";
  let cheap = "yes";
  let lowering = "host";  // the same memory under another shape
}

def Burin_TransposeOp : Burin_ShapeOp<"transpose"> {
  let summary = "Reorders the axes; reverses them where no order is given.";
  let math = "y[i_p0, i_p1, ...] = x[i_0, i_1, ...]";
  let example = "Tensor y = transpose(Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}));  // [[1, 3], [2, 4]]";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_AxesAttr, "for each axis of the result, the axis of x that it is">:$permutation);
  let results = (outs Out<"x's sizes, reordered">:$result);
  let constraints_ = [C<"axis", "every axis is from -rank to rank - 1">,
                      C<"permutation", "each axis of x is given once">];
  let shapeRule = "shape_rules::transpose";
  let reference = "kernel: reference::transpose";
  let defaults = "permutation = reversed_axes";
}

def Burin_ConcatenateOp : Burin_ShapeOp<"concatenate"> {
  let summary = "Joins tensors one after the other along an axis.";
  let math = "y = [x_0 ; x_1 ; ...] along axis";
  let example = "Tensor y = concatenate({Tensor({1.0f, 2.0f}), Tensor({3.0f})}, 0);  // [1, 2, 3]";
  let arguments = (ins Ins<"[...], one or more">:$operands, Arg<Burin_AxisAttr, "the axis to join along">:$axis);
  let results = (outs Out<"the operands' shape, with the sum of their sizes along `axis`">:$result);
  let constraints_ = [C<"axis", "the axis is from -rank to rank - 1">,
                      C<"no-operands", "there is at least one operand">,
                      C<"rank-mismatch", "all operands have the same rank">,
                      C<"shape-mismatch", "all sizes but those along the axis are the same">];
  let shapeRule = "shape_rules::concatenate";
  let reference = "kernel: reference::concatenate";
  let registers = "no";
  let lowering = "linalg";
  let fusion = "read";
  let defaults = "axis = 0";
}

def Burin_SliceOp : Burin_ShapeOp<"slice"> {
  let summary = "Takes a block of elements, every so many along each axis.";
  let math = "y[i] = x[starts + i · strides]";
  let example = "Tensor y = slice(Tensor({0.0f, 1.0f, 2.0f, 3.0f}), {1}, {2});  // [1, 2]";
  let arguments = (ins In<"[...]">:$x,
                       Arg<Burin_DimListAttr, "for each axis the first position">:$starts,
                       Arg<Burin_DimListAttr, "the result's shape">:$sizes,
                       Arg<Burin_IntsAttr, "for each axis the step, 1 or more; none given: 1 everywhere">:$strides);
  let results = (outs Out<"`sizes`">:$result);
  let constraints_ = [C<"rank-mismatch", "starts and sizes have an entry for each axis, strides too unless empty">,
                      C<"stride", "every stride is 1 or more">,
                      C<"out-of-bounds", "starts are 0 or more, sizes too, and the last position taken is within x">];
  let shapeRule = "shape_rules::slice";
  let reference = "kernel: reference::slice";
  let fusion = "read";
  let defaults = "strides = {}";
}

def Burin_PadOp : Burin_ShapeOp<"pad"> {
  let summary = "Puts a value around the elements, and between them where asked.";
  let math = "y[low + i · (interior + 1)] = x[i], else value";
  let example = "Tensor y = pad(Tensor({1.0f, 2.0f}), 0.0f, {1}, {2});  // [0, 1, 2, 0, 0]";
  let arguments = (ins In<"[...]">:$x, In<"[]: what fills">:$value,
                       Arg<Burin_DimListAttr, "for each axis how many come before, 0 or more">:$low,
                       Arg<Burin_DimListAttr, "for each axis how many come after, 0 or more">:$high,
                       Arg<Burin_IntsAttr, "for each axis how many come between neighbours; none given: 0 everywhere">:$interior);
  let results = (outs Out<"low + (n - 1)(interior + 1) + 1 + high along an axis of size n, low + high for n = 0">:$result);
  let constraints_ = [C<"rank-mismatch", "low and high have an entry for each axis, interior too unless empty">,
                      C<"scalar", "value has rank 0">,
                      C<"negative-size", "no entry is negative">];
  let shapeRule = "shape_rules::pad";
  let reference = "kernel: reference::pad";
  let registers = "no";
  let lowering = "linalg";
  let fusion = "read";
  let defaults = "interior = {}";
}

#endif
