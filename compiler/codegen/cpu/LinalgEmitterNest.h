// One loop nest of a linalg kernel as code: which dim runs in vector lanes, how many, how blocks are cut, and the block
// function's body. Used by LinalgEmitter.cpp only.
#pragma once
#include "compiler/codegen/cpu/KernelAbi.h"
#include "compiler/codegen/cpu/LinalgEmitterLanes.h"
#include "compiler/codegen/plan/KernelPlan.h"

namespace burin::codegen::cpu {

/// How a nest is run, decided from the plan and the target alone.
struct Schedule {
  /// The dim in lanes: the last kept dim, or (empty) the innermost reduced dim of each pass.
  std::optional<unsigned> KeptVector;
  llvm::SmallVector<unsigned> Outer; ///< kept dims that blocks number, outermost first
  int64_t Lanes = 1, Unroll = 1;
  int64_t Chunk = 0; ///< elements of KeptVector in a block; 0: all
  /// An outer dim that runs inside the loop over vectors, TileRows at a time: where an operand is transposed, the lines
  /// that a vector is gathered from then serve all rows of the tile.
  std::optional<unsigned> TileDim;
  static constexpr int64_t TileRows = 16;
  double CostPerElement = 1; ///< in about 1/100 ns, over all dims
};
Schedule scheduleNest(const Nest &N, const KernelPlan &Plan, const CpuTarget &Target);

/// The number of blocks of the nest, and the grain that makes a parallel run worthwhile.
Value blockCount(Emitter &E, const Nest &N, const Schedule &S, llvm::function_ref<Value(unsigned)> Size);
Value blockGrain(Emitter &E, const Nest &N, const Schedule &S, llvm::function_ref<Value(unsigned)> Size);

/// Reductions of one depth over the same dims, and outputs within a kept point: one walk over the dims.
struct Pass {
  llvm::SmallVector<unsigned> Dims;
  llvm::SmallVector<NodeId> Reductions;
  llvm::SmallVector<unsigned> Outputs;
};
llvm::SmallVector<Pass> passesOf(const Nest &N);
llvm::SmallVector<NodeId> rootsOf(const Nest &N, const Pass &P);
/// Nodes to compute for `Roots`, operands first; reductions and what is known already end the search, and nothing is needed
/// for what is stored.
llvm::SmallVector<NodeId> neededNodes(const Nest &N, llvm::ArrayRef<NodeId> Roots,
                                      llvm::function_ref<bool(NodeId)> Known,
                                      llvm::function_ref<bool(NodeId)> IsStored);

/// A node whose values several passes over a row need, and which is kept in the worker's workspace between them.
struct KeptNode {
  NodeId Id;
  llvm::SmallVector<unsigned> Dims;
  Extent Bytes;
};
llvm::SmallVector<KeptNode> keptNodes(const Nest &N, const Schedule &S);
/// Room for them, each from a multiple of 64 bytes on; a sum.
Extents keptBytes(llvm::ArrayRef<KeptNode> Nodes);

/// The plan's memory as buffers.
using MemoryBuffers = llvm::function_ref<Buffer(unsigned)>;
/// The worker's workspace, of so many bytes.
using OwnBuffer = llvm::function_ref<Buffer(Value Bytes)>;
/// Writes the body of the block function that `K` opened.
void emitNest(KernelBuilder &K, const KernelPlan &Plan, MemoryBuffers Memory, OwnBuffer OwnWorkspace, const Nest &N,
              const Schedule &S);

} // namespace burin::codegen::cpu
