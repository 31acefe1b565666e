//===- Passes.td - the passes on the burin dialect ----------------------------------------------------------------===//
// File, class, flag and test of a pass have one name: FuseKernels.cpp, FuseKernels, --fuse-kernels, fuse-kernels.mlir.
// Their order, and the reason for it, stands in compiler/driver/Pipeline.cpp.
#ifndef BURIN_PASSES_TD
#define BURIN_PASSES_TD

include "mlir/Pass/PassBase.td"

def Prune : Pass<"prune", "::mlir::ModuleOp"> {
  let summary = "Removes what does not change the result: constants are folded, equal ops merged, unused ones dropped";
  let description = [{
    Small constants are folded by the referee, so a folded value is what eager execution gives. Identities are those that
    hold for every value under our numerics (`x - 0`, `x * 1`, not `x + 0` for floats: -0 + 0 is 0). Branches with a known
    condition are inlined; results, carried values and inputs of regions that nobody uses are dropped. Ops with effects
    stay, and stay in order.

    Before: `%1 = burin.mul %x, %one; %2 = burin.exp %x` with `%2` unused. After: uses of `%1` use `%x`.
  }];
}

def FuseKernels : Pass<"fuse-kernels", "::mlir::ModuleOp"> {
  let summary = "Groups ops into `burin.fusion` regions: one region is one kernel";
  let description = [{
    Elementwise ops join with their neighbours, read broadcast and transposed inputs in place, and take in a reduction over
    the same elements and what follows it on the kept axes. Matrix products read transposed operands where they are. A kernel
    may have several results. A loop over few scalars is one kernel, branches and loops within it included. What is left
    outside is what the host program does itself: constants, reshapes, prints, other control flow.

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
    argument or result says which (`-k-1` is size operand k).

    Before: `burin.fusion "add"`. After: `burin.launch @add_0(%a, %b) sizes #burin.dims<["n"]>`.
  }];
}

def CheckValues : Pass<"check-values", "::mlir::ModuleOp"> {
  let summary = "Check mode: launches kernels that look for NaN and division by zero";
  let description = [{
    Behind each kernel whose op may make a NaN one that reads its result; before each integer division one that reads its
    divisor. They have no results, and a fault names the op.

    Before: `burin.launch @log_0(%x)`. After: the same, then `burin.launch @check_nan_f32(%0) … may_fault`.
  }];
}

def PlanMemory : Pass<"plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every tensor a place and turns @main into the host program";
  let description = [{
    Results are computed where the caller wants them; other values live in one arena at offsets chosen by liveness, in
    regions too. A kernel writes over an input that is not read again where its `burin.inplace` allows it. Writes to state
    come after its last read and after the check for faults.

    Before: `@main` on tensors. After: `@burin_entry` on `!burin_host.buffer`s.
  }];
  let dependentDialects = ["::burin::ir::host::BurinHostDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect"];
}

#endif
