// One scalar computation of a kernel, in as many lanes as asked for: types in registers and in memory, loads, stores,
// bodies, combining. With one lane everything is scalar. Knows neither loops nor nests.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/plan/KernelPlan.h"

namespace burin::codegen::cpu {

/// Scalar types of bodies: bool is i1 (a byte in memory), a narrow float (bf16, f16) is held as an f32 that has such a value.
class LaneEmitter {
public:
  explicit LaneEmitter(Emitter &E) : E(E) {}

  static Type memoryType(Type Scalar);
  static Type registerType(Type Scalar);
  static Type lanesOf(Type T, int64_t Lanes);

  Value constant(mlir::TypedAttr Scalar, int64_t Lanes);
  Value splat(Value Scalar, int64_t Lanes);
  /// A value that is the same in all lanes, as a scalar.
  Value firstLane(Value V);
  /// Elements `Index + lane * Stride` of M; Stride is null for 0 .. a constant 1 for neighbours.
  Value load(Type Scalar, const Buffer &M, Value Index, Value Stride, int64_t Lanes, Value Mask);
  /// Element `Offsets[lane]` of M.
  Value loadAt(Type Scalar, const Buffer &M, Value Offsets, int64_t Lanes, Value Mask);
  void store(Type Scalar, Value V, const Buffer &M, Value Index, Value Stride, Value Mask);
  /// Start + lane * Step, i64.
  Value iota(Value Start, Value Step, int64_t Lanes);

  /// The op of a compute node or the combining op of a reduction, on operands of one number of lanes.
  Value compute(mlir::Operation *Op, llvm::ArrayRef<Value> Operands, int64_t Lanes);
  /// All lanes combined into one scalar, as a tree.
  Value combineLanes(mlir::Operation *Combine, Value V, int64_t Lanes);

  /// The nearest value of a narrow float type, as an f32.
  Value round(Value F32, Type Narrow) { return E.roundTo(F32, Narrow); }

private:
  Value toRegister(Value V, Type Scalar);
  Value toMemory(Value V, Type Scalar);
  Value intConstant(int64_t V, Type Like);
  Value bitcast(Value V, Type Element);
  Value maximum(Value X, Value Y, bool Max);

  Emitter &E;
};

} // namespace burin::codegen::cpu
