// What burin_rt_ctx offers, in IR: calls through its table, its state. The only place in code generation that knows the layout
// of burin_rt_ctx.
#pragma once
#include "compiler/codegen/host/Emitter.h"

namespace burin::codegen::host {

/// Calls through burin_rt_ctx, from kernels and from the host program. `Ctx` is the !llvm.ptr argument.
namespace rt {
Value numThreads(Emitter &E, Value Ctx); ///< i64
/// The number of the worker that runs the kernel, below numThreads; i64.
Value worker(Emitter &E, Value Ctx);
/// The call's arena for planned temporaries, 64-byte aligned, or null.
Value arena(Emitter &E, Value Ctx, Value Bytes);
/// `Kind` is a burin_rt_fault_kind, `Op` the OpId's index.
void faultAt(Emitter &E, Value Ctx, int32_t Kind, int32_t Op, Value Index, Value Faulty);
void faultAt(Emitter &E, Value Ctx, int32_t Kind, Value Op, Value Index, Value Faulty);
/// `Buffers` and `Sizes` point to arrays as the kernel expects them.
void parallelFor(Emitter &E, Value Ctx, llvm::StringRef Kernel, Value Buffers, Value Sizes, Value Blocks, Value Grain);
/// Prints a tensor: `Label` and `Shape` are pointers, `Dtype` is a burin_rt_dtype.
void print(Emitter &E, Value Ctx, Value Label, int64_t LabelSize, int32_t Dtype, int32_t Rank, Value Shape, Value Data);
/// Non-zero if a fault has been recorded: i1.
Value faulted(Emitter &E, Value Ctx);
/// Says what the call is refused for: a terminated text, its bytes and those of all temporaries, -1 for too many.
void refuse(Emitter &E, Value Ctx, Value What, Value Bytes, Value Total);
} // namespace rt

} // namespace burin::codegen::host
