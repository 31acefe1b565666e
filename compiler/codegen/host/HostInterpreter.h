// Walks a host program and does what it says: for debugging, for fake devices and for tests that want the plan without
// its code. Kernels and prints are the caller's; everything else happens on host memory.
#pragma once
#include "compiler/ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <burin/rt/rt.h>

#include <functional>
#include <span>

namespace burin::codegen::host {

struct HostMachine {
  /// Runs a kernel: inputs, then results; `sizes` are its size operands.
  std::function<mlir::LogicalResult(llvm::StringRef kernel, std::span<void *const> buffers,
                                    std::span<const std::int64_t> sizes)>
      launch;
  std::function<void(llvm::StringRef label, Dtype, std::span<const std::int64_t> shape, const void *data)> print;
  /// Whether a kernel has recorded a fault; the program ends at the next check if so.
  std::function<bool()> faulted;
  /// Takes a fault of the host program itself: a loop that exceeds its bound.
  std::function<void(burin_rt_fault_kind, std::int32_t op, std::int64_t index, std::int64_t value)> fault;
};

/// refused: the sizes need more than any memory has, or than there is; nothing has run.
enum class HostStatus { done, faulted, refused, failed };

/// Runs `entry` (what plan-memory made) on the caller's buffers and named sizes, in the entry's order.
HostStatus interpretHostProgram(mlir::func::FuncOp entry, std::span<void *const> buffers,
                                std::span<const std::int64_t> sizes, const HostMachine &machine);

} // namespace burin::codegen::host
