// From a kernel function to its block functions and its launch function; splits long reductions in two stages.
#include "compiler/codegen/cpu/LinalgEmitter.h"

#include "compiler/codegen/cpu/LinalgEmitterNest.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

// A reduction that leaves few results runs over chunks in parallel and then over the partial results. The number of
// chunks depends on sizes only.
constexpr int64_t MaxSplitResults = 1024; // partial results live on the launch function's stack: 64 * 16 or 16 * 1024
constexpr int64_t MinSplitElements = 1 << 16;
constexpr int64_t MinChunkElements = 1 << 14;
constexpr int64_t ChunkAlignment = 64; // elements

struct Split {
  Nest First, Second;
  SmallVector<NodeId> Reductions;
  Extent Length;         ///< of the dim that is cut
  int64_t InnerElements; ///< for each of its elements (1 where not known)
  int64_t MaxChunks, NumResults;
};

/// The two nests of a split reduction; sizes NumSizes and NumSizes + 1 are the number and the length of the chunks.
std::optional<Split> splitReduction(const Nest &N, KernelPlan &Plan) {
  Split S;
  Extent Kept = Extent::number(1), Inner = Extent::number(1);
  for (unsigned D : N.Kept) Kept = Kept.times(N.DimExtents[D]);
  ArrayRef<unsigned> Reduced;
  for (auto [I, X] : llvm::enumerate(N.Nodes)) {
    if (X.Kind != Node::Kind::reduction) continue;
    if (X.Level || X.Reduced.empty() || (!Reduced.empty() && ArrayRef(X.Reduced) != Reduced)) return std::nullopt;
    Reduced = X.Reduced;
    S.Reductions.push_back(static_cast<NodeId>(I));
  }
  if (Reduced.empty() || !Kept.isStatic() || Kept.Coefficient > MaxSplitResults || Kept.is(0) ||
      llvm::any_of(N.Outputs, [](const Output &O) { return !O.Inner.empty(); }))
    return std::nullopt;
  for (unsigned D : Reduced.drop_front()) Inner = Inner.times(N.DimExtents[D]);
  S.Length = N.DimExtents[Reduced[0]];
  Extent All = Inner.times(Kept).times(S.Length);
  if (All.isStatic() && All.Coefficient < MinSplitElements) return std::nullopt;
  S.InnerElements = Inner.isStatic() ? std::max<int64_t>(1, Inner.times(Kept).Coefficient) : 1;
  S.NumResults = Kept.Coefficient;
  S.MaxChunks = S.NumResults <= 16 ? 64 : 16;

  S.First = S.Second = N;
  unsigned Chunk = static_cast<unsigned>(N.DimExtents.size());
  auto partial = [&](unsigned Memory) {
    Address A;
    A.Memory = Memory;
    Extent Stride = Extent::number(1);
    for (size_t I = N.Kept.size(); I-- > 0; Stride = Stride.times(N.DimExtents[N.Kept[I]]))
      A.Strides.push_back({N.Kept[I], Stride});
    A.Strides.push_back({Chunk, Stride});
    llvm::sort(A.Strides, [](auto &X, auto &Y) { return X.first < Y.first; });
    return A;
  };
  S.First.DimExtents.push_back(Extent::size(Plan.NumSizes));
  S.First.Kept.insert(S.First.Kept.begin(), Chunk);
  S.First.SplitDim = Reduced[0];
  S.First.ChunkDim = Chunk;
  S.First.ChunkLength = Plan.NumSizes + 1;
  S.First.Outputs.clear();
  S.Second.DimExtents.push_back(Extent::size(Plan.NumSizes));
  for (NodeId R : S.Reductions) {
    unsigned Memory = static_cast<unsigned>(Plan.Memory.size());
    Plan.Memory.push_back({LaneEmitter::registerType(N.Nodes[R].Type), Value()});
    S.First.Outputs.push_back(Output{R, partial(Memory), {}, 0});
    Node &Again = S.Second.Nodes[R];
    Again.Reduced.assign({Chunk});
  }
  // In the second nest a reduction combines partial results; they are loads that stand before all other nodes.
  Nest &Second = S.Second;
  unsigned Shift = static_cast<unsigned>(S.Reductions.size());
  for (Node &X : Second.Nodes)
    for (NodeId &O : X.Operands) O += Shift;
  for (Output &O : Second.Outputs) O.Value += Shift;
  SmallVector<Node, 0> Nodes;
  for (auto [I, R] : llvm::enumerate(S.Reductions)) {
    Node X;
    X.Kind = Node::Kind::load;
    X.Type = LaneEmitter::registerType(N.Nodes[R].Type);
    X.At = S.First.Outputs[I].At;
    X.Dims = X.At.dims();
    Nodes.push_back(X);
    Second.Nodes[R].Operands.assign({static_cast<NodeId>(I)});
  }
  for (Node &X : Second.Nodes) Nodes.push_back(std::move(X));
  Second.Nodes = std::move(Nodes);
  return S;
}

class KernelEmitter {
public:
  KernelEmitter(func::FuncOp Kernel, KernelPlan Plan, const CpuTarget &Target)
      : Module(Kernel->getParentOfType<ModuleOp>()), Name(Kernel.getName().str()), Loc(Kernel.getLoc()),
        Plan(std::move(Plan)), Target(Target) {}

