// Emitter: the small vocabulary in which every CPU kernel is written: what host programs have too (codegen/host/Emitter.h),
// vectors, narrow floats. Indices are i64 and memory is flat: an address is (loop-invariant base) + (index) + (constant), which instruction
// selection folds into one operand, so that kernels need no optimiser. Memory and index ops are the LLVM dialect's at
// once (nothing to convert); loops and conditions are scf's; bodies may use arith and vector ops. Must not know any op.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/codegen/host/Emitter.h"
#include "compiler/codegen/plan/Size.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace burin::codegen::cpu {

using host::Buffer;
using host::Values;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using mlir::VectorType;

class Emitter : public host::Emitter {
public:
  const CpuTarget &Target;

  Emitter(mlir::OpBuilder &Builder, mlir::Location Loc, const CpuTarget &Target)
      : host::Emitter(Builder, Loc), Target(Target) {}

  // -- vectors ---------------------------------------------------------------------------------------------------
  int lanes(Type T) const { return Target.lanes(static_cast<int>(T.getIntOrFloatBitWidth())); }
  VectorType vectorType(Type Element, int64_t Lanes) { return VectorType::get({Lanes}, Element); }
  VectorType nativeVector(Type Element) { return vectorType(Element, lanes(Element)); }
  Value zero(Type T); ///< scalar or vector
  Value splat(Value Scalar, VectorType T);
  Value splat(Value Scalar, int64_t Lanes) { return splat(Scalar, vectorType(Scalar.getType(), Lanes)); }
  /// lane < Count; no lane where Count is negative (as far as 32 bits go).
  Value laneMask(int64_t Lanes, Value Count);
  /// X * Y + Z for floats (one rounding where the target has FMA, else two) and integers (wrapping); scalar or vector.
  Value multiplyAdd(Value X, Value Y, Value Z);

  /// A float sum in two parts, whose error does not grow with the number of terms: Total + X and, in Lost, all that such
  /// additions rounded off (Knuth, The Art of Computer Programming 2, 4.2.2, theorem C).
  std::pair<Value, Value> addInTwoParts(Value Total, Value Lost, Value X);
  /// Total + Lost; Total alone where it is infinite or NaN, of which nothing is lost.
  Value joinTwoParts(Value Total, Value Lost);

  // Narrow floats (bf16, f16), scalar or vector: in registers an f32 that has such a value, in memory an integer. Rounding
  // is to nearest even, NaN stays NaN, denormals are kept (the instructions for bf16 would flush them).
  Value roundTo(Value F32, Type Narrow);
  Value fromBits(Value Bits, Type Narrow);
  Value toBits(Value Rounded, Type Narrow); ///< of what roundTo or fromBits gave
  /// A constant of scalar or vector type T with `V` in each lane.
  Value constant(Type T, int64_t V);

  // -- memory: indices count elements ----------------------------------------------------------------------------
  /// Element of T is M.Element. With a mask, lanes that are off are not touched and give zero.
  Value loadVector(VectorType T, const Buffer &M, Value Index, Value Mask = {});
  void storeVector(Value V, const Buffer &M, Value Index, Value Mask = {});
  /// Lane i is M[Index + Offsets[i]]; Offsets is a vector of i32 or i64. Lanes that are off give zero.
  Value gather(VectorType T, const Buffer &M, Value Index, Value Offsets, Value Mask = {});
  /// Locality 3 = all cache levels, 2 = L2 and beyond, 0 = non-temporal.
  void prefetch(const Buffer &M, Value Index, unsigned Locality = 3, bool Write = false);

private:
  unsigned alignmentOf(const Buffer &M) const;
};

/// A size as a value; `Size(k)` gives size operand k.
Value extentValue(Emitter &E, const Extent &X, llvm::function_ref<Value(unsigned)> Size);

} // namespace burin::codegen::cpu
