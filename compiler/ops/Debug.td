//===- Debug.td - ops that tell what happens ---------------------------------------------------------------------===//
// Effects keep their order within a region, and gradients never repeat them.
#ifndef BURIN_OPS_DEBUG_TD
#define BURIN_OPS_DEBUG_TD

include "compiler/ops/OpBase.td"

def Burin_PrintOp : Burin_Op<"print"> {
  let summary = "Prints a tensor under a label when it is computed.";
  let math = "label = x";
  let example = "print(Tensor({1.0f, 2.0f}), \"x\");";
  let arguments = (ins In<"[...]">:$x, Arg<Burin_TextAttr, "what stands before the value">:$label);
  let results = (outs);
  let constraints_ = [];
  let unconstrained = 1;
  let dtypes = "any -> none";
  let shapeRule = "shape_rules::nothing";
  let reference = "kernel: reference::print";
  let lowering = "host";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "none: it has no result";
  let batching = "none: the lanes have no order";
  let effects = "print";
  let precision = "follow";
  let fusion = "barrier";
  let defaults = "label = \"\"";
}

#endif
