// Products and checks, as their definitions say.
#include "compiler/codegen/null/Evaluate.h"
#include "compiler/codegen/null/Scalars.h"
#include "compiler/ops/ScalarOps.h"

#include <cmath>

namespace burin::codegen::null {
using namespace mlir;

namespace {

SmallVector<int64_t> values(ArrayRef<Extent> Shape, std::span<const std::int64_t> Sizes) {
  SmallVector<int64_t> Values;
  for (const Extent &X : Shape) {
    int64_t V = X.Coefficient;
    for (unsigned K : X.Sizes) V *= Sizes[K];
    Values.push_back(V);
  }
  return Values;
}

/// The number of a matrix among an operand's, where the result's is `Index` among `Batch`.
int64_t matrixOf(ArrayRef<int64_t> Operand, ArrayRef<int64_t> Batch, int64_t Index) {
  int64_t Number = 0, Stride = 1;
  size_t Missing = Batch.size() - Operand.size();
  for (size_t D = Batch.size(); D-- > 0;) {
    int64_t At = Index % Batch[D];
    Index /= Batch[D];
    if (D < Missing) continue;
    if (Operand[D - Missing] != 1) Number += At * Stride;
    Stride *= Operand[D - Missing];
  }
  return Number;
}

} // namespace

LogicalResult evaluateProduct(const Kernel &K, const ProductPlan &Plan, const Machine &M) {
  Type T = ir::elementType(K.Function->getContext(), Plan.Element);
  SmallVector<int64_t> L = values(Plan.LhsShape, M.Sizes), R = values(Plan.RhsShape, M.Sizes);
  size_t Rank = std::max(L.size(), R.size()) - 2;
  SmallVector<int64_t> Batch(Rank, 1);
  auto LBatch = ArrayRef(L).drop_back(2), RBatch = ArrayRef(R).drop_back(2);
  int64_t Count = 1;
  for (size_t D = 0; D < Rank; ++D) {
    auto dim = [&](ArrayRef<int64_t> S) { return D + S.size() < Rank ? 1 : S[D + S.size() - Rank]; };
    Batch[D] = dim(LBatch) == 1 ? dim(RBatch) : dim(LBatch);
    Count *= Batch[D];
  }
  int64_t Rows = L[L.size() - 2], Inner = L.back(), Columns = R.back();
  if (Plan.LhsTransposed) std::swap(Rows, Inner);
  if (Plan.RhsTransposed) Columns = R[R.size() - 2];
  void *A = M.Buffers[K.Order[0]], *B = M.Buffers[K.Order[1]], *C = M.Buffers[K.Order[2]];
  for (int64_t Matrix = 0; Matrix < Count; ++Matrix) {
    int64_t InA = matrixOf(LBatch, Batch, Matrix) * Rows * Inner,
            InB = matrixOf(RBatch, Batch, Matrix) * Inner * Columns;
    for (int64_t I = 0; I < Rows; ++I)
      for (int64_t J = 0; J < Columns; ++J) {
        Scalar Sum;
        for (int64_t N = 0; N < Inner; ++N) {
          Scalar X = readElement(A, T, InA + (Plan.LhsTransposed ? N * Rows + I : I * Inner + N));
          Scalar Y = readElement(B, T, InB + (Plan.RhsTransposed ? J * Inner + N : N * Columns + J));
          Sum.F += X.F * Y.F;
          Sum.I = static_cast<int64_t>(static_cast<uint64_t>(Sum.I) +
                                       static_cast<uint64_t>(X.I) * static_cast<uint64_t>(Y.I));
        }
        writeElement(C, T, (Matrix * Rows + I) * Columns + J, Sum);
      }
  }
  return success();
}

LogicalResult evaluateCheck(const CheckPlan &Plan, const Machine &M) {
  auto Op = static_cast<std::int32_t>(M.Sizes[0]);
  // By bits: neither a NaN nor a zero divisor needs the type's arithmetic.
  auto bytes = static_cast<size_t>(burin::bytes(Plan.Element, 1));
  auto bitsAt = [&](int64_t I) {
    uint64_t Bits = 0;
    std::memcpy(&Bits, static_cast<const char *>(M.Buffers[0]) + I * static_cast<int64_t>(bytes), bytes);
    return Bits;
  };
  if (Plan.Kind == ir::CheckKind::nan) {
    auto Bits = static_cast<unsigned>(bytes) * 8, Mantissa = static_cast<unsigned>(dtype_info(Plan.Element).digits) - 1;
    uint64_t Sign = uint64_t{1} << (Bits - 1), Infinity = Sign - (uint64_t{1} << Mantissa);
    for (int64_t I = 0; I < M.Sizes[1]; ++I)
      if ((bitsAt(I) & (Sign - 1)) > Infinity) {
        M.Fault(BURIN_RT_FAULT_NAN, Op, I, 0);
        break;
      }
    return success();
  }
  auto Result = M.Sizes.subspan(1, Plan.Rank), Divisor = M.Sizes.subspan(1 + Plan.Rank, Plan.Rank);
  int64_t Count = 1;
  for (int64_t S : Result) Count *= S;
  for (int64_t I = 0; I < Count; ++I) {
    int64_t Rest = I, At = 0, Step = 1;
    for (size_t A = Plan.Rank; A-- > 0; Step *= Divisor[A]) {
      if (Divisor[A] != 1) At += Rest % Result[A] * Step;
      Rest /= Result[A];
    }
    if (bitsAt(At) == 0) {
      M.Fault(BURIN_RT_FAULT_DIVISION_BY_ZERO, Op, I, 0);
      break;
    }
  }
  return success();
}

} // namespace burin::codegen::null
