// Scalars and the arith and math ops on them, one at a time: what the null target computes with. Values are exact in what
// holds them, an i64 or a double; each op's result is rounded to its type.
#pragma once
#include "mlir/IR/Operation.h"

#include <cstdint>

namespace burin::codegen::null {

struct Scalar {
  int64_t I = 0; ///< integers, sign-extended; i1 is 0 or 1
  double F = 0;  ///< floats
};

Scalar fromAttribute(mlir::TypedAttr A);
/// Element `At` of memory that holds tensors of the scalar type `T`: bool is a byte.
Scalar readElement(const void *Memory, mlir::Type T, int64_t At);
void writeElement(void *Memory, mlir::Type T, int64_t At, Scalar S);
/// The op's result; fails at the op where it is none of arith or math that kernels have.
mlir::FailureOr<Scalar> evaluateScalar(mlir::Operation *Op, llvm::ArrayRef<Scalar> Operands);

} // namespace burin::codegen::null
