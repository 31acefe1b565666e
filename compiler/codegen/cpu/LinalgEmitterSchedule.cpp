// Decisions about a nest: the dim in lanes, lanes and unrolling, the size of blocks, the grain. Named constants only; no
// decision depends on the number of threads, so results do not either.
#include "compiler/codegen/cpu/LinalgEmitterNest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <map>

namespace burin::codegen::cpu {
using namespace mlir;

namespace {
constexpr int64_t PointwiseChunk = 4096;  // elements in a block: a few microseconds of work, a multiple of any step
constexpr double GrainCost = 8e5;         // 8 us in 1/100 ns: below it, waking a thread costs more than it brings
constexpr int64_t WholeRow = 16384;       // rows up to this long are not cut into chunks
constexpr int64_t MostUnrolledOps = 1024; // vector ops in the innermost code, for compile time
} // namespace

/// The most values that are alive at once in the innermost code, were it written in the order of the nodes.
static int64_t mostAlive(const Nest &N, ArrayRef<bool> Live) {
  SmallVector<size_t> LastUse(N.Nodes.size(), 0);
  for (size_t I = 0; I < N.Nodes.size(); ++I)
    if (Live[I])
      for (NodeId O : N.Nodes[I].Operands) LastUse[O] = I;
  for (const Output &O : N.Outputs) LastUse[O.Value] = N.Nodes.size();
  int64_t Alive = 0, Most = 0;
  SmallVector<int> Ends(N.Nodes.size() + 1, 0);
  for (size_t I = 0; I < N.Nodes.size(); ++I) {
    if (!Live[I] || N.Nodes[I].Kind == Node::Kind::constant || N.Nodes[I].Kind == Node::Kind::inside) continue;
    Alive += 1 - Ends[I];
    ++Ends[LastUse[I]];
    // exp and the like need a few registers while they are computed.
    bool Long = N.Nodes[I].Kind == Node::Kind::compute && isa<math::ExpOp, math::LogOp, math::TanhOp>(N.Nodes[I].Op);
    Most = std::max(Most, Alive + (Long ? 4 : 1));
  }
  return Most;
}

Schedule scheduleNest(const Nest &N, const KernelPlan &Plan, const CpuTarget &Target) {
  Schedule S;
  int NumOps = 0;
  unsigned Widest = 8;
  double Cost = 0;
  const Node *FirstReduction = nullptr;
  SmallVector<bool> Live(N.Nodes.size(), false);
  for (const Output &O : N.Outputs) {
    Live[O.Value] = true;
    Cost += 5;
  }
  for (size_t I = N.Nodes.size(); I-- > 0;) {
    const Node &X = N.Nodes[I];
    if (!Live[I]) continue;
    for (NodeId O : X.Operands) Live[O] = true;
    if (X.Kind == Node::Kind::reduction) FirstReduction = &X;
    if (X.Kind == Node::Kind::load) Cost += 5;
    if (X.Kind == Node::Kind::compute || X.Kind == Node::Kind::reduction) {
      bool Long = isa<math::ExpOp, math::LogOp, math::TanhOp>(X.Op);
      NumOps += Long ? 16 : 1;
      Cost += Long ? 30 : isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(X.Op) ? 100 : 2;
    }
    if (X.Kind != Node::Kind::constant && !X.Type.isIndex() && !X.Type.isInteger(1))
      Widest = std::max(Widest, LaneEmitter::registerType(X.Type).getIntOrFloatBitWidth());
  }
  S.CostPerElement = Cost;

  // The dim in lanes: where most accesses are neighbours.
  auto neighbours = [&](unsigned D) {
    int Score = 0;
    for (size_t I = 0; I < N.Nodes.size(); ++I)
      if (Live[I] && N.Nodes[I].Kind == Node::Kind::load) {
        Extent Stride = N.Nodes[I].At.stride(D);
        Score += Stride.is(1) ? 1 : Stride.is(0) ? 0 : -1;
      }
    for (const Output &O : N.Outputs)
      if (!O.Inner.empty()) Score += O.At.stride(D).is(1) ? 1 : -1;
    return Score;
  };
  SmallVector<unsigned> Inner;
  if (FirstReduction) Inner.assign(FirstReduction->Reduced.begin(), FirstReduction->Reduced.end());
  if (!N.Kept.empty() && (Inner.empty() || neighbours(N.Kept.back()) > neighbours(Inner.back())))
    S.KeptVector = N.Kept.back();
  S.Outer.assign(N.Kept.begin(), N.Kept.end() - (S.KeptVector ? 1 : 0));

  S.Lanes = Target.lanes(static_cast<int>(Widest));
  // Copies of a chain hide the latency of its ops, as long as they fit into registers. Reductions want a few accumulators.
  int64_t Alive = mostAlive(N, Live);
  S.Unroll = FirstReduction && NumOps <= 2 ? 8 : 4;
  while (S.Unroll > 1 && (Alive * S.Unroll > Target.NumVectorRegisters - 4 || NumOps * S.Unroll > MostUnrolledOps))
    S.Unroll /= 2;
  unsigned LaneDim = S.KeptVector ? *S.KeptVector : Inner.empty() ? ~0u : Inner.back();
  if (LaneDim == ~0u) {
    S.Lanes = S.Unroll = 1;
  } else if (const Extent &X = N.DimExtents[LaneDim]; X.isStatic()) {
    int64_t Size = std::max<int64_t>(1, X.Coefficient);
    while (S.Lanes > 1 && (Target.MaskedMemory ? S.Lanes / 2 >= Size : S.Lanes > Size)) S.Lanes /= 2;
    while (S.Unroll > 1 && S.Unroll * S.Lanes > Size) S.Unroll /= 2;
  }
  if (S.KeptVector && !FirstReduction && S.Lanes > 1)
    for (const Node &X : N.Nodes) {
      if (X.Kind != Node::Kind::load || X.At.stride(*S.KeptVector).is(0) || X.At.stride(*S.KeptVector).is(1)) continue;
      for (unsigned D : S.Outer)
        if (X.At.stride(D).is(1) && !S.TileDim) {
          S.TileDim = D;
          S.Unroll = 1;
        }
    }
  if (S.KeptVector) {
    const Extent &X = N.DimExtents[*S.KeptVector];
    int64_t Chunk = FirstReduction ? S.Lanes * S.Unroll : PointwiseChunk;
    bool Whole = !S.Outer.empty() && X.isStatic() && X.Coefficient <= (FirstReduction ? Chunk : WholeRow);
    S.Chunk = Whole ? 0 : Chunk;
  }
  return S;
}

SmallVector<Pass> passesOf(const Nest &N) {
  SmallVector<Pass> Passes;
  unsigned Deepest = 0;
  for (const Node &X : N.Nodes) Deepest = std::max(Deepest, X.Level);
  auto passFor = [&](ArrayRef<unsigned> Dims, size_t From) -> Pass & {
    for (size_t I = From; I < Passes.size(); ++I)
      if (ArrayRef(Passes[I].Dims) == Dims) return Passes[I];
    Passes.push_back({SmallVector<unsigned>(Dims), {}, {}});
    return Passes.back();
  };
  SmallVector<bool> Live(N.Nodes.size(), false);
  for (const Output &O : N.Outputs) Live[O.Value] = true;
  for (size_t I = N.Nodes.size(); I-- > 0;)
    if (Live[I])
      for (NodeId O : N.Nodes[I].Operands) Live[O] = true;
  for (unsigned Level = 0; Level <= Deepest; ++Level) {
    size_t From = Passes.size();
    for (auto [I, X] : llvm::enumerate(N.Nodes))
      if (Live[I] && X.Kind == Node::Kind::reduction && X.Level == Level)
        passFor(X.Reduced, From).Reductions.push_back(static_cast<NodeId>(I));
  }
  size_t From = Passes.size();
  for (auto [I, O] : llvm::enumerate(N.Outputs))
    if (!O.Inner.empty()) passFor(O.Inner, From).Outputs.push_back(static_cast<unsigned>(I));
  return Passes;
}

SmallVector<NodeId> rootsOf(const Nest &N, const Pass &P) {
  SmallVector<NodeId> Roots;
  for (NodeId R : P.Reductions) Roots.push_back(N.Nodes[R].Operands[0]);
  for (unsigned O : P.Outputs) Roots.push_back(N.Outputs[O].Value);
  return Roots;
}

SmallVector<NodeId> neededNodes(const Nest &N, ArrayRef<NodeId> Roots, function_ref<bool(NodeId)> Known,
                                function_ref<bool(NodeId)> IsStored) {
  SmallVector<bool> Mark(N.Nodes.size(), false);
  for (NodeId R : Roots) Mark[R] = true;
  SmallVector<NodeId> List;
  for (size_t I = N.Nodes.size(); I-- > 0;) {
    auto Id = static_cast<NodeId>(I);
    if (!Mark[I] || N.Nodes[I].Kind == Node::Kind::reduction || Known(Id)) continue;
    List.push_back(Id);
    if (!IsStored(Id))
      for (NodeId O : N.Nodes[I].Operands) Mark[O] = true;
  }
  std::reverse(List.begin(), List.end());
  return List;
}

// exp and the like that several passes over a row need: recomputing costs more than L1 traffic.
SmallVector<KeptNode> keptNodes(const Nest &N, const Schedule &S) {
  SmallVector<Pass> Passes = passesOf(N);
  SmallVector<KeptNode> Nodes;
  if (S.KeptVector || Passes.size() < 2) return Nodes;
  auto never = [](NodeId) { return false; };
  std::map<NodeId, SmallVector<size_t>> Uses;
  for (auto [P, X] : llvm::enumerate(Passes))
    for (NodeId Id : neededNodes(N, rootsOf(N, X), never, never))
      if (N.Nodes[Id].Kind == Node::Kind::compute && isa<math::ExpOp, math::LogOp>(N.Nodes[Id].Op))
        Uses[Id].push_back(P);
  for (auto &[Id, In] : Uses) {
    ArrayRef<unsigned> Dims = Passes[In[0]].Dims;
    bool Same = llvm::all_of(In, [&](size_t P) { return ArrayRef(Passes[P].Dims) == Dims; });
    if (In.size() < 2 || !Same || Dims.empty() || !(N.Nodes[Id].Dims >> Dims.back() & 1)) continue;
    Extent Size = Extent::number(LaneEmitter::registerType(N.Nodes[Id].Type).getIntOrFloatBitWidth() / 8);
    for (unsigned D : Dims) Size = Size.times(N.DimExtents[D]);
    Nodes.push_back({Id, SmallVector<unsigned>(Dims), Size});
  }
  return Nodes;
}

Extents keptBytes(ArrayRef<KeptNode> Nodes) {
  Extents Sum{Extent::number(64 * static_cast<int64_t>(Nodes.size()))};
  for (const KeptNode &X : Nodes)
    if (X.Bytes.isStatic())
      Sum[0].Coefficient += X.Bytes.Coefficient;
    else
      Sum.push_back(X.Bytes);
  return Sum;
}

Value blockCount(Emitter &E, const Nest &N, const Schedule &S, function_ref<Value(unsigned)> Size) {
  Value Count = E.index(1);
  for (unsigned D : S.Outer) {
    Value Extent = extentValue(E, N.DimExtents[D], Size);
    Count = E.mul(Count, S.TileDim == D ? E.ceilDiv(Extent, S.TileRows) : Extent);
  }
  if (S.KeptVector && S.Chunk)
    Count = E.mul(Count, E.ceilDiv(extentValue(E, N.DimExtents[*S.KeptVector], Size), S.Chunk));
  else if (S.KeptVector && S.Outer.empty())
    Count = E.index(1);
  return Count;
}

Value blockGrain(Emitter &E, const Nest &N, const Schedule &S, function_ref<Value(unsigned)> Size) {
  // Elements of a block: what the blocks do not number.
  Extent Elements = Extent::number(1);
  uint64_t Reduced = 0;
  for (const Node &X : N.Nodes)
    for (unsigned D : X.Reduced) Reduced |= uint64_t(1) << D;
  for (const Output &O : N.Outputs)
    for (unsigned D : O.Inner) Reduced |= uint64_t(1) << D;
  for (unsigned D = 0; D < N.DimExtents.size(); ++D)
    if (Reduced >> D & 1) Elements = Elements.times(N.SplitDim == D ? Extent::size(*N.ChunkLength) : N.DimExtents[D]);
  if (S.KeptVector && S.Chunk)
    Elements = Elements.times(S.Chunk);
  else if (S.KeptVector)
    Elements = Elements.times(N.DimExtents[*S.KeptVector]);
  if (S.TileDim) Elements = Elements.times(S.TileRows);
  int64_t Wanted = std::max<int64_t>(1, static_cast<int64_t>(GrainCost / std::max(1.0, S.CostPerElement)));
  Value In = E.max(extentValue(E, Elements, Size), E.index(1));
  return E.max(E.div(E.index(Wanted), In), E.index(1));
}

} // namespace burin::codegen::cpu
