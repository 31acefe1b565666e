// Matrix products: C[batch..., M, N] = A[batch..., M, K] * B[batch..., K, N], written directly as register-tiled loops.
// One call makes one launch function (LinalgEmitter.h says what that is): `void NAME(buffers, sizes, ctx)` with
// buffers = lhs, rhs, result, workspace. Depends on the Emitter only; knows neither linalg nor burin ops.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/plan/Size.h"

#include <burin/dtype.h>

#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::cpu {

struct MatmulConfig {
  /// All floats or all integers. Operands are widened to the accumulator's dtype, which is a number that registers hold (not
  /// narrower than 32 bits); the result is as wide or narrower, rounded once or cut.
  Dtype Lhs = Dtype::f32, Rhs = Dtype::f32, Accumulator = Dtype::f32, Result = Dtype::f32;
  /// Operands and result of one dtype: narrow floats accumulate in f32, narrow integers in i32.
  void setElement(Dtype D) {
    Lhs = Rhs = Result = D;
    Accumulator = is_integer(D) && dtype_info(D).bits < 32 ? Dtype::i32 : compute_dtype(D);
  }
  Extents LhsShape;           ///< as stored: [batch..., M, K], or [batch..., K, M] if LhsTransposed
  Extents RhsShape;           ///< as stored: [batch..., K, N], or [batch..., N, K] if RhsTransposed
  bool LhsTransposed = false; ///< absorbed by the kernel: no copy is made outside
  bool RhsTransposed = false;
  unsigned NumSizes = 0; ///< size operands of the launch function
  /// Which entry of the launch function's table each buffer is, if not its own number.
  llvm::SmallVector<unsigned> Order;
  /// The entry that is the workspace, if not the first behind the buffers.
  std::optional<unsigned> WorkspaceAt;
  // Batch dims broadcast from the right as usual: a missing or static-1 dim of one operand repeats it.
};

/// Bytes of workspace that each worker has, a sum over the size operands; never empty (codegen/plan/Size.h: Workspace).
/// UnsupportedError as below.
Result<Extents> matmulWorkspace(const MatmulConfig &Config, const CpuTarget &Target, mlir::MLIRContext *C);

/// Emits launch function `Name` (and private block functions `Name.p0`, ...) into `Module`, an LLVM-dialect-to-be module
/// for lowerToLlvm. UnsupportedError for dtypes or ranks that no kernel takes; sizes of zero are fine (K = 0 gives 0).
/// The result may not share memory with an input.
Result<void> emitMatmulKernel(mlir::ModuleOp Module, llvm::StringRef Name, const MatmulConfig &Config,
                              const CpuTarget &Target);

} // namespace burin::codegen::cpu
