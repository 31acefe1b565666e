// Emitter: the small vocabulary in which every CPU kernel is written: index arithmetic, loops, conditions, memory.
// Indices are i64 and memory is flat: an address is (loop-invariant base) + (index) + (constant), which instruction
// selection folds into one operand, so that kernels need no optimiser. Memory and index ops are the LLVM dialect's at
// once (nothing to convert); loops and conditions are scf's; bodies may use arith and vector ops. Must not know any op.
#pragma once
#include "compiler/codegen/cpu/Target.h"
#include "compiler/codegen/plan/Size.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace burin::codegen::cpu {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using mlir::VectorType;
using Values = llvm::SmallVector<Value>;

/// Elements of one type in memory; `Base` is an !llvm.ptr. `Element` is the type as stored: i8 for bool.
struct Buffer {
  Value Base;
  Type Element;
  unsigned Alignment = 0; ///< bytes that Base and every vector access are aligned to; 0: the element's own

  Buffer() = default;
  Buffer(Value Base, Type Element, unsigned Alignment = 0) : Base(Base), Element(Element), Alignment(Alignment) {}
};

class Emitter {
public:
  mlir::ImplicitLocOpBuilder B;
  const CpuTarget &Target;

  Emitter(mlir::OpBuilder &Builder, mlir::Location Loc, const CpuTarget &Target) : B(Loc, Builder), Target(Target) {}

  // -- index arithmetic: i64, no signed wrap, constants folded ---------------------------------------------------
  Value index(int64_t V);
  static std::optional<int64_t> constantOf(Value V);
  Value add(Value X, Value Y);
  Value add(Value X, int64_t Y);
  Value sub(Value X, Value Y);
  Value mul(Value X, Value Y);
  Value mul(Value X, int64_t Y);
  Value div(Value X, int64_t Y); ///< floor, X >= 0
  Value div(Value X, Value Y);   ///< floor, X >= 0, Y > 0
  Value rem(Value X, int64_t Y);
  Value rem(Value X, Value Y);
  Value ceilDiv(Value X, int64_t Y); ///< X >= 0
  Value min(Value X, Value Y);
  Value max(Value X, Value Y);

  Value compare(mlir::LLVM::ICmpPredicate P, Value X, Value Y);
  Value less(Value X, Value Y) { return compare(mlir::LLVM::ICmpPredicate::slt, X, Y); }
  Value equal(Value X, Value Y) { return compare(mlir::LLVM::ICmpPredicate::eq, X, Y); }
  Value both(Value X, Value Y); ///< X and Y: i1, or integers bitwise
  Value select(Value Condition, Value X, Value Y);

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
  Value address(const Buffer &M, Value Index);
  Value load(const Buffer &M, Value Index);
  void store(Value V, const Buffer &M, Value Index);
  /// Element of T is M.Element. With a mask, lanes that are off are not touched and give zero.
  Value loadVector(VectorType T, const Buffer &M, Value Index, Value Mask = {});
  void storeVector(Value V, const Buffer &M, Value Index, Value Mask = {});
  /// Lane i is M[Index + Offsets[i]]; Offsets is a vector of i32 or i64. Lanes that are off give zero.
  Value gather(VectorType T, const Buffer &M, Value Index, Value Offsets, Value Mask = {});
  /// Locality 3 = all cache levels, 2 = L2 and beyond, 0 = non-temporal.
  void prefetch(const Buffer &M, Value Index, unsigned Locality = 3, bool Write = false);

  // -- control ---------------------------------------------------------------------------------------------------
  using LoopBody = llvm::function_ref<Values(Value Iv, ValueRange Carried)>;
  Values loop(Value Lo, Value Hi, Value Step, ValueRange Init, LoopBody Body);
  Values loop(Value Lo, Value Hi, int64_t Step, ValueRange Init, LoopBody Body);
  void loop(Value Lo, Value Hi, int64_t Step, llvm::function_ref<void(Value Iv)> Body);
  /// While Test(carried) yields {again (i1), values...}: Body(values) gives the next carried values. Those have Init's
  /// types, what is handed from Test to Body and out in the end has types `Handed`.
  Values whileLoop(ValueRange Init, mlir::TypeRange Handed, llvm::function_ref<Values(ValueRange)> Test,
                   llvm::function_ref<Values(ValueRange)> Body);
  Values whileLoop(ValueRange Init, llvm::function_ref<Values(ValueRange)> Test,
                   llvm::function_ref<Values(ValueRange)> Body) {
    return whileLoop(Init, mlir::TypeRange(Init), Test, Body);
  }
  void when(Value Condition, llvm::function_ref<void()> Yes, llvm::function_ref<void()> No = nullptr);
  Values choose(Value Condition, mlir::TypeRange Types, llvm::function_ref<Values()> Yes,
                llvm::function_ref<Values()> No);

private:
  unsigned alignmentOf(const Buffer &M) const;
};

/// A size as a value; `Size(k)` gives size operand k.
Value extentValue(Emitter &E, const Extent &X, llvm::function_ref<Value(unsigned)> Size);

} // namespace burin::codegen::cpu
