// Vector math: exp, log, tanh and floor on scalars and vectors of f32 and f64, without calls. Error bounds (of the exact value, over
// the whole range, denormal results included; tests/codegen/vector_math.cpp): f32 exp 1.5 ulp, log 1.5 ulp; f64 exp
// 1.5 ulp, log 1.5 ulp; tanh 2.5 ulp in both. NaN in, NaN out; exp overflows to inf and underflows gradually to 0; log(0) = -inf, log(<0) = NaN.
// Knows nothing of kernels: any emitter may use it.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"

namespace burin::codegen::cpu {

Value emitExp(Emitter &E, Value X);
Value emitLog(Emitter &E, Value X);
Value emitTanh(Emitter &E, Value X);
Value emitFloor(Emitter &E, Value X); ///< exact, without the instruction that x86-64 lacks

/// The value of a math op on `Operands` (registers: f32 or f64, scalar or vector), or null if it is not one of ours.
Value expandMath(Emitter &E, mlir::Operation *Op, llvm::ArrayRef<Value> Operands);

} // namespace burin::codegen::cpu
