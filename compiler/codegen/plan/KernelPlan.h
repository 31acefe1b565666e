// What a linalg kernel function computes, as data: loop nests over dims, and per nest one flat list of scalar nodes with
// every producer inlined and equal computations merged. KernelPlan.cpp reads linalg into it, LinalgEmitter.cpp
// writes loops from it. Knows neither vectors nor the target.
#pragma once
#include "compiler/codegen/plan/Size.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Operation.h"

#include <cstdint>
#include <optional>

namespace burin::codegen {

/// Constant + sum of coefficient * dim (+ coefficient * size operand): where one tensor dim is read.
struct Linear {
  int64_t Constant = 0;
  llvm::SmallVector<std::pair<unsigned, int64_t>, 2> Terms;     ///< (dim of the nest, coefficient), sorted, no zeros
  llvm::SmallVector<std::pair<unsigned, int64_t>, 1> SizeTerms; ///< (size operand, coefficient)

  static Linear dim(unsigned D) { return Linear{0, {{D, 1}}, {}}; }
  static Linear number(int64_t C) { return Linear{C, {}, {}}; }
  Linear times(int64_t N) const;
  Linear plus(const Linear &O) const;
  /// The dim that this is, alone and with coefficient 1.
  std::optional<unsigned> plainDim() const;
  uint64_t dims() const;
  friend bool operator==(const Linear &, const Linear &) = default;
};
using Linears = llvm::SmallVector<Linear, 4>;

/// A dense row-major tensor in memory: an argument or result of the kernel, a small constant or workspace.
struct MemoryDesc {
  mlir::Type Element;    ///< as the tensor says it: i1 for bool, bf16, f16
  mlir::Value Tensor;    ///< null for results and workspace
  int64_t Workspace = 0; ///< elements of partial results, in the workspace that blocks share
  int64_t Offset = 0;    ///< where they begin there, in bytes
  /// Elements of a small constant; it is no buffer of the kernel.
  mlir::DenseElementsAttr constant() const;
};

/// An address in elements: offset + sum of stride[d] * dim d.
struct Address {
  unsigned Memory = 0;
  llvm::SmallVector<std::pair<unsigned, Extent>, 4> Strides; ///< sorted by dim, no zeros
  llvm::SmallVector<Extent, 1> Offset;                       ///< summed
  Extent stride(unsigned D) const;
  uint64_t dims() const;
  friend bool operator==(const Address &, const Address &) = default;
};

using NodeId = unsigned;
constexpr unsigned MaxDims = 64;

struct Node {
  /// A load reads what is there, or only where a point lies in a box: it then has operands, what it gives elsewhere and the
  /// conditions of the box, each `inside` an axis. `choose` is its first operand in the box of those behind the second, else
  /// the second.
  enum class Kind { load, extract, constant, index, inside, choose, compute, reduction } Kind = Kind::compute;
  mlir::Type Type; ///< scalar; i1 for bool
  llvm::SmallVector<NodeId, 3>
      Operands;                  ///< compute; extract: one index each; reduction: what is combined; load, choose
  mlir::Operation *Op = nullptr; ///< compute: the scalar op to repeat; reduction: the combining op
  unsigned Result = 0;           ///< compute: which result of Op; those above 0 follow operand 0's op
  mlir::TypedAttr Constant;      ///< constant; reduction: the neutral element
  Address At;                    ///< load; extract: Memory and Offset only
  Extents ExtractStrides;        ///< extract: one an operand
  Linear Index;                  ///< index; inside: of one dim at most, with a positive coefficient
  Extent Size;                   ///< inside: whether 0 <= Index < Size
  llvm::SmallVector<unsigned, 2> Reduced; ///< reduction: the dims that it runs over, outermost first
  unsigned Level = 0;                     ///< reductions that have to be done before, in depth
  uint64_t Dims = 0;                      ///< bit d: varies with dim d

  /// Under which a load reads or a choice takes its first operand: `inside` nodes.
  llvm::ArrayRef<NodeId> conditions() const {
    if (Kind == Kind::choose) return llvm::ArrayRef(Operands).drop_front(2);
    if (Kind == Kind::load && !Operands.empty()) return llvm::ArrayRef(Operands).drop_front(1);
    return {};
  }
};

struct Output {
  NodeId Value;
  Address At;
  llvm::SmallVector<unsigned, 2> Inner; ///< dims within a kept point that are written (softmax), outermost first
  unsigned Level = 0;
};

/// One loop nest: blocks over the kept dims, and inside each point passes over the others.
struct Nest {
  Extents DimExtents;               ///< by dim
  llvm::SmallVector<unsigned> Kept; ///< outermost first
  llvm::SmallVector<Node, 0> Nodes; ///< operands come first
  llvm::SmallVector<Output, 2> Outputs;
  /// Set where a long reduction is split (SplitReductions.h): the first nest cuts `SplitDim` in chunks, which dim `ChunkDim`
  /// numbers; the second combines what those gave.
  std::optional<unsigned> SplitDim, ChunkDim;
  std::optional<unsigned> ChunkLength; ///< a size operand

  uint64_t keptMask() const;
  bool hasReductions() const;
};

/// How a dim is cut: into at most MaxChunks chunks of one length, which is at least MinChunk, a multiple of Alignment.
struct Chunking {
  Extent Length;
  int64_t MaxChunks = 1, MinChunk = 1, Alignment = 1;
};

struct KernelPlan {
  llvm::SmallVector<MemoryDesc> Memory; ///< inputs, results, then small constants and workspace
  unsigned NumInputs = 0, NumResults = 0, NumSizes = 0;
  llvm::SmallVector<Nest, 1> Nests;
  /// (input, result) pairs that may share memory.
  llvm::SmallVector<std::pair<unsigned, unsigned>> InPlace;
  /// Each gives the nests two more size operands, behind the kernel's own: the number of chunks and their length.
  llvm::SmallVector<Chunking, 0> Chunkings;
  int64_t WorkspaceBytes = 0; ///< of all partial results
  /// Adds memory for partial results and gives its number.
  unsigned addWorkspace(mlir::Type Element, int64_t Elements) {
    Memory.push_back({Element, mlir::Value(), Elements, WorkspaceBytes});
    WorkspaceBytes += (Elements * std::max(1u, Element.getIntOrFloatBitWidth() / 8) + 63) / 64 * 64;
    return static_cast<unsigned>(Memory.size()) - 1;
  }
  /// The number of its first size operand.
  unsigned addChunking(const Chunking &C) {
    Chunkings.push_back(C);
    return numSizes() - 2;
  }
  unsigned numSizes() const { return NumSizes + 2 * static_cast<unsigned>(Chunkings.size()); }
};

/// Reads a kernel function on linalg. Failure has been reported at the op that cannot be said.
mlir::FailureOr<KernelPlan> planNests(mlir::func::FuncOp Kernel);

/// Drops dims of size 1 and merges neighbouring dims wherever every access walks them as one.
void collapseDims(Nest &N);

} // namespace burin::codegen
