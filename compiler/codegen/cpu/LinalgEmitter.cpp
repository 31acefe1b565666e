// From the plan of a kernel to its block functions and its launch function.
#include "compiler/codegen/cpu/LinalgEmitter.h"

#include "compiler/codegen/cpu/LinalgEmitterNest.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

class KernelEmitter {
public:
  KernelEmitter(const Kernel &K, const KernelPlan &Plan, const CpuTarget &Target)
      : Module(K.Function->getParentOfType<ModuleOp>()), Name(K.Name), Loc(K.Function->getLoc()), Plan(Plan),
        Target(Target), Own(K.workspaceAt()) {}

  void emit() {
    SmallVector<Function> Functions;
    for (const Nest &N : Plan.Nests)
      Functions.push_back(blockFunction(N, N.ChunkDim ? Plan.numSizes() : Plan.NumSizes));
    LaunchBuilder L(Module, Name, Plan.NumSizes, Target, Loc);
    Table Extended;
    if (!Plan.Chunkings.empty()) Extended = extendSizes(L);
    auto size = [&](unsigned K) { return K < Plan.NumSizes ? L.size(K) : Extended.Derived[K - Plan.NumSizes]; };
    for (auto [N, F] : llvm::zip(Plan.Nests, Functions)) {
      Value Blocks = blockCount(L.E, N, F.second, size), Grain = blockGrain(L.E, N, F.second, size);
      if (N.ChunkDim)
        L.run(F.first, Blocks, Grain, Extended.Sizes);
      else
        L.run(F.first, Blocks, Grain);
    }
    L.finish();
  }

private:
  using Function = std::pair<std::string, Schedule>;
  /// What nests of split reductions are given: the kernel's sizes and the chunks'.
  struct Table {
    Value Sizes;
    SmallVector<Value> Derived; ///< the sizes behind the kernel's own
  };

  Function blockFunction(const Nest &N, unsigned NumSizes) {
    std::string Block = Name + ".p" + std::to_string(Count++);
    Schedule S = scheduleNest(N, Plan, Target);
    SmallVector<Type> Elements;
    for (unsigned I = 0; I < Own; ++I) Elements.push_back(LaneEmitter::memoryType(Plan.Memory[I].Element));
    Elements.append(2, IntegerType::get(Module.getContext(), 8)); // workspace, where there is any
    KernelBuilder K(Module, Block, Elements, NumSizes, Target, Loc);
    auto memory = [&](unsigned I) {
      const MemoryDesc &M = Plan.Memory[I];
      if (M.constant()) return constantBuffer(K.E, I);
      if (!M.Workspace) return K.buffer(I);
      return Buffer(K.E.address(K.buffer(Own), K.E.index(M.Offset)), LaneEmitter::memoryType(M.Element));
    };
    auto own = [&](Value Bytes) { return K.ownStretch(Own + (Plan.WorkspaceBytes ? 1 : 0), Bytes); };
    emitNest(K, Plan, memory, own, N, S);
    K.finish();
    return {Block, S};
  }

  /// Elements of a small constant, in read-only memory of the object.
  Buffer constantBuffer(Emitter &E, unsigned Memory) {
    Type Element = LaneEmitter::memoryType(Plan.Memory[Memory].Element);
    DenseElementsAttr Elements = Plan.Memory[Memory].constant();
    auto Flat = RankedTensorType::get({Elements.getNumElements()}, Element);
    if (Plan.Memory[Memory].Element.isInteger(1)) {
      SmallVector<int8_t> Bytes(Elements.getValues<bool>());
      Elements = DenseElementsAttr::get(Flat, ArrayRef<int8_t>(Bytes));
    } else if (Plan.Memory[Memory].Element != Element) {
      Elements = Elements.bitcast(Element);
    }
    std::string Symbol = Name + ".c" + std::to_string(Memory);
    if (!Module.lookupSymbol(Symbol)) {
      OpBuilder AtEnd(Module.getContext());
      AtEnd.setInsertionPointToEnd(Module.getBody());
      LLVM::GlobalOp::create(AtEnd, Loc, LLVM::LLVMArrayType::get(Element, Elements.getNumElements()),
                             /*isConstant=*/true, LLVM::Linkage::Internal, Symbol, Elements.reshape(Flat),
                             /*alignment=*/64);
    }
    return Buffer(LLVM::AddressOfOp::create(E.B, LLVM::LLVMPointerType::get(E.B.getContext()), Symbol), Element);
  }

  Table extendSizes(LaunchBuilder &L) {
    Emitter &E = L.E;
    Table T;
    for (const Chunking &C : Plan.Chunkings) {
      Value Length = extentValue(E, C.Length, [&](unsigned K) { return L.size(K); });
      Value Chunk = E.max(E.ceilDiv(Length, C.MaxChunks), E.index(C.MinChunk));
      if (C.Alignment != 1) Chunk = E.mul(E.ceilDiv(Chunk, C.Alignment), C.Alignment);
      T.Derived.push_back(E.div(E.add(Length, E.sub(Chunk, E.index(1))), Chunk));
      T.Derived.push_back(Chunk);
    }
    Type Pointer = L.buffers().getType(), I64 = E.B.getI64Type();
    auto stack = [&](Type T, int64_t N) {
      return LLVM::AllocaOp::create(E.B, Pointer, T, E.index(N), /*alignment=*/64).getResult();
    };
    auto slot = [&](Value Table, Type T, size_t I) {
      return LLVM::GEPOp::create(E.B, Pointer, T, Table, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(I)}).getResult();
    };
    T.Sizes = stack(I64, Plan.numSizes());
    for (unsigned I = 0; I < Plan.NumSizes; ++I) LLVM::StoreOp::create(E.B, L.size(I), slot(T.Sizes, I64, I), 8);
    for (auto [I, V] : llvm::enumerate(T.Derived))
      LLVM::StoreOp::create(E.B, V, slot(T.Sizes, I64, Plan.NumSizes + I), 8);
    return T;
  }

  ModuleOp Module;
  std::string Name;
  Location Loc;
  const KernelPlan &Plan;
  const CpuTarget &Target;
  unsigned Own; ///< buffers of the kernel: what follows in the table is workspace
  unsigned Count = 0;
};

} // namespace

Workspace nestsWorkspace(const KernelPlan &Plan, const CpuTarget &Target) {
  Workspace W;
  if (Plan.WorkspaceBytes) W.Shared.push_back(Extent::number(Plan.WorkspaceBytes));
  for (const Nest &N : Plan.Nests)
    if (auto Nodes = keptNodes(N, scheduleNest(N, Plan, Target)); !Nodes.empty()) W.Each.append(keptBytes(Nodes));
  return W;
}

void emitNests(const Kernel &K, const KernelPlan &Plan, const CpuTarget &Target) {
  KernelEmitter(K, Plan, Target).emit();
}

} // namespace burin::codegen::cpu
