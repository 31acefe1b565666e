//===- Contract.td - ops that multiply and add along a shared axis -----------------------------------------------===//
// Lowered by the emitters of compiler/codegen; the catalogue only says what they mean.
#ifndef BURIN_OPS_CONTRACT_TD
#define BURIN_OPS_CONTRACT_TD

include "compiler/ops/OpBase.td"

def Burin_MatmulOp : Burin_Op<"matmul"> {
  let summary = "Multiplies matrices, or batches of them with broadcasting.";
  let description = [{
    Vectors are not promoted: give them a second axis with `reshape`.
  }];
  let math = "y[..., i, j] = Σ_p lhs[..., i, p] · rhs[..., p, j]";
  let example = "Tensor y = matmul(Tensor({{1.0f, 2.0f}}), Tensor({{3.0f}, {4.0f}}));  // [[11]]";
  let arguments = (ins In<"[..., m, k]">:$lhs, In<"[..., k, n]">:$rhs);
  let results = (outs Out<"[..., m, n], the leading axes broadcast">:$result);
  let constraints_ = [C<"rank", "both operands have rank 2 or more">,
                      C<"shape-mismatch", "lhs's last size equals rhs's last but one; the leading axes broadcast">];
  let dtypes = "numeric";
  let shapeRule = "shape_rules::matmul";
  let reference = "kernel: reference::matmul";
  let lowering = "library: matmul";
  let registers = "no";
  let cheap = "no";
  let inplace = "none";
  let derivative = "custom";
  let batching = "custom";
  let effects = "none";
  let precision = "accumulate";
  let fusion = "heavy";
}

#endif
