// The host program to the LLVM dialect: `burin_rt_entry` (rt.h) under its name, in functions of bounded size. Buffers
// are found again where they are used (an entry of the caller's table, or the arena and an offset), so nothing has to be
// handed from one function to the next.
#pragma once
#include "compiler/codegen/cpu/Emitter.h"

#include <burin/dim.h>

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace burin::codegen::host {

/// Code for size expressions over a table of named sizes (i64 each, in the order of the names).
class SizeExpressions {
public:
  SizeExpressions(std::vector<std::string> names) : Names(std::move(names)) {}
  /// Null where an expression mentions a name that is not in the table.
  mlir::Value value(cpu::Emitter &e, mlir::Value table, Dim dim) const;

private:
  std::vector<std::string> Names;
};

/// Ops of the host program that one function holds at most; a longer program is cut between top-level ops.
inline constexpr unsigned maxOpsPerFunction = 128;

/// Writes `entry` (what plan-memory made) into `module`, where the kernels' launch functions are or will be.
mlir::LogicalResult lowerHostProgram(mlir::func::FuncOp entry, mlir::ModuleOp module, const cpu::CpuTarget &target);

} // namespace burin::codegen::host
