// LoopLowering: ops that linalg cannot say are written as loops, one function an op, once for every target:
//
//     void lower_cumsum(LoopKernel &K);      // compiler/ops/<Family>.cpp; found by its name, `lowering = "loops"`
//
// The function declares phases; each is a parallel loop over blocks whose body is written with a LoopBlock. Phases run one
// after the other. A loop kernel holds one op. Must not know the host program or other ops.
#pragma once
#include "compiler/codegen/loops/LoopBuilder.h"
#include "compiler/codegen/plan/Kernel.h"

#include <functional>

namespace burin::codegen {

class LoopKernel {
public:
  using Count = std::function<Value(LoopBuilder &)>;
  using Body = std::function<void(LoopBlock &, Value Block)>;
  struct Phase {
    Count Blocks, Work;
    Body Each;
  };

  /// Asks the op's lowering. The phases refer to this object.
  LoopKernel(const Kernel &Of, const LoopPlan &Plan);
  LoopKernel(const LoopKernel &) = delete;
  LoopKernel &operator=(const LoopKernel &) = delete;

  mlir::Operation *op() const { return Op; }
  int64_t integer(llvm::StringRef Attribute) const;
  /// Operands, then results.
  unsigned numBuffers() const { return static_cast<unsigned>(Dtypes.size()); }
  Dtype dtype(unsigned I) const { return Dtypes[I]; }
  Type element(unsigned I) const; ///< as bodies have it: i1 for bool
  llvm::ArrayRef<Extent> shape(unsigned I) const { return Shapes[I]; }
  /// The product of sizes [From, To) of a buffer.
  Extent product(unsigned I, size_t From, size_t To) const;
  Extent elements(unsigned I) const { return product(I, 0, Shapes[I].size()); }

  /// Asks for workspace of `Elements` elements, once: buffer numBuffers(). Whoever runs a block has its own where `Each`,
  /// else all blocks have it together.
  void workspace(Type Element, Extent Elements, bool Each);
  bool hasWorkspace() const { return static_cast<bool>(WorkspaceType); }
  bool workspaceOfEach() const { return EachWorker; }
  Type workspaceElement() const { return WorkspaceType; }
  Extent workspaceBytes() const; ///< precondition: hasWorkspace()

  /// A parallel loop over `Blocks` blocks, each of about `Work` element steps.
  void parallel(Count Blocks, Count Work, Body Each);
  llvm::ArrayRef<Phase> phases() const { return Phases; }

  /// Element `At` of an index tensor. One that is not within [0, Size) is a fault; the nearest that is takes its place.
  Value position(LoopBlock &B, unsigned Input, Value At, Value Size) const;

private:
  mlir::Operation *Op;
  llvm::SmallVector<Dtype> Dtypes;
  llvm::SmallVector<Extents> Shapes;
  llvm::SmallVector<Phase, 2> Phases;
  Type WorkspaceType;
  Extent WorkspaceElements;
  bool EachWorker = false;
};

/// The workspace of a kernel that is loops: what its op's lowering asks for.
Workspace loopWorkspace(const Kernel &Of, const LoopPlan &Plan);

} // namespace burin::codegen
