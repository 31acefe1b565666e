// The functions that the kernel ABI asks for.
#include "compiler/codegen/cpu/KernelAbi.h"

#include <burin/rt/rt.h>

namespace burin::codegen::cpu {
using namespace mlir;

/// An Emitter that stands at the end of the module.
static Emitter emitterIn(ModuleOp Module, const CpuTarget &Target, std::optional<Location> Loc) {
  OpBuilder Builder(Module.getContext());
  Builder.setInsertionPointToEnd(Module.getBody());
  return Emitter(Builder, Loc.value_or(Module.getLoc()), Target);
}

/// Opens `void Name(Arguments...)` and moves the Emitter into it.
static LLVM::LLVMFuncOp openFunction(Emitter &E, StringRef Name, ArrayRef<Type> Arguments) {
  auto Signature = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(E.B.getContext()), Arguments);
  auto Func = LLVM::LLVMFuncOp::create(E.B, Name, Signature, LLVM::Linkage::External, /*dsoLocal=*/true);
  // Hidden: reached pc-relative from the host program, never through a table the loader would have to make.
  Func.setVisibility_(LLVM::Visibility::Hidden);
  Func.setNoUnwind(true);
  E.B.setInsertionPointToStart(Func.addEntryBlock(E.B));
  return Func;
}

/// Entry I of a table of `T` that does not change while the function runs.
static Value entry(Emitter &E, Value Table, Type T, unsigned I) {
  Value At = LLVM::GEPOp::create(E.B, Table.getType(), T, Table, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(I)},
                                 LLVM::GEPNoWrapFlags::inbounds);
  return LLVM::LoadOp::create(E.B, T, At, 8, /*isVolatile=*/false, /*isNonTemporal=*/false, /*isInvariant=*/true);
}

KernelBuilder::KernelBuilder(ModuleOp Module, StringRef Name, ArrayRef<Type> Elements, unsigned NumSizes,
                             const CpuTarget &Target, std::optional<Location> Loc, ArrayRef<unsigned> Order)
    : E(emitterIn(Module, Target, Loc)) {
  Type Pointer = LLVM::LLVMPointerType::get(Module.getContext()), I64 = E.B.getI64Type();
  Func = openFunction(E, Name, {Pointer, Pointer, I64, I64, Pointer});
  for (auto [I, Element] : llvm::enumerate(Elements)) {
    Buffers.emplace_back(Value(), Element);
    Entries.push_back(Order.empty() ? static_cast<unsigned>(I) : Order[I]);
  }
  for (unsigned I = 0; I < NumSizes; ++I) Sizes.push_back(entry(E, Func.getArgument(1), I64, I));
  Begin = Func.getArgument(2);
  End = Func.getArgument(3);
  Ctx = Func.getArgument(4);
}

const Buffer &KernelBuilder::buffer(unsigned I) {
  if (!Buffers[I].Base) {
    OpBuilder::InsertionGuard Guard(E.B);
    E.B.setInsertionPointToStart(&Func.getBody().front());
    Value Table = Func.getArgument(0);
    Buffers[I].Base = entry(E, Table, Table.getType(), Entries[I]);
  }
  return Buffers[I];
}

Buffer KernelBuilder::ownStretch(unsigned I, Value Bytes) {
  Buffer All = buffer(I);
  Value Stride = E.mul(E.ceilDiv(Bytes, 64), 64);
  Value Base = E.address(Buffer(All.Base, E.B.getI8Type()), E.mul(rt::worker(E, Ctx), Stride));
  return Buffer(Base, All.Element, BURIN_RT_ALIGNMENT);
}

LLVM::LLVMFuncOp KernelBuilder::finish() {
  LLVM::ReturnOp::create(E.B, ValueRange{});
  return Func;
}

LaunchBuilder::LaunchBuilder(ModuleOp Module, StringRef Name, unsigned NumSizes, const CpuTarget &Target,
                             std::optional<Location> Loc)
    : E(emitterIn(Module, Target, Loc)) {
  Type Pointer = LLVM::LLVMPointerType::get(Module.getContext());
  Func = openFunction(E, Name, {Pointer, Pointer, Pointer});
  // A few scalar ops a launch: compiling them carefully costs more than they ever will (a fourth of a small module).
  Func.setOptimizeNone(true);
  Func.setNoInline(true);
  BufferTable = Func.getArgument(0);
  SizeTable = Func.getArgument(1);
  Ctx = Func.getArgument(2);
  for (unsigned I = 0; I < NumSizes; ++I) Sizes.push_back(entry(E, SizeTable, E.B.getI64Type(), I));
}

void LaunchBuilder::run(StringRef BlockFunction, Value Blocks, Value Grain, Value SizeValues) {
  Value Buffers = BufferTable;
  if (!SizeValues) SizeValues = SizeTable;
  auto direct = [&] {
    Type Pointer = BufferTable.getType(), I64 = E.B.getI64Type();
    auto Signature =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(E.B.getContext()), {Pointer, Pointer, I64, I64, Pointer});
    LLVM::CallOp::create(E.B, Signature, BlockFunction, ValueRange{Buffers, SizeValues, E.index(0), Blocks, Ctx})
        .setNoUnwind(true);
  };
  auto CBlocks = Emitter::constantOf(Blocks), CGrain = Emitter::constantOf(Grain);
  if (CBlocks && CGrain && *CBlocks <= *CGrain) return direct();
  auto parallel = [&] { rt::parallelFor(E, Ctx, BlockFunction, Buffers, SizeValues, Blocks, Grain); };
  if (CBlocks && CGrain) return parallel();
  E.when(E.less(Grain, Blocks), parallel, direct);
}

LLVM::LLVMFuncOp LaunchBuilder::finish() {
  LLVM::ReturnOp::create(E.B, ValueRange{});
  return Func;
}

} // namespace burin::codegen::cpu
