// Who writes a kernel: the small loop, the matrix product, a loop lowering, or linalg and its emitter.
#include "compiler/codegen/cpu/EmitKernels.h"

#include "compiler/codegen/cpu/Gemm.h"
#include "compiler/codegen/cpu/KernelAbi.h"
#include "compiler/codegen/cpu/LinalgEmitter.h"
#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/loops/SmallLoop.h"
#include "compiler/codegen/plan/LowerToLinalg.h"
#include "compiler/ir/Types.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace burin::codegen::cpu {
using namespace mlir;

void loadKernelDialects(MLIRContext &Context) {
  Context.loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                      tensor::TensorDialect>();
}

/// Which operands of a product come as another op's transposed result.
struct Transposed {
  bool Lhs = false, Rhs = false;
};

/// Takes the transposes out of a kernel that holds a matrix product and those of its operands (fuse-kernels makes no others):
/// the emitter reads what they read.
static Transposed absorbTransposes(func::FuncOp Kernel) {
  Transposed Found;
  Block &Body = Kernel.getBody().front();
  Operation *Last = Body.getTerminator()->getPrevNode();
  const OpInfo *Info = Last ? ir::catalogueInfo(Last) : nullptr;
  if (!Info || Info->kind != OpKind::matmul) return Found;
  SmallVector<Operation *> Absorbed;
  for (OpOperand &Operand : Last->getOpOperands()) {
    Operation *Source = Operand.get().getDefiningOp();
    if (!Source) continue;
    (Operand.getOperandNumber() == 0 ? Found.Lhs : Found.Rhs) = true;
    Operand.set(Source->getOperand(0));
    if (!llvm::is_contained(Absorbed, Source)) Absorbed.push_back(Source);
  }
  for (Operation *Op : Absorbed) Op->erase();
  return Found;
}

/// The kernel's op, if it is one alone and emits its buffers in the op's order: not linalg.
static Operation *structuredOp(func::FuncOp Kernel) {
  Block &Body = Kernel.getBody().front();
  if (!llvm::hasSingleElement(Body.without_terminator())) return nullptr;
  const OpInfo *Info = ir::catalogueInfo(&Body.front());
  return Info && (Info->kind == OpKind::matmul || isLoopKernel(Kernel)) ? &Body.front() : nullptr;
}

static LogicalResult emitMatmul(func::FuncOp Kernel, Operation *Op, Transposed Operands, const CpuTarget &Target) {
  MatmulConfig Config;
  auto Lhs = argumentShape(Kernel, 0), Rhs = argumentShape(Kernel, 1);
  if (failed(Lhs) || failed(Rhs)) return failure();
  Config.setElement(*ir::toDtype(cast<RankedTensorType>(Op->getOperand(0).getType()).getElementType()));
  Config.LhsShape = *Lhs;
  Config.RhsShape = *Rhs;
  Config.LhsTransposed = Operands.Lhs;
  Config.RhsTransposed = Operands.Rhs;
  for (Type T : Kernel.getArgumentTypes()) Config.NumSizes += T.isIndex();
  std::string Name = Kernel.getName().str();
  Kernel.setName(Name + ".burin"); // the launch function takes the name
  auto Done = emitMatmulKernel(Kernel->getParentOfType<ModuleOp>(), Name, Config, Target);
  if (!Done) return Op->emitError(Done.error().message);
  Kernel.erase();
  return success();
}

