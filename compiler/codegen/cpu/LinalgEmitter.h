// The linalg emitter: the plan of a kernel function on tensors (linalg.generic, fill, tensor.empty) in, vector loops
// over flat memory out. Runs no tiling, vectorising or bufferising pass.
// Must not depend on the burin dialect, passes or the runtime's C++ side.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/codegen/plan/Kernel.h"

namespace burin::codegen::cpu {

// ---- What host programs may rely on ---------------------------------------------------------------------------------
// A kernel named NAME becomes one launch function, whatever happens inside (one parallel loop, a two-stage reduction,
// several phases):
//
//     void NAME(void* const* buffers, const int64_t* sizes, burin_rt_ctx* ctx)
//
// `buffers`: inputs, then results, in the order of the kernel's signature, then its workspace; `sizes`: its trailing index arguments. The
// launch function computes the number of blocks from the sizes, decides the grain, and calls `ctx->parallel_for` (or the
// block function directly when there is too little work); functions of the kernel ABI `NAME.p0`, `NAME.p1`, ... stay
// private to the object. So a host program needs no block counts and no results of parts of reductions.
// How a reduction is split into partial results depends on the sizes only, never on the number of threads.
//
// A result may share memory with an input only where Kernel::InPlace says so: every access to that input is at the
// result's own index, before it is written.
//
// ---- What a kernel function may contain -----------------------------------------------------------------------------
// - tensor arguments and results with `burin.shape` (>= 0 static, -k-1 = size operand k), index arguments last;
// - tensor.empty, linalg.fill, linalg.generic with linear indexing maps, tensor.extract_slice, tensor.extract in bodies;
// - tensor.insert_slice: blocks of the only result are written one after the other; else an element is read from the block
//   that it lies in, whose steps are then 1;
// - bodies of elementwise arith and math ops (scalars; i1 is bool and is one byte in memory), linalg.index;
// - any number of results. Producers are inlined into their users: no intermediate tensor exists in memory;
// - reductions whose body is `combine(acc, f(x...))` with one of addf addi mulf muli minimumf maximumf minsi maxsi minui
//   maxui andi ori, and whose init is a fill with the neutral element. A reduction's result may be used by elementwise
//   ops on its own dims (epilogue), or be broadcast back over the dims that it reduced (softmax and norm patterns): then
//   all results of the kernel agree on which dims are kept. A reduction may not feed a reduction over its kept dims.
// Anything else is refused with a diagnostic at the op.

/// Partial results of split reductions, and what several passes over a row need.
Workspace nestsWorkspace(const KernelPlan &Plan, const CpuTarget &Target);
/// Adds block functions and the launch function to the kernel's module.
void emitNests(const Kernel &K, const KernelPlan &Plan, const CpuTarget &Target);

} // namespace burin::codegen::cpu