  void emit() {
    SmallVector<std::function<void(LaunchBuilder &)>> Runs;
    for (const Nest &N : Plan.Nests) {
      // Partial results are buffers of this nest's functions only.
      size_t Memories = Plan.Memory.size(), Buffers = Plan.NumInputs + Plan.NumResults;
      if (auto S = splitReduction(N, Plan)) {
        auto First = blockFunction(S->First, Plan.NumSizes + 2), Second = blockFunction(S->Second, Plan.NumSizes + 2);
        Runs.push_back([this, S = std::move(*S), First, Second, Buffers](LaunchBuilder &L) {
          launchSplit(L, S, First, Second, Buffers);
        });
        Plan.Memory.truncate(Memories);
        continue;
      }
      auto F = blockFunction(N, Plan.NumSizes);
      Runs.push_back([this, &N, F](LaunchBuilder &L) {
        auto size = [&](unsigned K) { return L.size(K); };
        L.run(F.first, blockCount(L.E, N, F.second, size), blockGrain(L.E, N, F.second, size));
      });
    }
    LaunchBuilder L(Module, Name, Plan.NumSizes, Target, Loc);
    for (auto &Run : Runs) Run(L);
    L.finish();
  }

private:
  using Function = std::pair<std::string, Schedule>;

  Function blockFunction(const Nest &N, unsigned NumSizes) {
    std::string Block = Name + ".p" + std::to_string(Count++);
    Schedule S = scheduleNest(N, Plan, Target);
    SmallVector<Type> Elements;
    for (const MemoryDesc &M : Plan.Memory)
      if (!M.constant()) Elements.push_back(LaneEmitter::memoryType(M.Element));
    KernelBuilder K(Module, Block, Elements, NumSizes, Target, Loc);
    SmallVector<unsigned> Numbers; // of the buffers among all memory
    for (unsigned Next = 0; const MemoryDesc &M : Plan.Memory) Numbers.push_back(M.constant() ? Next : Next++);
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

  /// Both stages with tables of their own: the kernel's buffers and the partial results, its sizes and the chunks'.
  void launchSplit(LaunchBuilder &L, const Split &S, const Function &First, const Function &Second, size_t NumBuffers) {
    Emitter &E = L.E;
    Type Pointer = L.buffers().getType(), I64 = E.B.getI64Type();
    auto stack = [&](Type T, int64_t N) {
      return LLVM::AllocaOp::create(E.B, Pointer, T, E.index(N), /*alignment=*/64).getResult();
    };
    Value Length = extentValue(E, S.Length, [&](unsigned K) { return L.size(K); });
    Value Chunk =
        E.max(E.ceilDiv(Length, S.MaxChunks), E.index((MinChunkElements + S.InnerElements - 1) / S.InnerElements));
    if (S.InnerElements == 1) Chunk = E.mul(E.ceilDiv(Chunk, ChunkAlignment), ChunkAlignment);
    Value Chunks = E.div(E.add(Length, E.sub(Chunk, E.index(1))), Chunk);

    Buffer Buffers(stack(Pointer, static_cast<int64_t>(NumBuffers + S.Reductions.size())), Pointer, 8);
    Buffer From(L.buffers(), Pointer, 8);
    auto slot = [&](const Buffer &Table, Type T, size_t I) {
      return LLVM::GEPOp::create(E.B, Pointer, T, Table.Base, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(I)})
          .getResult();
    };
    for (size_t I = 0; I < NumBuffers; ++I)
      LLVM::StoreOp::create(E.B, LLVM::LoadOp::create(E.B, Pointer, slot(From, Pointer, I), 8),
                            slot(Buffers, Pointer, I), 8);
    for (auto [I, R] : llvm::enumerate(S.Reductions)) {
      Type Element = LaneEmitter::memoryType(LaneEmitter::registerType(S.First.Nodes[R].Type));
      LLVM::StoreOp::create(E.B, stack(Element, S.MaxChunks * S.NumResults), slot(Buffers, Pointer, NumBuffers + I), 8);
    }
    Buffer Sizes(stack(I64, Plan.NumSizes + 2), I64, 8);
    for (unsigned I = 0; I < Plan.NumSizes; ++I) LLVM::StoreOp::create(E.B, L.size(I), slot(Sizes, I64, I), 8);
    LLVM::StoreOp::create(E.B, Chunks, slot(Sizes, I64, Plan.NumSizes), 8);
    LLVM::StoreOp::create(E.B, Chunk, slot(Sizes, I64, Plan.NumSizes + 1), 8);

    auto size = [&](unsigned K) { return K < Plan.NumSizes ? L.size(K) : K == Plan.NumSizes ? Chunks : Chunk; };
    auto run = [&](const Nest &N, const Function &F) {
      L.run(F.first, blockCount(E, N, F.second, size), blockGrain(E, N, F.second, size), Buffers.Base, Sizes.Base);
    };
    run(S.First, First);
    run(S.Second, Second);
  }

  ModuleOp Module;
  std::string Name;
  Location Loc;
  KernelPlan Plan;
  const CpuTarget &Target;
  unsigned Count = 0;
};

} // namespace

FailureOr<SmallVector<std::pair<unsigned, unsigned>>> inPlacePairs(func::FuncOp Kernel) {
  FailureOr<KernelPlan> Plan = planKernel(Kernel);
  if (failed(Plan)) return failure();
  return std::move(Plan->InPlace);
}

LogicalResult emitLinalgKernel(func::FuncOp Kernel, const CpuTarget &Target) {
  FailureOr<KernelPlan> Plan = planKernel(Kernel);
  if (failed(Plan)) return failure();
  KernelEmitter Emit(Kernel, std::move(*Plan), Target);
  // The launch function takes the kernel's name; bodies are copied from the kernel until then.
  Kernel.setName((Kernel.getName() + ".linalg").str());
  Emit.emit();
  Kernel.erase();
  return success();
}

} // namespace burin::codegen::cpu