/// A tensor that is two operands of the op is one argument of the kernel. Gives the function an argument for each operand
/// and returns which buffer of the kernel each was.
static SmallVector<unsigned> spreadOperands(func::FuncOp Kernel, Operation *Op) {
  SmallVector<unsigned> From;
  SmallVector<Type> Inputs;
  SmallVector<DictionaryAttr> Attributes;
  for (Value V : Op->getOperands()) {
    From.push_back(cast<BlockArgument>(V).getArgNumber());
    Inputs.push_back(V.getType());
    Attributes.push_back(Kernel.getArgAttrDict(From.back()));
  }
  Block &Body = Kernel.getBody().front();
  unsigned Old = Body.getNumArguments();
  for (auto [I, T] : llvm::enumerate(Inputs))
    Op->setOperand(static_cast<unsigned>(I), Body.addArgument(T, Op->getLoc()));
  unsigned Tensors = 0;
  for (unsigned I = 0; I < Old; ++I)
    if (Type T = Body.getArgument(I).getType(); T.isIndex())
      Body.addArgument(T, Op->getLoc()), Inputs.push_back(T), Attributes.push_back(DictionaryAttr());
    else
      ++Tensors;
  Body.eraseArguments(0, Old);
  Kernel.setFunctionType(FunctionType::get(Kernel.getContext(), Inputs, Kernel.getResultTypes()));
  Kernel.setAllArgAttrs(Attributes);
  for (unsigned I = 0; I < Kernel.getNumResults(); ++I) From.push_back(Tensors + I);
  return From;
}

/// `Name` calls `Inner` with its buffers in another order.
static void emitReordered(ModuleOp Module, StringRef Name, StringRef Inner, ArrayRef<unsigned> Order, unsigned NumSizes,
                          const CpuTarget &Target) {
  LaunchBuilder L(Module, Name, NumSizes, Target);
  Emitter &E = L.E;
  Type Pointer = L.buffers().getType();
  Value Table = LLVM::AllocaOp::create(E.B, Pointer, Pointer, E.index(static_cast<int64_t>(Order.size())), 8);
  auto slot = [&](Value Base, size_t I) {
    return LLVM::GEPOp::create(E.B, Pointer, Pointer, Base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(I)})
        .getResult();
  };
  for (auto [I, Source] : llvm::enumerate(Order))
    LLVM::StoreOp::create(E.B, LLVM::LoadOp::create(E.B, Pointer, slot(L.buffers(), Source), 8), slot(Table, I), 8);
  auto Signature = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(E.B.getContext()), {Pointer, Pointer, Pointer});
  LLVM::CallOp::create(E.B, Signature, Inner, ValueRange{Table, L.sizes(), L.ctx()}).setNoUnwind(true);
  L.finish();
}

LogicalResult emitKernel(func::FuncOp Kernel, const CpuTarget &Target) {
  if (isSmallLoop(Kernel)) return emitSmallLoop(Kernel, Target);
  Transposed Operands = absorbTransposes(Kernel);
  if (Operation *Op = structuredOp(Kernel)) {
    auto Module = Kernel->getParentOfType<ModuleOp>();
    std::string Name = Kernel.getName().str();
    bool InOrder = llvm::all_of(llvm::enumerate(Op->getOperands()), [&](auto P) {
      auto I = static_cast<unsigned>(P.index()); // an operand that comes twice may be one argument
      return I < Kernel.getNumArguments() && P.value() == Kernel.getArgument(I);
    });
    SmallVector<unsigned> Order;
    unsigned NumSizes =
        static_cast<unsigned>(llvm::count_if(Kernel.getArgumentTypes(), [](Type T) { return T.isIndex(); }));
    if (!InOrder) {
      Order = spreadOperands(Kernel, Op);
      Kernel.setName(Name + ".ordered");
    }
    if (failed(isLoopKernel(Kernel) ? emitLoopKernel(Kernel, Target) : emitMatmul(Kernel, Op, Operands, Target)))
      return failure();
    if (!InOrder) emitReordered(Module, Name, Name + ".ordered", Order, NumSizes, Target);
    return success();
  }
  // The pipeline lowers to linalg before it plans memory; a kernel may come either way.
  bool Lowered =
      llvm::none_of(Kernel.getBody().front(), [](Operation &Op) { return ir::catalogueInfo(&Op) != nullptr; });
  if (!Lowered && failed(lowerToLinalg(Kernel))) return failure();
  return emitLinalgKernel(Kernel, Target);
}

LogicalResult emitKernels(ModuleOp Kernels, const CpuTarget &Target) {
  for (auto Kernel : llvm::make_early_inc_range(Kernels.getOps<func::FuncOp>()))
    if (failed(emitKernel(Kernel, Target))) return failure();
  return success();
}

} // namespace burin::codegen::cpu
