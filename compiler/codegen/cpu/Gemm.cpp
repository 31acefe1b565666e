// Checks a matrix product's shapes, brings it to normal form and chooses the strategy.
#include "compiler/codegen/cpu/GemmProblem.h"

namespace burin::codegen::cpu {
using namespace mlir;

static Error unsupported(std::string Message) {
  return Error{ErrorCode::unsupported, "matmul: " + std::move(Message), "codegen", "", ""};
}

/// Named sizes that are written differently are equal where a guard says so: only numbers tell.
static bool mayBeEqual(const Extent &X, const Extent &Y) { return X == Y || !X.isStatic() || !Y.isStatic(); }

/// Fills the batch dims of `P` from those of the operands, aligned at the right.
static Result<void> broadcastBatches(MatmulProblem &P, ArrayRef<Extent> Lhs, ArrayRef<Extent> Rhs) {
  size_t Rank = std::max(Lhs.size(), Rhs.size());
  auto dim = [&](ArrayRef<Extent> Dims, size_t D) {
    size_t Missing = Rank - Dims.size();
    return D < Missing ? Extent::number(1) : Dims[D - Missing];
  };
  for (size_t D = 0; D < Rank; ++D) {
    Extent L = dim(Lhs, D), R = dim(Rhs, D);
    if (!mayBeEqual(L, R) && !L.is(1) && !R.is(1))
      return unsupported("batch dims do not broadcast (an earlier check should have said so)");
    Extent Size = L.is(1) ? R : L;
    if (Size.is(1)) continue;
    P.Batch.push_back(Size);
    P.LhsMoves.push_back(!L.is(1));
    P.RhsMoves.push_back(!R.is(1));
  }
  return {};
}

/// [batch, M, K] x [K, N] is one product with batch * M rows.
static void foldBatchIntoRows(MatmulProblem &P) {
  if (P.Batch.empty() || P.LhsTransposed || !llvm::all_of(P.LhsMoves, [](bool M) { return M; }) ||
      llvm::any_of(P.RhsMoves, [](bool M) { return M; }))
    return;
  for (const Extent &D : P.Batch) P.M = P.M.times(D);
  P.Batch.clear();
  P.LhsMoves.clear();
  P.RhsMoves.clear();
}

static Result<void> checkDtypes(const MatmulConfig &Config) {
  Dtype Sum = Config.Accumulator;
  if (Config.Lhs == Dtype::boolean || Config.Rhs == Dtype::boolean)
    return unsupported("there is no product of bool matrices; cast to i32 first");
  auto widens = [&](Dtype D) {
    return is_floating(Sum) ? holds(Sum, D) && is_floating(D)
                            : is_integer(D) && dtype_info(D).bits <= dtype_info(Sum).bits;
  };
  bool Stores = Config.Result == Sum || (is_floating(Sum) ? is_floating(Config.Result) && !holds(Config.Result, Sum) &&
                                                                (Sum == Dtype::f32 || !is_narrow_float(Config.Result))
                                                          : widens(Config.Result));
  if (is_integer(Sum) ? dtype_info(Sum).bits >= 32 : is_floating(Sum) && !is_narrow_float(Sum))
    if (widens(Config.Lhs) && widens(Config.Rhs) && Stores) return {};
  return unsupported("there is no kernel for " + std::string(name(Config.Lhs)) + " times " +
                     std::string(name(Config.Rhs)) + " summed in " + std::string(name(Sum)) + " to " +
                     std::string(name(Config.Result)));
}

/// The problem in normal form, with its workspace.
static Result<MatmulProblem> problemOf(const MatmulConfig &Config, const CpuTarget &Target, MLIRContext *C) {
  if (auto Ok = checkDtypes(Config); !Ok) return Ok.error();
  if (Config.LhsShape.size() < 2 || Config.RhsShape.size() < 2)
    return unsupported("operands of a kernel have at least two dims");
  auto Lhs = ArrayRef(Config.LhsShape), Rhs = ArrayRef(Config.RhsShape);
  MatmulProblem P;
  P.Lhs = Config.Lhs, P.Rhs = Config.Rhs, P.Accumulator = Config.Accumulator, P.Result = Config.Result;
  P.LhsTransposed = Config.LhsTransposed;
  P.RhsTransposed = Config.RhsTransposed;
  P.NumSizes = Config.NumSizes;
  P.Order = Config.Order;
  auto MK = Lhs.take_back(2), KN = Rhs.take_back(2);
  P.M = MK[P.LhsTransposed ? 1 : 0];
  P.K = MK[P.LhsTransposed ? 0 : 1];
  P.N = KN[P.RhsTransposed ? 0 : 1];
  if (!mayBeEqual(P.K, KN[P.RhsTransposed ? 1 : 0]))
    return unsupported("inner dims differ (an earlier check should have said so)");
  if (auto Batches = broadcastBatches(P, Lhs.drop_back(2), Rhs.drop_back(2)); !Batches) return Batches.error();
  foldBatchIntoRows(P);
  P.Workspace = wantsStreamedMatmul(P, Target) ? streamedWorkspace(P, Target, C) : blockedWorkspace(P, Target, C);
  P.WorkspaceAt = Config.WorkspaceAt.value_or(static_cast<unsigned>(P.bufferTypes(C).size()));
  return P;
}

Result<Extents> matmulWorkspace(const MatmulConfig &Config, const CpuTarget &Target, MLIRContext *C) {
  auto P = problemOf(Config, Target, C);
  if (!P) return P.error();
  return P->Workspace;
}

Result<void> emitMatmulKernel(ModuleOp Module, StringRef Name, const MatmulConfig &Config, const CpuTarget &Target) {
  auto P = problemOf(Config, Target, Module.getContext());
  if (!P) return P.error();
  if (wantsStreamedMatmul(*P, Target))
    emitStreamedMatmul(Module, Name, *P, Target);
  else
    emitBlockedMatmul(Module, Name, *P, Target);
  return {};
}

} // namespace burin::codegen::cpu
