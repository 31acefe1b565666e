// A kernel as data: what it computes, by one of five kinds of work, which of its buffers that work reads and writes, and
// which of them may share memory. Every kernel function is planned once, when its ops have been lowered; the plan is kept
// under the kernel's symbol until a target has made code of it. Knows neither vectors nor targets.
#pragma once
#include "compiler/codegen/plan/KernelPlan.h"
#include "compiler/ir/CheckMode.h"

#include <burin/dtype.h>

#include "llvm/ADT/StringMap.h"

#include <utility>
#include <variant>

namespace burin::codegen {

/// C[batch..., M, N] = A[batch..., M, K] * B[batch..., K, N]. Batch dims broadcast from the right as usual.
struct ProductPlan {
  Dtype Element = Dtype::f32; ///< of lhs, rhs and result
  Extents LhsShape;           ///< as stored: [batch..., M, K], or [batch..., K, M] if LhsTransposed
  Extents RhsShape;           ///< as stored: [batch..., K, N], or [batch..., N, K] if RhsTransposed
  bool LhsTransposed = false; ///< in memory: no copy is made
  bool RhsTransposed = false;
};

/// One op, which says by itself how it is written as loops (codegen/loops/LoopLowering.h).
struct LoopPlan {
  mlir::Operation *Op = nullptr;
};

/// A whole loop over few scalars: the kernel function's body as it stands (codegen/loops/SmallLoop.h).
struct SmallLoopPlan {};

/// Check mode: looks for the first NaN, or the first divisor of zero (compiler/ir/CheckMode.h).
struct CheckPlan {
  ir::CheckKind Kind = ir::CheckKind::nan;
  Dtype Element = Dtype::f32;
  unsigned Rank = 0; ///< of the op's result; division only
};

struct Kernel {
  mlir::func::FuncOp Function; ///< plans refer to what it holds: it is not changed before code is made
  std::string Name;
  unsigned NumSizes = 0;
  std::variant<KernelPlan, ProductPlan, LoopPlan, SmallLoopPlan, CheckPlan> Work;
  /// Products and loops: which buffer of the kernel (inputs, then results) each operand and result of the op is. A tensor
  /// that is two operands is one buffer.
  llvm::SmallVector<unsigned> Order;
  /// (input, result) pairs of buffers that may share memory.
  llvm::SmallVector<std::pair<unsigned, unsigned>> InPlace;
  Workspace Memory; ///< decided by the target (Target::schedule)
  /// The number of the first buffer of workspace: inputs and results come before.
  unsigned workspaceAt() const {
    mlir::FunctionType T = mlir::func::FuncOp(Function).getFunctionType();
    return T.getNumInputs() - NumSizes + T.getNumResults();
  }
};
using PlannedKernels = llvm::StringMap<Kernel>; ///< by symbol

/// Lowers a kernel function on catalogue ops to linalg, where it can be, and plans it. Failure has been reported at the op
/// that has no form.
mlir::FailureOr<Kernel> planKernel(mlir::func::FuncOp Function);

/// The dialects that planning creates; targets load what they need themselves.
void loadPlanDialects(mlir::MLIRContext &Context);

} // namespace burin::codegen
