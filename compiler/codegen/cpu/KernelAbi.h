// The kernel ABI in IR: builds block functions `void k(void* const* buffers, const int64_t* sizes, i64 begin, i64 end,
// ctx*)` and launch functions `void NAME(void* const* buffers, const int64_t* sizes, ctx*)` (see LinalgEmitter.h).
// Must not know any op or instruction set.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/host/ContextAbi.h"

#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::cpu {

namespace rt = host::rt;

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
