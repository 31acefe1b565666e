// burin-opt: MLIR's opt driver with our dialects and passes. For tests and for looking at one pass; it takes trusted
// input only.
#include "compiler/driver/Pipeline.h"
#include "compiler/ir/Dialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry
      .insert<burin::ir::BurinDialect, burin::ir::host::BurinHostDialect, mlir::arith::ArithDialect,
              mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
              mlir::scf::SCFDialect, mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
  burin::passes::registerBurinPasses();
  burin::compiler::registerPipelinePasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Burin's passes on textual IR\n", registry));
}
