// The host program to the LLVM dialect: `burin_rt_entry` (rt.h) under its name, in functions of bounded size. The entry
// computes every size that the program uses, once and in exact arithmetic, and refuses the call before anything runs where
// one of them is too large. The other functions find sizes in its table, buffers in the caller's or in the arena.
#pragma once
#include "compiler/codegen/host/Emitter.h"

#include "runtime/ops/dim_expression.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::host {

/// Code for size expressions over a table of named sizes (i64 each, in the order of the names), in exact arithmetic.
class SizeExpressions {
public:
  SizeExpressions(Emitter &e, std::vector<std::string> names, mlir::Value table)
      : E(e), Names(std::move(names)), Table(table) {}
  /// Null where the expression mentions a name that is not in the table. Where it leaves 64 bits on the way, `Overflow`
  /// becomes true; an i1 that is null as long as nothing can.
  mlir::Value value(Dim dim, mlir::Value &overflow);
  /// A factor of 0 makes 0, whatever the others come to.
  mlir::Value product(llvm::ArrayRef<mlir::Value> factors, mlir::Value &overflow);
  mlir::Value sum(mlir::Value x, mlir::Value y, mlir::Value &overflow);

private:
  template <class Op> mlir::Value exact(mlir::Value x, mlir::Value y, mlir::Value &overflow);
  mlir::Value atom(const dims::Atom &atom, mlir::Value &overflow);
  Emitter &E;
  std::vector<std::string> Names;
  mlir::Value Table;
};

/// Ops of the host program that one function holds at most; a longer program is cut between top-level ops.
inline constexpr unsigned maxOpsPerFunction = 128;

/// Writes `entry` (what plan-memory made) into `module`, where the kernels' launch functions are or will be.
mlir::LogicalResult lowerHostProgram(mlir::func::FuncOp entry, mlir::ModuleOp module);

} // namespace burin::codegen::host
