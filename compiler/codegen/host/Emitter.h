// Emitter: the scalar vocabulary in which host programs and kernels are written: index arithmetic, loops, conditions, memory.
// Indices are i64 and memory is flat. Memory and index ops are the LLVM dialect's at once (nothing to convert); loops and
// conditions are scf's. Must not know any op, nor what processor runs the code (codegen/cpu adds vectors).
#pragma once
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace burin::codegen::host {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
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

  Emitter(mlir::OpBuilder &Builder, mlir::Location Loc) : B(Loc, Builder) {}

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

  // -- memory: indices count elements ----------------------------------------------------------------------------
  Value address(const Buffer &M, Value Index);
  Value load(const Buffer &M, Value Index);
  void store(Value V, const Buffer &M, Value Index);

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

protected:
  /// Bytes that an element is aligned to; tables of pointers are memory like any other.
  static unsigned elementAlignment(Type T);
};

} // namespace burin::codegen::host
