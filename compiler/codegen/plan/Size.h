// How code generation says sizes: one vocabulary for the plan, for loops and for every emitter, and the one reader of
// `burin.shape`. Named sizes are known here as numbers of size operands only. Knows neither kernels nor targets.
#pragma once
#include "compiler/ir/KernelAttributes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::codegen {

/// A size or a stride: a number times a product of size operands.
struct Extent {
  int64_t Coefficient = 1;
  llvm::SmallVector<unsigned, 2> Sizes; ///< indices of size operands, sorted

  static Extent number(int64_t N) { return Extent{N, {}}; }
  static Extent size(unsigned K) { return Extent{1, {K}}; }
  /// From a code of `burin.shape`.
  static Extent fromCode(int64_t Code) {
    return Code >= 0 ? number(Code) : size(static_cast<unsigned>(ir::sizeOperandCode(Code)));
  }
  bool isStatic() const { return Sizes.empty() || Coefficient == 0; }
  int64_t value() const { return Coefficient; } ///< precondition: isStatic()
  bool is(int64_t N) const { return isStatic() && Coefficient == N; }
  Extent times(const Extent &O) const;
  Extent times(int64_t N) const { return times(number(N)); }
  friend bool operator==(const Extent &X, const Extent &Y) {
    return X.Coefficient == Y.Coefficient && (X.Coefficient == 0 || X.Sizes == Y.Sizes);
  }
};
using Extents = llvm::SmallVector<Extent, 4>;

/// Memory that a kernel needs while it runs, in bytes, each a sum: what its blocks share, and what each worker has for
/// itself. The launch hands it over behind inputs and results, a buffer for each of the two that is not empty, aligned to 64
/// bytes; the stretches of workers follow each other, rounded up to 64. Nothing else is allocated once a call has begun.
struct Workspace {
  Extents Shared, Each;
  bool empty() const { return Shared.empty() && Each.empty(); }
};

/// The sizes of a tensor of a kernel: from its `burin.shape`, or from its type where that is missing and static.
mlir::FailureOr<Extents> shapeOf(mlir::DictionaryAttr Attributes, mlir::RankedTensorType Type);
/// The same of an argument or result of a kernel function; fails at the kernel where neither says it.
mlir::FailureOr<Extents> argumentShape(mlir::func::FuncOp Kernel, unsigned Argument);
mlir::FailureOr<Extents> resultShape(mlir::func::FuncOp Kernel, unsigned Result);

} // namespace burin::codegen
