// scf to branches, then every dialect at once to LLVM. Pattern sets are built only for the dialects that are present:
// a kernel written with the Emitter alone needs none but cf's.
#include "compiler/codegen/cpu/LowerToLlvm.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace burin::codegen::cpu {
using namespace mlir;

void loadCodegenDialects(MLIRContext &Context) {
  Context.loadDialect<func::FuncDialect, scf::SCFDialect, cf::ControlFlowDialect, arith::ArithDialect,
                      math::MathDialect, vector::VectorDialect, memref::MemRefDialect, LLVM::LLVMDialect>();
}

/// Math ops that become one instruction, or a few, on every target; others would turn into scalar library calls.
static bool hasInstruction(Operation *Op) {
  return isa<math::SqrtOp, math::AbsFOp, math::AbsIOp, math::FmaOp, math::CopySignOp, math::FloorOp, math::CeilOp,
             math::TruncOp, math::RoundEvenOp, math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp>(
      Op);
}

LogicalResult lowerToLlvm(ModuleOp Module) {
  MLIRContext *Context = Module.getContext();
  llvm::SmallPtrSet<Dialect *, 8> Present;
  WalkResult Walked = Module.walk([&](Operation *Op) {
    Dialect *D = Op->getDialect();
    Present.insert(D);
    if (isa_and_nonnull<math::MathDialect>(D) && !hasInstruction(Op)) {
      Op->emitOpError("has no instruction on the target and was not expanded");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  if (Walked.wasInterrupted()) return failure();
  auto has = [&](auto *Tag) {
    return Present.contains(Context->getLoadedDialect<std::remove_pointer_t<decltype(Tag)>>());
  };

  ConversionConfig Config;
  Config.allowPatternRollback = false;
  if (has(static_cast<scf::SCFDialect *>(nullptr))) {
    RewritePatternSet Patterns(Context);
    populateSCFToControlFlowConversionPatterns(Patterns);
    ConversionTarget Target(*Context);
    Target.addIllegalOp<scf::ForOp, scf::IfOp, scf::WhileOp, scf::IndexSwitchOp, scf::ExecuteRegionOp>();
    Target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(Module, Target, std::move(Patterns), Config))) return failure();
  }

  LowerToLLVMOptions Options(Context);
  Options.useBarePtrCallConv = true;
  LLVMTypeConverter Types(Context, Options);
  RewritePatternSet Patterns(Context);
  if (has(static_cast<vector::VectorDialect *>(nullptr))) populateVectorToLLVMConversionPatterns(Types, Patterns);
  if (has(static_cast<memref::MemRefDialect *>(nullptr)))
    populateFinalizeMemRefToLLVMConversionPatterns(Types, Patterns);
  if (has(static_cast<math::MathDialect *>(nullptr))) populateMathToLLVMConversionPatterns(Types, Patterns);
  if (has(static_cast<func::FuncDialect *>(nullptr))) populateFuncToLLVMConversionPatterns(Types, Patterns);
  arith::populateArithToLLVMConversionPatterns(Types, Patterns);
  cf::populateControlFlowToLLVMConversionPatterns(Types, Patterns);
  LLVMConversionTarget Target(*Context);
  Target.addLegalOp<ModuleOp>();
  return applyFullConversion(Module, Target, std::move(Patterns), Config);
}

} // namespace burin::codegen::cpu
