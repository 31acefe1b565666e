//===- ScalarOps.h - elementwise ops on single values -------------------------------------------------------------===//
// What a fused kernel's body is built from: the catalogue's `lowering` expressions as builder calls, and casts. Values
// are scalars or vectors, i1 for bool, signless integers. Knows nothing of loops, tensors or targets.
#pragma once
#include "runtime/ops/catalogue.h"

#include "mlir/IR/Builders.h"

namespace burin::ir {

/// Where to build, and the operands' dtype T (for ops without one: the first operand's). It gives the sign of integers.
struct ScalarContext {
  mlir::OpBuilder &builder;
  mlir::Location loc;
  Dtype dtype;
};

/// Builds one op. Narrow floats (bf16, f16) come extended to f32 and the result is f32: the caller rounds.
using ScalarEmitter = mlir::Value (*)(const ScalarContext &, mlir::ValueRange operands);

/// Null where the op is not elementwise; `cast` has emitCast instead.
ScalarEmitter scalarEmitter(OpKind kind);

/// x, an element of dtype `from`, as dtype `to`: saturating, one rounding (docs/numerics.md). Narrow floats are such here.
mlir::Value emitCast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x, Dtype from, Dtype to);

/// The element type of a dtype in kernel bodies: `i1` for bool, signless integers.
mlir::Type elementType(mlir::MLIRContext *context, Dtype dtype);

/// What `lowering` expressions may call.
namespace scalar {
mlir::Value zero(const ScalarContext &s, mlir::Value like);
mlir::Value allOnes(const ScalarContext &s, mlir::Value like);
/// A number in the type of `like`: `scalar::number(s, x, 0.5)`.
mlir::Value number(const ScalarContext &s, mlir::Value like, double value);
/// log(1 + x), accurate where x is small.
mlir::Value log1p(const ScalarContext &s, mlir::Value x);
/// 1 / (1 + e^-x), relatively accurate where it is small too.
mlir::Value sigmoid(const ScalarContext &s, mlir::Value x);
/// a^b with the edges of IEEE 754's pow.
mlir::Value power(const ScalarContext &s, mlir::Value a, mlir::Value b);
mlir::Value divideSigned(const ScalarContext &s, mlir::Value a, mlir::Value b);
mlir::Value divideUnsigned(const ScalarContext &s, mlir::Value a, mlir::Value b);
} // namespace scalar

} // namespace burin::ir
