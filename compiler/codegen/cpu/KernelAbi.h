// The kernel ABI in IR: builds block functions `void k(void* const* buffers, const int64_t* sizes, i64 begin, i64 end,
// ctx*)` and launch functions `void NAME(void* const* buffers, const int64_t* sizes, ctx*)` (see LinalgEmitter.h), and
// calls what burin_rt_ctx offers. The only place in code generation that knows the layout of burin_rt_ctx.
// Must not know any op or instruction set.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"

#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::cpu {

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
} // namespace rt

/// Opens a block function in `Module` and gives its arguments as values. Write the body with `E`, then finish().
class KernelBuilder {
public:
  Emitter E;

  /// `Elements`: for each buffer (inputs, then destinations) the element type in memory; `NumSizes`: size operands;
  /// `Order`: which entry of the kernel's table each buffer is, if not its own number.
  KernelBuilder(mlir::ModuleOp Module, llvm::StringRef Name, llvm::ArrayRef<Type> Elements, unsigned NumSizes,
                const CpuTarget &Target, std::optional<mlir::Location> Loc = std::nullopt,
                llvm::ArrayRef<unsigned> Order = {});

  /// Loaded from the table where the function starts, if it is used at all: a kernel of many parts has many buffers.
  const Buffer &buffer(unsigned I);
  Value size(unsigned I) const { return Sizes[I]; }
  Value begin() const { return Begin; }
  Value end() const { return End; }
  Value ctx() const { return Ctx; }
  /// The worker's own stretch of buffer `I`, which has `Bytes` for each (codegen/plan/Size.h: Workspace); 64-byte aligned.
  Buffer ownStretch(unsigned I, Value Bytes);
  void faultAt(int32_t Kind, int32_t Op, Value Index, Value Faulty) { rt::faultAt(E, Ctx, Kind, Op, Index, Faulty); }
  /// Ends the function. The Emitter may not be used afterwards.
  mlir::LLVM::LLVMFuncOp finish();

private:
  mlir::LLVM::LLVMFuncOp Func;
  llvm::SmallVector<Buffer> Buffers;
  llvm::SmallVector<unsigned> Entries; ///< of the kernel's table, by buffer
  Values Sizes;
  Value Begin, End, Ctx;
};

/// Opens a launch function in `Module`: computes block counts from the sizes and runs block functions.
class LaunchBuilder {
public:
  Emitter E;

  LaunchBuilder(mlir::ModuleOp Module, llvm::StringRef Name, unsigned NumSizes, const CpuTarget &Target,
                std::optional<mlir::Location> Loc = std::nullopt);

  Value buffers() const { return BufferTable; }
  Value size(unsigned I) const { return Sizes[I]; }
  Value sizes() const { return SizeTable; }
  Value ctx() const { return Ctx; }
  /// Runs the block function over [0, Blocks), in parallel where there is more than one grain of work; with a table of its
  /// own where it has sizes that the kernel's signature does not.
  void run(llvm::StringRef BlockFunction, Value Blocks, Value Grain, Value SizeValues = {});
  mlir::LLVM::LLVMFuncOp finish();

private:
  mlir::LLVM::LLVMFuncOp Func;
  Values Sizes;
  Value BufferTable, SizeTable, Ctx;
};

} // namespace burin::codegen::cpu
