// Kernels evaluated from their plans: loop nests, products and checks as data, point by point; loops as the arith and scf of
// their functions (Loops.h). Everything happens in program order, in scalars.
#pragma once
#include "compiler/codegen/plan/Kernel.h"

#include <burin/rt/rt.h>

#include <functional>
#include <span>

namespace burin::codegen::null {

/// What a kernel runs on.
struct Machine {
  std::span<void *const> Buffers; ///< of the kernel: inputs, then results
  std::span<const std::int64_t> Sizes;
  std::function<void(burin_rt_fault_kind, std::int32_t Op, std::int64_t Index, std::int64_t Value)> Fault;
  std::function<bool()> Faulted;
};

mlir::LogicalResult evaluateNests(const KernelPlan &Plan, const Machine &M);
mlir::LogicalResult evaluateProduct(const Kernel &K, const ProductPlan &Plan, const Machine &M);
mlir::LogicalResult evaluateCheck(const CheckPlan &Plan, const Machine &M);
/// The function's phases (Loops.h), in the module that holds them.
mlir::LogicalResult evaluateLoops(mlir::func::FuncOp Kernel, const Machine &M);

} // namespace burin::codegen::null
