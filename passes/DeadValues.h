// Drops what nobody uses: ops without effects, results of branches, carried and handed-on values of loops, however they
// use each other. Used by Prune.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace burin::passes {

/// Whether anything was dropped. Inputs of the function stay: they are its signature.
bool dropDeadValues(mlir::func::FuncOp function);

} // namespace burin::passes
