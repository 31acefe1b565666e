// What the matrix product emitters share: the problem in normal form, element conversion, and the way from linear
// batch numbers to operand offsets. Internal to Gemm*.cpp.
#pragma once
#include "compiler/codegen/cpu/Gemm.h"
#include "compiler/codegen/cpu/KernelAbi.h"

namespace burin::codegen::cpu {

struct MatmulProblem {
  Dtype Lhs, Rhs, Accumulator, Result;
  bool LhsTransposed = false, RhsTransposed = false;
  Extent M, N, K;
  /// Result batch dims; an operand that repeats along one has `false` there.
  Extents Batch;
  llvm::SmallVector<bool> LhsMoves, RhsMoves;
  unsigned NumSizes = 0;
  llvm::SmallVector<unsigned> Order; ///< MatmulConfig's
  Extents Workspace;                 ///< bytes of each worker, summed
  unsigned WorkspaceAt = 0;          ///< entry of the launch function's table

  Type computeType(mlir::MLIRContext *C) const; ///< of the accumulator
  /// Partial sums may not go through memory: they would be rounded.
  bool roundsOnStore() const { return is_floating(Result) && Result != Accumulator; }
  llvm::SmallVector<Type> bufferTypes(mlir::MLIRContext *C) const;
};

/// The calling worker's part of the workspace, in elements of the accumulator.
Buffer ownWorkspace(KernelBuilder &Kernel, const MatmulProblem &P, llvm::ArrayRef<Value> Sizes);

/// The operands of one block function as values.
struct MatmulOperands {
  Buffer A, B, C;
  Value M, N, K;

  MatmulOperands(KernelBuilder &Kernel, const MatmulProblem &P);
  /// The same with A, B and C advanced to matrix number `Index` of the batch.
  MatmulOperands at(Emitter &E, const MatmulProblem &P, llvm::ArrayRef<Value> Sizes, Value Index) const;
};

/// A size as a value where `Sizes` are the size operands.
Value emitSize(Emitter &E, llvm::ArrayRef<Value> Sizes, const Extent &X);
/// Number of matrices.
Value emitBatch(Emitter &E, const MatmulProblem &P, llvm::ArrayRef<Value> Sizes);

/// Vectors between memory, where they have dtype D, and the accumulator.
Value toCompute(Emitter &E, const MatmulProblem &P, Dtype D, Value InMemory);
Value toMemory(Emitter &E, const MatmulProblem &P, Value Computed); ///< the result's
/// Loads Lanes elements and converts them.
Value loadCompute(Emitter &E, const MatmulProblem &P, Dtype D, const Buffer &M, Value Index, int64_t Lanes,
                  Value Mask = {});
Value addElements(Emitter &E, Value X, Value Y);

/// How many blocks a kernel runs, and the fewest that are worth a thread of their own.
struct BlockCount {
  Value Blocks, Grain;
};
/// One strategy's kernel: the block function `Name`.p0, which `Block` fills, and the launch function `Name`, for which
/// `Count` computes from the size operands.
void emitMatmulKernel(mlir::ModuleOp Module, llvm::StringRef Name, const MatmulProblem &P, const CpuTarget &Target,
                      llvm::function_ref<void(KernelBuilder &)> Block,
                      llvm::function_ref<BlockCount(LaunchBuilder &, llvm::ArrayRef<Value> Sizes)> Count);

// -- strategies: each emits the block functions and the launch function `Name` ----------------------------------------
/// Packs both operands, register tiles: everything but the cases below.
Extents blockedWorkspace(const MatmulProblem &P, const CpuTarget &Target, mlir::MLIRContext *C);
void emitBlockedMatmul(mlir::ModuleOp Module, llvm::StringRef Name, const MatmulProblem &P, const CpuTarget &Target);
/// Few rows, rhs as stored [K, N]: rhs is read once, in memory order, never packed.
bool wantsStreamedMatmul(const MatmulProblem &P, const CpuTarget &Target);
Extents streamedWorkspace(const MatmulProblem &P, const CpuTarget &Target, mlir::MLIRContext *C);
void emitStreamedMatmul(mlir::ModuleOp Module, llvm::StringRef Name, const MatmulProblem &P, const CpuTarget &Target);

} // namespace burin::codegen::cpu
