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

/// A dense row-major tensor in memory: an argument or result of the kernel, a small constant or a partial result.
struct MemoryDesc {
  mlir::Type Element; ///< as the tensor says it: i1 for bool, bf16, f16
  mlir::Value Tensor; ///< null for results and partial results
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
  enum class Kind { load, extract, constant, index, compute, reduction } Kind = Kind::compute;
  mlir::Type Type;                        ///< scalar; i1 for bool
  llvm::SmallVector<NodeId, 3> Operands;  ///< compute; extract: one index each; reduction: what is combined
  mlir::Operation *Op = nullptr;          ///< compute: the scalar op to repeat; reduction: the combining op
  unsigned Result = 0;                    ///< compute: which result of Op; those above 0 follow operand 0's op
  mlir::TypedAttr Constant;               ///< constant; reduction: the neutral element
  Address At;                             ///< load; extract: Memory and Offset only
  Extents ExtractStrides;                 ///< extract: one an operand
  Linear Index;                           ///< index
  llvm::SmallVector<unsigned, 2> Reduced; ///< reduction: the dims that it runs over, outermost first
  unsigned Level = 0;                     ///< reductions that have to be done before, in depth
  uint64_t Dims = 0;                      ///< bit d: varies with dim d
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
  /// Set where a long reduction is split: `SplitDim` is cut in chunks, which dim `ChunkDim` numbers.
  std::optional<unsigned> SplitDim, ChunkDim;
  std::optional<unsigned> ChunkLength; ///< a size operand

  uint64_t keptMask() const;
  bool hasReductions() const;
};

struct KernelPlan {
  llvm::SmallVector<MemoryDesc> Memory; ///< inputs, results, then small constants
  unsigned NumInputs = 0, NumResults = 0, NumSizes = 0;
  llvm::SmallVector<Nest, 1> Nests;
  /// (input, result) pairs that may share memory.
  llvm::SmallVector<std::pair<unsigned, unsigned>> InPlace;
};

/// Reads a kernel function. Failure has been reported at the op that cannot be said.
mlir::FailureOr<KernelPlan> planKernel(mlir::func::FuncOp Kernel);

/// Drops dims of size 1 and merges neighbouring dims wherever every access walks them as one.
void collapseDims(Nest &N);

} // namespace burin::codegen
