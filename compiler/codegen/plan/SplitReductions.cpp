// See SplitReductions.h.
#include "compiler/codegen/plan/SplitReductions.h"

#include "compiler/ir/Types.h"

namespace burin::codegen {
using namespace mlir;

namespace {

/// The type in which partial results are kept: narrow floats are combined in f32.
Type heldType(Type T) { return ir::isNarrowFloat(T) ? Type(Float32Type::get(T.getContext())) : T; }

struct Split {
  Nest First, Second;
};

std::optional<Split> split(const Nest &N, KernelPlan &Plan, const SplitPolicy &Policy) {
  Extent Kept = Extent::number(1), Inner = Extent::number(1);
  for (unsigned D : N.Kept) Kept = Kept.times(N.DimExtents[D]);
  SmallVector<NodeId> Reductions;
  ArrayRef<unsigned> Reduced;
  for (auto [I, X] : llvm::enumerate(N.Nodes)) {
    if (X.Kind != Node::Kind::reduction) continue;
    if (X.Level || X.Reduced.empty() || (!Reduced.empty() && ArrayRef(X.Reduced) != Reduced)) return std::nullopt;
    Reduced = X.Reduced;
    Reductions.push_back(static_cast<NodeId>(I));
  }
  if (Reduced.empty() || !Kept.isStatic() || Kept.Coefficient > Policy.MaxResults || Kept.is(0) ||
      llvm::any_of(N.Outputs, [](const Output &O) { return !O.Inner.empty(); }))
    return std::nullopt;
  for (unsigned D : Reduced.drop_front()) Inner = Inner.times(N.DimExtents[D]);
  Chunking Cut;
  Cut.Length = N.DimExtents[Reduced[0]];
  Extent All = Inner.times(Kept).times(Cut.Length);
  if (All.isStatic() && All.Coefficient < Policy.MinElements) return std::nullopt;
  // Elements that are read for each of the dim's (1 where not known).
  int64_t Read = Inner.isStatic() ? std::max<int64_t>(1, Inner.times(Kept).Coefficient) : 1;
  Cut.MaxChunks = Kept.Coefficient <= Policy.FewResults ? Policy.MaxChunks : Policy.MaxChunksOfMany;
  Cut.MinChunk = (Policy.MinChunkElements + Read - 1) / Read;
  Cut.Alignment = Read == 1 ? Policy.ChunkAlignment : 1;
  unsigned Count = Plan.addChunking(Cut), Length = Count + 1;

  Split S{N, N};
  Nest &First = S.First, &Second = S.Second;
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
  First.DimExtents.push_back(Extent::size(Count));
  First.Kept.insert(First.Kept.begin(), Chunk);
  First.SplitDim = Reduced[0];
  First.ChunkDim = Chunk;
  First.ChunkLength = Length;
  First.Outputs.clear();
  Second.DimExtents.push_back(Extent::size(Count));
  Second.ChunkDim = Chunk;
  for (NodeId R : Reductions) {
    unsigned Memory = Plan.addWorkspace(heldType(N.Nodes[R].Type), Cut.MaxChunks * Kept.Coefficient);
    First.Outputs.push_back(Output{R, partial(Memory), {}, 0});
    Second.Nodes[R].Reduced.assign({Chunk});
  }
  // In the second nest a reduction combines partial results; they are loads that stand before all other nodes.
  auto Shift = static_cast<unsigned>(Reductions.size());
  for (Node &X : Second.Nodes)
    for (NodeId &O : X.Operands) O += Shift;
  for (Output &O : Second.Outputs) O.Value += Shift;
  SmallVector<Node, 0> Nodes;
  for (auto [I, R] : llvm::enumerate(Reductions)) {
    Node X;
    X.Kind = Node::Kind::load;
    X.Type = heldType(N.Nodes[R].Type);
    X.At = First.Outputs[I].At;
    X.Dims = X.At.dims();
    Nodes.push_back(X);
    Second.Nodes[R].Operands.assign({static_cast<NodeId>(I)});
  }
  for (Node &X : Second.Nodes) Nodes.push_back(std::move(X));
  Second.Nodes = std::move(Nodes);
  return S;
}

} // namespace

void splitReductions(KernelPlan &Plan, const SplitPolicy &Policy) {
  SmallVector<Nest, 1> Nests;
  for (Nest &N : Plan.Nests) {
    if (auto S = split(N, Plan, Policy)) {
      Nests.push_back(std::move(S->First));
      Nests.push_back(std::move(S->Second));
    } else {
      Nests.push_back(std::move(N));
    }
  }
  Plan.Nests = std::move(Nests);
}

} // namespace burin::codegen
