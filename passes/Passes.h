// The passes on the burin dialect. Declarations are generated from Passes.td; see there for what each does.
// Passes see compiler/ir only: no code generator, no driver.
#pragma once
#include "compiler/ir/Dialect.h"
#include "compiler/ir/KernelAttributes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace burin::passes {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace burin::passes
