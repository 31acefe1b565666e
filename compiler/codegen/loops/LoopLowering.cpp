// Finds the loop lowering of an op, and what such functions are given: shapes, phases, runs of lanes, index checks.
#include "compiler/codegen/loops/LoopLowering.h"

#include "compiler/codegen/cpu/KernelAbi.h"
#include "compiler/codegen/cpu/LinalgEmitterNest.h"
#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

#include <burin/rt/rt.h>

namespace burin::codegen {
using namespace mlir;
using cpu::LaneEmitter;
using cpu::Values;

#define BURIN_LOOP_LOWERING(kind, function) void function(LoopKernel &K);
#include "compiler/codegen/LoopLowerings.inc" // generated
#undef BURIN_LOOP_LOWERING

namespace {

using Lowering = void (*)(LoopKernel &);

Lowering loweringOf(OpKind Kind) {
  switch (Kind) {
#define BURIN_LOOP_LOWERING(kind, function)                                                                            \
  case OpKind::kind:                                                                                                   \
    return function;
#include "compiler/codegen/LoopLowerings.inc" // generated
#undef BURIN_LOOP_LOWERING
  default:
    return nullptr;
  }
}

/// The kernel's op, if it is one alone.
Operation *onlyOp(func::FuncOp Kernel) {
  Block &Body = Kernel.getBody().front();
  return llvm::hasSingleElement(Body.without_terminator()) ? &Body.front() : nullptr;
}

constexpr int64_t GrainSteps = 1 << 15; // element steps that are worth a thread's waking

} // namespace

// -- what bodies use -------------------------------------------------------------------------------------------------

Value LoopSizes::value(const Extent &X) { return cpu::extentValue(E, X, Size); }

static cpu::KernelBuilder &builder(void *B) { return *static_cast<cpu::KernelBuilder *>(B); }

LoopBlock::LoopBlock(LoopKernel &Kernel, void *Builder)
    : LoopSizes(
          builder(Builder).E, [Builder](unsigned I) { return builder(Builder).size(I); },
          [Builder](unsigned I) { return builder(Builder).buffer(I).Base; }),
      Lanes(E), Kernel(Kernel), Builder(Builder) {
  for (unsigned I = 0; I < Kernel.Dtypes.size(); ++I) Buffers.push_back(builder(Builder).buffer(I));
}

void LoopBlock::run(Value Count, int Bits, function_ref<void(Value, int64_t, Value)> Step) {
  int64_t Width = E.Target.lanes(Bits);
  Value Whole = E.mul(E.div(Count, Width), Width);
  E.loop(E.index(0), Whole, Width, [&](Value I) { Step(I, Width, Value()); });
  if (E.Target.MaskedMemory)
    E.when(E.less(Whole, Count), [&] { Step(Whole, Width, E.laneMask(Width, E.sub(Count, Whole))); });
  else
    E.loop(Whole, Count, 1, [&](Value I) { Step(I, 1, Value()); });
}

void LoopBlock::copy(const Buffer &To, Value ToIndex, const Buffer &From, Value FromIndex, Value Count) {
  Buffer Source(E.address(From, FromIndex), From.Element), Target(E.address(To, ToIndex), To.Element);
  run(Count, static_cast<int>(From.Element.getIntOrFloatBitWidth()), [&](Value I, int64_t Width, Value Mask) {
    if (Width == 1) return E.store(E.load(Source, I), Target, I);
    E.storeVector(E.loadVector(E.vectorType(From.Element, Width), Source, I, Mask), Target, I, Mask);
  });
}

Value LoopBlock::index(unsigned Input, Value At) {
  Value I = E.load(buffer(Input), At);
  Type I64 = E.B.getI64Type();
  if (I.getType() == I64) // of a u64 beyond the greatest i64 all that matters is that any size is exceeded
    return is_signed(Kernel.dtype(Input))
               ? I
               : LLVM::UMinOp::create(E.B, I, E.index(std::numeric_limits<int64_t>::max())).getResult();
  return is_signed(Kernel.dtype(Input)) ? LLVM::SExtOp::create(E.B, I64, I).getResult()
                                        : LLVM::ZExtOp::create(E.B, I64, I).getResult();
}

Value LoopBlock::checked(Value Index, Value Size, Value At) {
  Value Inside = LLVM::ICmpOp::create(E.B, LLVM::ICmpPredicate::ult, Index, Size);
  Value Outside =
      LLVM::XOrOp::create(E.B, Inside, LLVM::ConstantOp::create(E.B, E.B.getI1Type(), E.B.getBoolAttr(true)));
  auto Number = Kernel.op()->getAttrOfType<IntegerAttr>(ir::opAttrName);
  E.when(Outside, [&] {
    builder(Builder).faultAt(BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, Number ? static_cast<int32_t>(Number.getInt()) : 0, At,
                             Index);
  });
  return E.max(E.min(Index, E.sub(Size, E.index(1))), E.index(0));
}

// -- the kernel ------------------------------------------------------------------------------------------------------

LoopKernel::LoopKernel(func::FuncOp Kernel, const cpu::CpuTarget &Target)
    : Op(onlyOp(Kernel)), Module(Kernel->getParentOfType<ModuleOp>()), Name(Kernel.getName().str()), Target(Target) {
  auto add = [&](Type T, FailureOr<Extents> Shape) {
    Dtypes.push_back(*ir::toDtype(cast<RankedTensorType>(T).getElementType()));
    Shapes.push_back(std::move(*Shape)); // outline-kernels says every one
  };
  // The op's operands are the function's arguments, in another order perhaps: buffers follow the arguments.
  for (BlockArgument Arg : Kernel.getArguments()) {
    if (Arg.getType().isIndex())
      ++NumSizes;
    else
      add(Arg.getType(), argumentShape(Kernel, Arg.getArgNumber())), ++NumInputs;
  }
  for (unsigned I = 0; I < Kernel.getNumResults(); ++I) add(Kernel.getResultTypes()[I], resultShape(Kernel, I));
}

int64_t LoopKernel::integer(StringRef Attribute) const { return Op->getAttrOfType<IntegerAttr>(Attribute).getInt(); }
Type LoopKernel::element(unsigned I) const { return ir::elementType(Op->getContext(), Dtypes[I]); }
Extent LoopKernel::product(unsigned I, size_t From, size_t To) const {
  Extent P = Extent::number(1);
  for (size_t D = From; D < To; ++D) P = P.times(Shapes[I][D]);
  return P;
}

void LoopKernel::parallel(Count Blocks, Count Work, Body Each, Count Scratch) {
  std::string Block = Name + ".p" + std::to_string(Phases.size());
  SmallVector<Type> Elements;
  for (unsigned I = 0; I < Dtypes.size(); ++I) Elements.push_back(LaneEmitter::memoryType(element(I)));
  cpu::KernelBuilder B(Module, Block, Elements, NumSizes, Target, Op->getLoc());
  LoopBlock Inside(*this, &B);
  if (Scratch) Inside.Memory = B.scratch(Scratch(Inside), B.E.B.getI8Type());
  B.E.loop(B.begin(), B.end(), 1, [&](Value I) { Each(Inside, I); });
  B.finish();
  Phases.push_back({Block, std::move(Blocks), std::move(Work)});
}

void LoopKernel::finish() {
  cpu::LaunchBuilder L(Module, Name, NumSizes, Target, Op->getLoc());
  LoopSizes Sizes(
      L.E, [&](unsigned I) { return L.size(I); },
      [&](unsigned I) { return L.E.load(Buffer(L.buffers(), L.buffers().getType()), L.E.index(I)); });
  for (const Phase &P : Phases) {
    Value Work = L.E.max(P.Work(Sizes), L.E.index(1));
    L.run(P.Name, P.Blocks(Sizes), L.E.max(L.E.div(L.E.index(GrainSteps), Work), L.E.index(1)));
  }
  L.finish();
}

bool isLoopKernel(func::FuncOp Kernel) {
  Operation *Op = onlyOp(Kernel);
  const OpInfo *Info = Op ? ir::catalogueInfo(Op) : nullptr;
  return Info && loweringOf(Info->kind);
}

SmallVector<std::pair<unsigned, unsigned>> loopInPlacePairs(func::FuncOp Kernel) {
  const OpInfo *Info = isLoopKernel(Kernel) ? ir::catalogueInfo(onlyOp(Kernel)) : nullptr;
  if (!Info || (Info->kind != OpKind::scatter && Info->kind != OpKind::scatter_add)) return {};
  return {{0, 0}};
}

LogicalResult emitLoopKernel(func::FuncOp Kernel, const cpu::CpuTarget &Target) {
  Operation *Op = onlyOp(Kernel);
  for (auto [I, Operand] : llvm::enumerate(Op->getOperands()))
    if (Operand != Kernel.getArgument(static_cast<unsigned>(I)))
      return Op->emitError("a loop kernel's operands are its arguments, in order");
  LoopKernel K(Kernel, Target);
  Kernel.setName((Kernel.getName() + ".burin").str()); // the launch function takes the name
  loweringOf(ir::catalogueInfo(Op)->kind)(K);
  K.finish();
  Kernel.erase();
  return success();
}

} // namespace burin::codegen
