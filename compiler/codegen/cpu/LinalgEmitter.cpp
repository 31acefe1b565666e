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
        Target(Target) {}

  void emit() {
    SmallVector<Function> Functions;
    for (const Nest &N : Plan.Nests)
      Functions.push_back(blockFunction(N, N.ChunkDim ? Plan.numSizes() : Plan.NumSizes));
    LaunchBuilder L(Module, Name, Plan.NumSizes, Target, Loc);
    Tables Extended;
    if (!Plan.Chunkings.empty()) Extended = extendTables(L);
    auto size = [&](unsigned K) { return K < Plan.NumSizes ? L.size(K) : Extended.Derived[K - Plan.NumSizes]; };
    for (auto [N, F] : llvm::zip(Plan.Nests, Functions)) {
      Value Blocks = blockCount(L.E, N, F.second, size), Grain = blockGrain(L.E, N, F.second, size);
      if (N.ChunkDim)
        L.run(F.first, Blocks, Grain, Extended.Buffers, Extended.Sizes);
      else
        L.run(F.first, Blocks, Grain);
    }
    L.finish();
  }

private:
  using Function = std::pair<std::string, Schedule>;
  /// What nests of split reductions are given: the kernel's buffers and the workspace, its sizes and the chunks'.
  struct Tables {
    Value Buffers, Sizes;
    SmallVector<Value> Derived; ///< the sizes behind the kernel's own
  };

  Function blockFunction(const Nest &N, unsigned NumSizes) {
    std::string Block = Name + ".p" + std::to_string(Count++);
    Schedule S = scheduleNest(N, Plan, Target);
    SmallVector<Type> Elements;
    auto inTable = [&](const MemoryDesc &M) { return !M.constant() && (N.ChunkDim || !M.Workspace); };
    for (const MemoryDesc &M : Plan.Memory)
      if (inTable(M)) Elements.push_back(LaneEmitter::memoryType(M.Element));
    KernelBuilder K(Module, Block, Elements, NumSizes, Target, Loc);
    SmallVector<unsigned> Numbers; // of the buffers among all memory
    for (unsigned Next = 0; const MemoryDesc &M : Plan.Memory) Numbers.push_back(inTable(M) ? Next++ : Next);
    emitNest(
        K, Plan, [&](unsigned I) { return Plan.Memory[I].constant() ? constantBuffer(K.E, I) : K.buffer(Numbers[I]); },
        N, S);
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

  Tables extendTables(LaunchBuilder &L) {
    Emitter &E = L.E;
    Tables T;
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
    size_t Own = Plan.NumInputs + Plan.NumResults;
    auto Workspace = llvm::make_filter_range(Plan.Memory, [](const MemoryDesc &M) { return M.Workspace != 0; });
    T.Buffers = stack(Pointer, static_cast<int64_t>(Own) + std::distance(Workspace.begin(), Workspace.end()));
    for (size_t I = 0; I < Own; ++I)
      LLVM::StoreOp::create(E.B, LLVM::LoadOp::create(E.B, Pointer, slot(L.buffers(), Pointer, I), 8),
                            slot(T.Buffers, Pointer, I), 8);
    for (auto [I, M] : llvm::enumerate(Workspace))
      LLVM::StoreOp::create(E.B, stack(LaneEmitter::memoryType(M.Element), M.Workspace),
                            slot(T.Buffers, Pointer, Own + I), 8);
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
  unsigned Count = 0;
};

} // namespace

void emitNests(const Kernel &K, const KernelPlan &Plan, const CpuTarget &Target) {
  KernelEmitter(K, Plan, Target).emit();
}

} // namespace burin::codegen::cpu
