// How a `burin.fusion` op, which is a kernel, is built of ops that stand in a block.
#pragma once
#include "compiler/ir/Dialect.h"

#include <string>

namespace burin::passes {

/// What a kernel of these ops is called in profiles: `add_exp_reduce_sum`; long ones say how many ops there are.
std::string kernelName(llvm::ArrayRef<mlir::Operation *> ops);

/// A kernel of clones of `ops`, in this order, whose results are those of `results`. It reads `inputs`, among them each
/// value that the ops use and do not define. The ops stay, and so do all uses of their results.
ir::FusionOp makeKernel(mlir::OpBuilder &b, mlir::Location loc, llvm::StringRef name,
                        llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<mlir::Value> inputs,
                        llvm::ArrayRef<mlir::Value> results);

} // namespace burin::passes
