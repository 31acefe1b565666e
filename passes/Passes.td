//===- Passes.td - the passes on the burin dialect ----------------------------------------------------------------===//
// File, class, flag and test of a pass have one name: FuseKernels.cpp, FuseKernels, --fuse-kernels, fuse-kernels.mlir.
// Their order, and the reason for it, stands in compiler/driver/Pipeline.cpp.
#ifndef BURIN_PASSES_TD
#define BURIN_PASSES_TD

include "mlir/Pass/PassBase.td"


def FuseKernels : Pass<"fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Groups ops into `burin.fusion` regions: one region is one kernel";
  let description = [{
    Elementwise ops join with their neighbours, read broadcast and transposed inputs in place, and take in a reduction over
    the same elements and what follows it on the kept axes. A kernel may have several results. What is left outside is
    what the host program does itself: constants, reshapes, prints, control flow.

    Before: `burin.add`, `burin.exp`, `burin.reduce_sum`. After: one `burin.fusion "add_exp_reduce_sum"`.
  }];
  let options = [
    Option<"single", "single", "bool", "false", "every op is a kernel of its own (level no_fuse)">,
    Option<"explain", "explain", "bool", "true", "emit a remark for every decision">,
  ];
}

def OutlineKernels : Pass<"outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Moves each fusion to a function of the module `@kernels`; equal ones share a function";
  let description = [{
    A kernel function takes the fusion's inputs, then one index for every size that is no number; `burin.shape` of an
    argument or result says which (`-k-1` is size operand k). `burin.inplace` lists the (input, result) pairs that may be
    one buffer.

    Before: `burin.fusion "add"`. After: `burin.launch @add_0(%a, %b) sizes #burin.dims<["n"]>`.
  }];
}


#endif
