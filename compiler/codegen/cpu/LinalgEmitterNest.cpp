// Loops of one nest. Blocks walk the kept dims; at each point (or vector of points) passes run over the reduced dims, one
// for each depth of reductions, then outputs are stored. A node is computed in the outermost scope that knows all its
// dims, as a scalar unless it varies with the dim in lanes. All loads of an iteration come before its stores.
#include "compiler/codegen/cpu/LinalgEmitterNest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <map>
#include <set>

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

uint64_t bit(unsigned D) { return uint64_t(1) << D; }

class NestEmitter {
public:
  NestEmitter(KernelBuilder &K, const KernelPlan &Plan, MemoryBuffers Memory, OwnBuffer OwnWorkspace, const Nest &N,
              const Schedule &S)
      : K(K), E(K.E), L(K.E), Plan(Plan), Memory(Memory), OwnWorkspace(OwnWorkspace), N(N), S(S), Passes(passesOf(N)),
        Iv(N.DimExtents.size()) {
    Now.Scalar.resize(N.Nodes.size());
    Now.Splat.resize(N.Nodes.size());
    Now.Bases.resize(N.Nodes.size() + N.Outputs.size());
  }

  void emit() {
    openMaterialised();
    if (!S.KeptVector) {
      E.loop(K.begin(), K.end(), 1, [&](Value Block) { inScope([&] { decode(Block, false), point(); }); });
      return;
    }
    Value Size = extent(*S.KeptVector);
    if (S.Outer.empty()) {
      Value Chunk = E.index(S.Chunk);
      columns(E.mul(K.begin(), Chunk), E.min(E.mul(K.end(), Chunk), Size));
      return;
    }
    E.loop(K.begin(), K.end(), 1, [&](Value Block) {
      inScope([&] {
        Value First = decode(Block, true);
        columns(First, S.Chunk ? E.min(E.add(First, S.Chunk), Size) : Size);
      });
    });
  }

private:
  struct Base {
    Buffer At;
    uint64_t Covered = 0; ///< dims that At has been advanced by
  };
  /// Values known at the place where code is written.
  struct State {
    SmallVector<Value> Scalar;              ///< by node
    SmallVector<SmallVector<Value>> Vector; ///< by copy, by node
    SmallVector<Value> Splat;               ///< by node, of Scalar
    SmallVector<Base> Bases;                ///< by node, then by output
  };
  /// A form of the innermost code: copies of Lanes lanes each.
  struct Form {
    int64_t Copies = 1, Lanes = 1;
    Value Mask;
  };

  template <class Fn> void inScope(Fn Body) {
    State Saved = Now;
    Body();
    Now = std::move(Saved);
  }

  Value extent(unsigned D) {
    return extentValue(E, N.DimExtents[D], [&](unsigned I) { return K.size(I); });
  }
  Value value(const Extent &X) {
    return extentValue(E, X, [&](unsigned I) { return K.size(I); });
  }
  std::pair<Value, Value> bounds(unsigned D) {
    if (N.SplitDim != D) return {E.index(0), extent(D)};
    Value Length = K.size(*N.ChunkLength);
    Value First = E.mul(Iv[*N.ChunkDim], Length);
    return {First, E.min(E.add(First, Length), extent(D))};
  }

  // -- what is computed where -----------------------------------------------------------------------------------------

  /// Nodes to compute for these, operands first; reductions and what is known already end the search.
  SmallVector<NodeId> needed(ArrayRef<NodeId> Roots) {
    return neededNodes(N, Roots, [&](NodeId Id) { return known(Id); }, [&](NodeId Id) { return stored(Id); });
  }
  SmallVector<NodeId> neededFor(const Pass &P) { return needed(rootsOf(N, P)); }
  bool known(NodeId Id) const { return Now.Scalar[Id] || (!Now.Vector.empty() && Now.Vector[0][Id]); }
  bool isCondition(NodeId Id) const { return N.Nodes[Id].Kind == Node::Kind::inside; }
  bool inLanes(NodeId Id) const { return VectorDim && (N.Nodes[Id].Dims >> *VectorDim & 1); }

  void openMaterialised() {
    SmallVector<KeptNode> Nodes = keptNodes(N, S);
    if (Nodes.empty()) return;
    Value Bytes = E.index(0), Offset = Bytes;
    for (const Extent &X : keptBytes(Nodes)) Bytes = E.add(Bytes, value(X));
    Buffer Own = OwnWorkspace(Bytes);
    Own.Element = E.B.getI8Type();
    for (const KeptNode &X : Nodes) {
      Stored To;
      To.Memory = Buffer(E.address(Own, Offset), LaneEmitter::registerType(N.Nodes[X.Id].Type));
      Offset = E.mul(E.ceilDiv(E.add(Offset, value(X.Bytes)), 64), 64);
      Extent Stride = Extent::number(1);
      for (size_t I = X.Dims.size(); I-- > 0; Stride = Stride.times(N.DimExtents[X.Dims[I]]))
        To.Strides.push_back({X.Dims[I], Stride});
      Materialised[X.Id] = To;
    }
  }
  /// Whether the node is read from workspace now.
  bool stored(NodeId Id) const {
    auto It = Materialised.find(Id);
    return It != Materialised.end() && It->second.Written;
  }
  Value storedIndex(NodeId Id) {
    Value Index = E.index(0);
    for (auto &[D, Stride] : Materialised[Id].Strides) Index = E.add(Index, E.mul(Iv[D], value(Stride)));
    return Index;
  }

  // -- addresses ------------------------------------------------------------------------------------------------------

  /// Advances the base of an access by all dims in `Mask`, once, here: what follows is in the loops inside.
  void cover(Base &B, const Address &A, uint64_t Mask) {
    bool First = !B.At.Base;
    if (First) B.At = Memory(A.Memory);
    Value Index = E.index(0);
    if (First)
      for (const Extent &X : A.Offset) Index = E.add(Index, value(X));
    for (auto &[D, Stride] : A.Strides)
      if ((Mask & ~B.Covered) >> D & 1) Index = E.add(Index, E.mul(Iv[D], value(Stride)));
    B.Covered |= Mask;
    B.At.Base = E.address(B.At, Index);
  }
  void coverAll(ArrayRef<NodeId> Ids, ArrayRef<unsigned> Outputs, uint64_t Mask) {
    for (NodeId Id : Ids)
      if (N.Nodes[Id].Kind == Node::Kind::load && !known(Id)) cover(Now.Bases[Id], N.Nodes[Id].At, Mask);
    for (unsigned O : Outputs) cover(Now.Bases[N.Nodes.size() + O], N.Outputs[O].At, Mask);
  }
  /// Index from the base on; `Copy` copies of `Lanes` lanes to the right of the first.
  Value indexOf(const Base &B, const Address &A, int64_t Copy, int64_t Lanes) {
    Value Index = E.index(0);
    for (auto &[D, Stride] : A.Strides) {
      // A base that has been advanced by the dim in lanes stands at the first copy.
      Value At = B.Covered >> D & 1 ? E.index(0) : Iv[D];
      if (D == VectorDim) At = E.add(At, Copy * Lanes);
      Index = E.add(Index, E.mul(At, value(Stride)));
    }
    return Index;
  }

  // -- nodes ----------------------------------------------------------------------------------------------------------

  Value operand(NodeId Id, int64_t Copy, const Form &F) {
    const Node &X = N.Nodes[Id];
    if (X.Kind == Node::Kind::constant) return L.constant(X.Constant, F.Lanes);
    if (!Now.Vector.empty() && Now.Vector[Copy][Id]) return Now.Vector[Copy][Id];
    if (F.Lanes == 1) return Now.Scalar[Id];
    if (!Now.Splat[Id]) Now.Splat[Id] = L.splat(Now.Scalar[Id], F.Lanes);
    return Now.Splat[Id];
  }

  Value compute(NodeId Id, int64_t Copy, const Form &F) {
    const Node &X = N.Nodes[Id];
    if (stored(Id)) {
      const Stored &M = Materialised[Id];
      return L.load(LaneEmitter::registerType(X.Type), M.Memory, E.add(storedIndex(Id), Copy * F.Lanes), E.index(1),
                    F.Lanes, F.Mask);
    }
    switch (X.Kind) {
    case Node::Kind::constant:
      return L.constant(X.Constant, F.Lanes);
    case Node::Kind::load: {
      Base &B = Now.Bases[Id];
      if (!B.At.Base) cover(B, X.At, 0);
      if (X.Operands.empty()) return load(X, B, Copy, F);
      return inBox(X, operand(X.Operands[0], Copy, F), [&] { return load(X, B, Copy, F); });
    }
    case Node::Kind::choose: {
      Value In = operand(X.Operands[0], Copy, F);
      return inBox(X, operand(X.Operands[1], Copy, F), [&] { return In; });
    }
    case Node::Kind::inside:
      assert(!inLanes(Id) && "conditions are the same for all lanes of a segment");
      return within(linear(X.Index), value(X.Size));
    case Node::Kind::extract: {
      auto lanes = [&](Value Scalar) { return L.splat(Scalar, F.Lanes); };
      Value Offsets = lanes(E.index(0));
      for (auto [O, Stride] : llvm::zip(X.Operands, X.ExtractStrides))
        Offsets = LLVM::AddOp::create(E.B, Offsets,
                                      LLVM::MulOp::create(E.B, operand(O, Copy, F), lanes(value(Stride))).getResult());
      return L.loadAt(X.Type, Memory(X.At.Memory), Offsets, F.Lanes, F.Mask);
    }
    case Node::Kind::index: {
      Value Start = linear({X.Index.Constant, {}, X.Index.SizeTerms}), Step = E.index(0);
      for (auto &[D, C] : X.Index.Terms) {
        Value At = D == VectorDim ? E.add(Iv[D], Copy * F.Lanes) : Iv[D];
        Start = E.add(Start, E.mul(At, C));
        if (D == VectorDim) Step = E.index(C);
      }
      return L.iota(Start, Step, F.Lanes);
    }
    case Node::Kind::compute: {
      if (X.Result) return operand(X.Operands[0], Copy, F).getDefiningOp()->getResult(X.Result);
      Values Operands;
      for (NodeId O : X.Operands) Operands.push_back(operand(O, Copy, F));
      return L.compute(X.Op, Operands, F.Lanes);
    }
    case Node::Kind::reduction:
      break;
    }
    llvm_unreachable("reductions are computed by passes");
  }

  Value load(const Node &X, const Base &B, int64_t Copy, const Form &F) {
    Value Index = indexOf(B, X.At, Copy, F.Lanes);
    if (F.Lanes == 1) return L.load(X.Type, B.At, Index, {}, 1, {});
    Extent Stride = X.At.stride(*VectorDim);
    if (Stride.is(0)) return L.splat(L.load(X.Type, B.At, Index, {}, 1, {}), F.Lanes); // only its box varies
    // Rows far apart are beyond what the hardware fetches ahead.
    if (RowDim && X.At.stride(*RowDim).isStatic() && X.At.stride(*RowDim).Coefficient >= FarApart)
      E.prefetch(B.At, E.add(Index, RowsAhead * X.At.stride(*RowDim).Coefficient));
    return L.load(X.Type, B.At, Index, value(Stride), F.Lanes, F.Mask);
  }
  Value linear(const Linear &X) {
    Value V = E.index(X.Constant);
    for (auto &[I, C] : X.SizeTerms) V = E.add(V, E.mul(K.size(I), C));
    for (auto &[D, C] : X.Terms) V = E.add(V, E.mul(Iv[D], C));
    return V;
  }

  /// 0 <= At < Size, in one comparison: what is below 0 is beyond every size.
  Value within(Value At, Value Size) {
    auto CAt = Emitter::constantOf(At), CSize = Emitter::constantOf(Size);
    if (CAt && CSize) return truth(*CAt >= 0 && *CAt < *CSize);
    return E.compare(LLVM::ICmpPredicate::ult, At, Size);
  }
  Value truth(bool B) { return LLVM::ConstantOp::create(E.B, E.B.getI1Type(), B); }

  /// `Inside` where all conditions of the node hold, else `Other`. Nothing of `Inside` happens where they do not.
  Value inBox(const Node &X, Value Other, function_ref<Value()> Inside) {
    Value All;
    for (NodeId C : X.conditions()) {
      Value Holds = Now.Scalar[C];
      if (auto Decided = Emitter::constantOf(Holds)) {
        if (!*Decided) return Other;
      } else {
        All = All ? E.both(All, Holds) : Holds;
      }
    }
    if (!All) return Inside();
    return E.choose(
        All, TypeRange(Other.getType()), [&] { return Values{Inside()}; }, [&] { return Values{Other}; })[0];
  }

  /// Computes those of `Ids` whose dims are all in `Mask`.
  void computeReady(ArrayRef<NodeId> Ids, uint64_t Mask, const Form &F) {
    for (NodeId Id : Ids) {
      const Node &X = N.Nodes[Id];
      if ((X.Dims & ~Mask) || known(Id)) continue;
      if (!inLanes(Id) || X.Kind == Node::Kind::inside) {
        Now.Scalar[Id] = compute(Id, 0, Form());
        continue;
      }
      for (int64_t C = 0; C < F.Copies; ++C) Now.Vector[C][Id] = compute(Id, C, F);
      if (auto It = Materialised.find(Id); It != Materialised.end() && !It->second.Written)
        for (int64_t C = 0; C < F.Copies; ++C)
          L.store(LaneEmitter::registerType(X.Type), Now.Vector[C][Id], It->second.Memory,
                  E.add(storedIndex(Id), C * F.Lanes), E.index(1), F.Mask);
    }
  }

  /// Spreads scalars over lanes before a loop rather than in it.
  void splatAhead(ArrayRef<NodeId> Ids, int64_t Lanes) {
    if (Lanes == 1) return;
    for (NodeId Id : Ids)
      if (inLanes(Id) && !stored(Id))
        for (NodeId O : N.Nodes[Id].Operands)
          if (N.Nodes[O].Kind != Node::Kind::constant && !isCondition(O) && Now.Scalar[O] && !Now.Splat[O])
            Now.Splat[O] = L.splat(Now.Scalar[O], Lanes);
  }

  void enterForm(const Form &F) { Now.Vector.assign(F.Copies, SmallVector<Value>(N.Nodes.size())); }

  // -- passes ---------------------------------------------------------------------------------------------------------

  Value combine(NodeId R, Value Acc, Value New, int64_t Lanes) { return L.compute(N.Nodes[R].Op, {Acc, New}, Lanes); }

  void storeOutputs(ArrayRef<unsigned> Outputs, const Form &F) {
    for (unsigned O : Outputs) {
      const Output &Out = N.Outputs[O];
      Base &B = Now.Bases[N.Nodes.size() + O];
      if (!B.At.Base) cover(B, Out.At, 0);
      Type Scalar = Plan.Memory[Out.At.Memory].Element;
      for (int64_t C = 0; C < F.Copies; ++C) {
        Value Stride = VectorDim ? value(Out.At.stride(*VectorDim)) : Value();
        L.store(Scalar, operand(Out.Value, C, F), B.At, indexOf(B, Out.At, C, F.Lanes), Stride, F.Mask);
      }
    }
  }

  /// Accumulators of one pass: for each reduction one a copy; values of `F.Lanes` lanes.
  Values neutral(const Pass &P, int64_t Copies, int64_t Lanes) {
    Values V;
    for (NodeId R : P.Reductions) V.append(Copies, L.constant(N.Nodes[R].Constant, Lanes));
    return V;
  }

  // -- long sums ------------------------------------------------------------------------------------------------------
  // Accumulators take RunLength terms or a few more, then a total in two parts takes them: the error of a sum is that of
  // one run and does not grow with what is summed. A pass with long sums carries: accumulators; for each that sums floats
  // its total; what those lost; the terms since, and how often totals were added to.

  /// Whether a chain of additions of the pass may be longer than two runs.
  bool mayBeLong(const Pass &P) const {
    bool Sums = llvm::any_of(P.Reductions, [&](NodeId R) { return isa<arith::AddFOp>(N.Nodes[R].Op); });
    int64_t Terms = 1;
    for (unsigned D : P.Dims) {
      const Extent &X = N.DimExtents[D];
      if (!X.isStatic() || N.SplitDim == D) return Sums;
      int64_t Here = X.Coefficient;
      if (D == VectorDim)
        Here = std::max(Here / (S.Unroll * S.Lanes) + S.Unroll * mostSegments(liveNodes()),
                        S.Lanes * mostSegments(liveNodes()));
      Terms = std::min<int64_t>(Terms * std::min<int64_t>(Here, 3 * RunLength), 3 * RunLength);
    }
    return Sums && Terms > 2 * RunLength;
  }

  /// What the pass carries at first; `Of` gives the reduction of each accumulator.
  Values beginSums(const Pass &P, Values Accs, function_ref<size_t(size_t)> Of) {
    Long.reset();
    if (!mayBeLong(P)) return Accs;
    Long.emplace();
    Long->NumAccs = Accs.size();
    for (size_t I = 0; I < Accs.size(); ++I)
      if (isa<arith::AddFOp>(N.Nodes[P.Reductions[Of(I)]].Op)) Long->Sums.push_back(I);
    for (int Part = 0; Part < 2; ++Part)
      for (size_t I : Long->Sums) Accs.push_back(E.zero(Accs[I].getType()));
    Accs.append(2, E.index(0));
    return Accs;
  }
  Values totalled(ValueRange Carried) {
    Values Next(Carried);
    size_t First = Long->NumAccs, Count = Long->Sums.size();
    for (auto [I, Acc] : llvm::enumerate(Long->Sums)) {
      std::tie(Next[First + I], Next[First + Count + I]) =
          E.addInTwoParts(Carried[First + I], Carried[First + Count + I], Carried[Acc]);
      Next[Acc] = E.zero(Carried[Acc].getType());
    }
    Next[Next.size() - 2] = E.index(0);
    Next.back() = E.add(Carried.back(), 1);
    return Next;
  }
  /// After `Terms` more terms.
  Values tick(Values Carried, Value Terms) {
    if (!Long) return Carried;
    Carried[Carried.size() - 2] = E.add(Carried[Carried.size() - 2], Terms);
    Value Full = E.less(E.index(RunLength - 1), Carried[Carried.size() - 2]);
    return E.choose(Full, TypeRange(ValueRange(Carried)), [&] { return totalled(Carried); }, [&] { return Carried; });
  }
  /// The accumulators with all that was summed.
  Values endSums(Values Carried) {
    if (!Long) return Carried;
    Values Accs(Carried.begin(), Carried.begin() + static_cast<ptrdiff_t>(Long->NumAccs));
    auto join = [&] {
      Values Next = totalled(Carried), Joined = Accs;
      size_t First = Long->NumAccs, Count = Long->Sums.size();
      for (auto [I, Acc] : llvm::enumerate(Long->Sums))
        Joined[Acc] = E.joinTwoParts(Next[First + I], Next[First + Count + I]);
      return Joined;
    };
    Value Any = E.less(E.index(0), Carried.back()); // short rows of a named size have no totals
    return E.choose(Any, TypeRange(ValueRange(Accs)), join, [&] { return Accs; });
  }
  /// A loop over [Lo, Hi) that a run of steps at a time is left for `tick`; `Inner` is a run.
  Values runs(Value Lo, Value Hi, int64_t Step, ValueRange Init, function_ref<Values(Value, Value, Values)> Inner) {
    return E.loop(Lo, Hi, RunLength * Step, Init, [&](Value At, ValueRange Carried) {
      Value End = E.min(E.add(At, RunLength * Step), Hi);
      return tick(Inner(At, End, Values(Carried)), E.div(E.sub(End, At), Step));
    });
  }

  /// The innermost code of a pass: computes, combines into Accs (by reduction, by copy), stores inner outputs.
  Values step(const Pass &P, ArrayRef<NodeId> Ids, ValueRange Accs, const Form &F) {
    computeReady(Ids, ~uint64_t(0), F);
    Values Next(Accs);
    for (auto [I, R] : llvm::enumerate(P.Reductions))
      for (int64_t C = 0; C < F.Copies; ++C) {
        Value X = operand(N.Nodes[R].Operands[0], C, F);
        if (F.Mask && !S.KeptVector) X = E.select(F.Mask, X, L.constant(N.Nodes[R].Constant, F.Lanes));
        Value &Acc = Next[I * F.Copies + C];
        Acc = combine(R, Acc, X, F.Lanes);
      }
    storeOutputs(P.Outputs, F);
    return Next;
  }

  /// Loops over P.Dims[From..To), outermost first, then Body.
  Values loops(const Pass &P, size_t From, size_t To, ArrayRef<NodeId> Ids, uint64_t Mask, const Form &F,
               ValueRange Init, function_ref<Values(uint64_t, ValueRange)> Body) {
    if (From == To) return Body(Mask, Init);
    unsigned D = P.Dims[From];
    auto [Lo, Hi] = bounds(D);
    coverAll(Ids, P.Outputs, Mask);
    splatAhead(Ids, F.Lanes);
    auto walk = [&](Value Lo, Value Hi, ValueRange Init) {
      return E.loop(Lo, Hi, 1, Init, [&](Value At, ValueRange Accs) {
        Values Result;
        inScope([&] {
          Iv[D] = At;
          if (From + 1 < To || !S.KeptVector) computeReady(Ids, Mask | bit(D), F);
          Result = loops(P, From + 1, To, Ids, Mask | bit(D), F, Accs, Body);
        });
        return Result;
      });
    };
    if (!Long || From + 1 < P.Dims.size()) return walk(Lo, Hi, Init);
    return runs(Lo, Hi, 1, Init, [&](Value First, Value End, Values Carried) {
      Values Accs = walk(First, End, ValueRange(Carried).take_front(Long->NumAccs));
      llvm::copy(Accs, Carried.begin());
      return Carried;
    });
  }

  /// A pass at one kept point, with the innermost of its dims in lanes.
  void pointPass(const Pass &P) {
    SmallVector<NodeId> Ids = neededFor(P);
    uint64_t Kept = N.keptMask();
    computeReady(Ids, Kept, Form());
    if (P.Dims.empty()) { // over dims of size 1
      Values Accs = step(P, Ids, neutral(P, 1, 1), Form());
      for (auto [R, Acc] : llvm::zip(P.Reductions, Accs)) Now.Scalar[R] = Acc;
      return;
    }
    VectorDim = P.Dims.back();
    size_t NumReductions = P.Reductions.size();
    int64_t U = S.Unroll;
    // Unrolled vector accumulators, then one scalar each for targets that finish a row lane by lane.
    bool ScalarRest = !K.E.Target.MaskedMemory;
    Values Init = neutral(P, U, S.Lanes);
    if (ScalarRest) Init.append(neutral(P, 1, 1));
    Init = beginSums(P, Init, [&](size_t I) { return I < NumReductions * U ? I / U : I - NumReductions * U; });
    Values Accs = loops(P, 0, P.Dims.size() - 1, Ids, Kept, Form(), Init, [&](uint64_t Mask, ValueRange Accs) {
      auto [Lo, Hi] = bounds(P.Dims.back());
      coverAll(Ids, P.Outputs, Mask);
      Values Next = segments(Lo, Hi, Accs, Ids, [&](Value First, Value End, ValueRange Before) {
        return lanesLoop(First, End, Before, NumReductions, Ids,
                         [&](ValueRange A, const Form &F) { return step(P, Ids, A, F); });
      });
      return P.Dims.size() > 1 ? tick(Next, E.index((U + S.Lanes) * mostSegments(Ids))) : Next;
    });
    Accs = endSums(Accs);
    Long.reset();
    for (auto [I, R] : llvm::enumerate(P.Reductions)) {
      SmallVector<Value> Tree(Accs.begin() + I * U, Accs.begin() + (I + 1) * U);
      for (; Tree.size() > 1; Tree.resize(Tree.size() / 2))
        for (size_t J = 0; J < Tree.size() / 2; ++J) Tree[J] = combine(R, Tree[J], Tree[J + Tree.size() / 2], S.Lanes);
      Value V = L.combineLanes(N.Nodes[R].Op, Tree[0], S.Lanes);
      if (ScalarRest) V = combine(R, V, Accs[NumReductions * U + I], 1);
      Now.Scalar[R] = V;
    }
    for (NodeId Id : Ids)
      if (auto It = Materialised.find(Id); It != Materialised.end()) It->second.Written = true;
    VectorDim.reset();
  }

  // -- segments -------------------------------------------------------------------------------------------------------
  // A box begins and ends somewhere along the dim in lanes. Between two such edges every condition is the same for all
  // lanes, so that code for vectors never asks lane by lane. Where the edges are numbers, each segment is code of its own
  // and what is not read there is not in it; else one loop walks the segments.

  SmallVector<NodeId> liveNodes() const {
    SmallVector<NodeId> Roots;
    for (auto [I, X] : llvm::enumerate(N.Nodes))
      if (X.Kind == Node::Kind::reduction) Roots.push_back(X.Operands[0]);
    for (const Output &O : N.Outputs) Roots.push_back(O.Value);
    auto never = [](NodeId) { return false; };
    return neededNodes(N, Roots, never, never);
  }
  /// Of these, the conditions that the dim in lanes decides, and those that are decided for all of its elements.
  SmallVector<NodeId> conditionsOf(ArrayRef<NodeId> Ids, bool Varying) const {
    SmallVector<NodeId> Found;
    for (NodeId Id : Ids) {
      if (!isCondition(Id)) continue;
      if (Now.Scalar[Id] ? !Varying && !Emitter::constantOf(Now.Scalar[Id]) : Varying && inLanes(Id))
        Found.push_back(Id);
    }
    return Found;
  }
  int64_t mostSegments(ArrayRef<NodeId> Ids) const {
    return 1 + 2 * llvm::count_if(Ids, [&](NodeId Id) { return isCondition(Id) && inLanes(Id); });
  }

  /// Where along the dim in lanes the condition begins and ceases to hold.
  std::pair<Value, Value> edges(NodeId Condition) {
    const Node &X = N.Nodes[Condition];
    Value Start = E.sub(E.index(0), linear({X.Index.Constant, {}, X.Index.SizeTerms}));
    int64_t Step = X.Index.Terms[0].second;
    auto first = [&](Value At) { return E.ceilDiv(E.max(At, E.index(0)), Step); };
    return {first(Start), first(E.add(Start, value(X.Size)))};
  }

  using Range = function_ref<Values(Value, Value, ValueRange)>;
  Values segments(Value Lo, Value Hi, ValueRange Accs, ArrayRef<NodeId> Ids, Range Body) {
    SmallVector<NodeId> Varying = conditionsOf(Ids, true);
    if (Varying.empty())
      return decided(conditionsOf(Ids, false), Ids, TypeRange(Accs), [&] { return Body(Lo, Hi, Accs); });
    SmallVector<std::pair<Value, Value>> Edges;
    for (NodeId C : Varying) Edges.push_back(edges(C));
    std::set<int64_t> Numbers;
    bool Known = true;
    for (auto [First, End] : Edges)
      for (Value V : {First, End})
        if (auto Number = Emitter::constantOf(V))
          Numbers.insert(*Number);
        else
          Known = false;
    const bool Before = std::exchange(Cut, true);
    Values Result = Known && Numbers.size() <= MostSegments
                        ? segmentByCode(Lo, Hi, Accs, Ids, Varying, Edges, llvm::to_vector(Numbers), Body)
                        : segmentByLoop(Lo, Hi, Accs, Ids, Varying, Edges, Body);
    Cut = Before;
    return Result;
  }

  Values segmentByCode(Value Lo, Value Hi, ValueRange Accs, ArrayRef<NodeId> Ids, ArrayRef<NodeId> Varying,
                       ArrayRef<std::pair<Value, Value>> Edges, ArrayRef<int64_t> Numbers, Range Body) {
    auto CLo = Emitter::constantOf(Lo), CHi = Emitter::constantOf(Hi);
    Values Carried(Accs);
    for (size_t I = 0; I <= Numbers.size(); ++I) {
      int64_t First = I ? Numbers[I - 1] : 0;
      if ((I < Numbers.size() && Numbers[I] <= CLo.value_or(0)) || (CHi && First >= *CHi)) continue;
      Value From = I && First > CLo.value_or(-1) ? E.max(Lo, E.index(First)) : Lo;
      Value To = I < Numbers.size() ? E.min(Hi, E.index(Numbers[I])) : Hi;
      inScope([&] {
        for (auto [C, At] : llvm::zip(Varying, Edges))
          Now.Scalar[C] = truth(First >= *Emitter::constantOf(At.first) && First < *Emitter::constantOf(At.second));
        Carried = decided(conditionsOf(Ids, false), Ids, TypeRange(Accs), [&] { return Body(From, To, Carried); });
      });
    }
    return Carried;
  }
  Values segmentByLoop(Value Lo, Value Hi, ValueRange Accs, ArrayRef<NodeId> Ids, ArrayRef<NodeId> Varying,
                       ArrayRef<std::pair<Value, Value>> Edges, Range Body) {
    Values Init{Lo};
    llvm::append_range(Init, Accs);
    Values Result = E.loop(E.index(0), E.index(2 * static_cast<int64_t>(Edges.size()) + 1), 1, Init,
                           [&](Value, ValueRange Carried) {
                             Value From = Carried[0], To = Hi;
                             for (auto [First, End] : Edges)
                               for (Value Edge : {First, End}) To = E.min(To, E.select(E.less(From, Edge), Edge, Hi));
                             Values Next{To};
                             inScope([&] {
                               for (auto [C, At] : llvm::zip(Varying, Edges))
                                 Now.Scalar[C] = within(E.sub(From, At.first), E.sub(At.second, At.first));
                               llvm::append_range(Next, decided(conditionsOf(Ids, false), Ids, TypeRange(Accs),
                                                                [&] { return Body(From, To, Carried.drop_front()); }));
                             });
                             return Next;
                           });
    Result.erase(Result.begin());
    return Result;
  }

  /// Code for what the conditions are, if there are few, or for all of them holding, and for the rest.
  Values decided(ArrayRef<NodeId> Conditions, ArrayRef<NodeId> Ids, TypeRange Types, function_ref<Values()> Body) {
    if (Conditions.empty() || static_cast<int64_t>(Ids.size()) * S.Unroll > MostCopiedOps) return Body();
    auto with = [&](ArrayRef<NodeId> These, bool Hold, function_ref<Values()> Then) {
      Values Result;
      inScope([&] {
        for (NodeId C : These) Now.Scalar[C] = truth(Hold);
        Result = Then();
      });
      return Result;
    };
    if (Conditions.size() > MostDecided) {
      Value All = Now.Scalar[Conditions[0]];
      for (NodeId C : Conditions.drop_front()) All = E.both(All, Now.Scalar[C]);
      return E.choose(All, Types, [&] { return with(Conditions, true, Body); }, [&] { return with({}, false, Body); });
    }
    auto rest = [&] { return decided(Conditions.drop_front(), Ids, Types, Body); };
    return E.choose(
        Now.Scalar[Conditions[0]], Types, [&] { return with(Conditions.take_front(), true, rest); },
        [&] { return with(Conditions.take_front(), false, rest); });
  }

  /// Walks [Lo, Hi) of the dim in lanes: unrolled vectors, single vectors, then the rest under a mask or one by one.
  /// Accs: for each of `Groups` reductions Unroll values, then (scalar rest) one scalar each.
  Values lanesLoop(Value Lo, Value Hi, ValueRange Accs, size_t Groups, ArrayRef<NodeId> Ids,
                   function_ref<Values(ValueRange, const Form &)> Body) {
    Values All(Accs);
    auto CLo = Emitter::constantOf(Lo), CHi = Emitter::constantOf(Hi);
    std::optional<int64_t> Count;
    if (CLo && CHi) Count = std::max<int64_t>(0, *CHi - *CLo);
    int64_t U = S.Unroll;
    auto slots = [&](const Form &F) {
      SmallVector<size_t> Slots;
      for (size_t G = 0; G < Groups; ++G)
        for (int64_t C = 0; C < F.Copies; ++C)
          Slots.push_back(F.Lanes == 1 && S.Lanes > 1 ? Groups * U + G : G * U + C);
      return Slots;
    };
    auto run = [&](Value From, Value To, Form F, bool Masked) {
      SmallVector<size_t> Slots = slots(F);
      auto walk = [&](Value From, Value To, Values Carried) {
        Values Init;
        for (size_t I : Slots) Init.push_back(Carried[I]);
        Values Result = E.loop(From, To, F.Copies * F.Lanes, Init, [&](Value At, ValueRange A) {
          Values R;
          inScope([&] {
            Iv[*VectorDim] = At;
            Form Here = F;
            if (Masked) Here.Mask = E.laneMask(F.Lanes, E.sub(To, At));
            R = Body(A, Here);
          });
          return R;
        });
        for (auto [I, Slot] : llvm::enumerate(Slots)) Carried[Slot] = Result[I];
        return Carried;
      };
      inScope([&] {
        enterForm(F);
        Now.Splat.assign(N.Nodes.size(), Value());
        splatAhead(Ids, F.Lanes);
        bool Whole = !Masked && F.Copies == U && F.Lanes == S.Lanes; // the others are a few steps
        All = Long && Whole ? runs(From, To, U * S.Lanes, All, walk) : walk(From, To, All);
      });
    };
    auto part = [&](Value From, Value To, int64_t Step, bool Multiple) {
      if (Multiple) return To;
      auto CFrom = Emitter::constantOf(From), CTo = Emitter::constantOf(To);
      if (CFrom && CTo) return E.index(*CFrom + std::max<int64_t>(0, *CTo - *CFrom) / Step * Step);
      return E.add(From, E.mul(E.div(E.max(E.sub(To, From), E.index(0)), Step), Step));
    };
    auto none = [](Value From, Value To) {
      auto CFrom = Emitter::constantOf(From), CTo = Emitter::constantOf(To);
      return From == To || (CFrom && CTo && *CFrom >= *CTo);
    };
    bool WholeSteps = divides(U * S.Lanes), WholeLanes = divides(S.Lanes);
    Value End = part(Lo, Hi, U * S.Lanes, WholeSteps);
    if (!none(Lo, End)) run(Lo, End, Form{U, S.Lanes, {}}, false);
    if (WholeSteps) return All;
    // A mask makes single vectors and the rest one loop; with a known count the mask is for the last vector alone.
    bool CanMask = K.E.Target.MaskedMemory && S.Lanes > 1;
    if (U > 1 && (Count || !CanMask || WholeLanes)) {
      Value Next = part(End, Hi, S.Lanes, WholeLanes);
      if (!none(End, Next)) run(End, Next, Form{1, S.Lanes, {}}, false);
      End = Next;
    }
    if (S.Lanes > 1 && !WholeLanes && !none(End, Hi)) run(End, Hi, Form{1, CanMask ? S.Lanes : 1, {}}, CanMask);
    return All;
  }
  /// Whether every range of the dim in lanes is a multiple of this long.
  bool divides(int64_t Step) const {
    const Extent &X = N.DimExtents[*VectorDim];
    return X.Coefficient % Step == 0 && N.SplitDim != VectorDim && (!S.Chunk || S.Chunk % Step == 0) && !Cut;
  }

  // -- kept points ----------------------------------------------------------------------------------------------------

  /// Sets the induction values of the outer kept dims; returns the first element of the chunk.
  Value decode(Value Block, bool Chunked) {
    Value First = E.index(0);
    if (Chunked && S.Chunk) {
      Value Chunks = E.ceilDiv(extent(*S.KeptVector), S.Chunk);
      First = E.mul(E.rem(Block, Chunks), S.Chunk);
      Block = E.div(Block, Chunks);
    }
    for (size_t I = S.Outer.size(); I-- > 0;) {
      Value Size = extent(S.Outer[I]);
      if (S.TileDim == S.Outer[I]) Size = E.ceilDiv(Size, S.TileRows);
      Iv[S.Outer[I]] = I ? E.rem(Block, Size) : Block;
      if (I) Block = E.div(Block, Size);
    }
    return First;
  }

  SmallVector<unsigned> keptOutputs() const {
    SmallVector<unsigned> Ids;
    for (auto [I, O] : llvm::enumerate(N.Outputs))
      if (O.Inner.empty()) Ids.push_back(static_cast<unsigned>(I));
    return Ids;
  }
  SmallVector<NodeId> valuesOf(ArrayRef<unsigned> Outputs) const {
    SmallVector<NodeId> Ids;
    for (unsigned O : Outputs) Ids.push_back(N.Outputs[O].Value);
    return Ids;
  }

  void point() {
    for (auto &[Id, X] : Materialised) X.Written = false;
    for (const Pass &P : Passes) pointPass(P);
    SmallVector<unsigned> Outputs = keptOutputs();
    computeReady(needed(valuesOf(Outputs)), N.keptMask(), Form());
    storeOutputs(Outputs, Form());
  }

  /// Kept points [Lo, Hi) of the dim in lanes.
  void columns(Value Lo, Value Hi) {
    VectorDim = S.KeptVector;
    uint64_t Rows = S.TileDim ? bit(*S.TileDim) : 0;
    uint64_t Outer = N.keptMask() & ~bit(*VectorDim) & ~Rows;
    SmallVector<unsigned> Outputs = keptOutputs();
    SmallVector<NodeId> All;
    for (NodeId I = 0; I < N.Nodes.size(); ++I)
      if (N.Nodes[I].Kind != Node::Kind::reduction) All.push_back(I);
    coverAll(All, llvm::to_vector(llvm::seq(0u, static_cast<unsigned>(N.Outputs.size()))), Outer);
    SmallVector<NodeId> Early = Passes.empty() ? needed(valuesOf(Outputs)) : neededFor(Passes[0]);
    computeReady(Early, Outer, Form());
    auto vectors = [&](ValueRange, const Form &F) {
      for (const Pass &P : Passes) columnPass(P, F);
      SmallVector<NodeId> Ids = needed(valuesOf(Outputs));
      computeReady(Ids, N.keptMask() & ~Rows, F);
      if (!Rows) {
        storeOutputs(Outputs, F);
        return Values();
      }
      // Here the tile dim's value is the number of the tile.
      Value First = E.mul(Iv[*S.TileDim], S.TileRows);
      E.loop(First, E.min(E.add(First, S.TileRows), extent(*S.TileDim)), 1, [&](Value Row) {
        Value Tile = std::exchange(Iv[*S.TileDim], Row);
        inScope([&] {
          computeReady(Ids, N.keptMask(), F);
          storeOutputs(Outputs, F);
        });
        Iv[*S.TileDim] = Tile;
      });
      return Values();
    };
    segments(Lo, Hi, {}, liveNodes(),
             [&](Value First, Value End, ValueRange) { return lanesLoop(First, End, {}, 0, Early, vectors); });
    VectorDim.reset();
  }

  void columnPass(const Pass &P, const Form &F) {
    SmallVector<NodeId> Ids = neededFor(P);
    uint64_t Kept = N.keptMask();
    computeReady(Ids, Kept, F);
    if (!P.Dims.empty() && P.Outputs.empty()) RowDim = P.Dims.back();
    Values Init = beginSums(P, neutral(P, F.Copies, F.Lanes), [&](size_t I) { return I / F.Copies; });
    Values Accs = endSums(
        loops(P, 0, P.Dims.size(), Ids, Kept, F, Init, [&](uint64_t, ValueRange A) { return step(P, Ids, A, F); }));
    Long.reset();
    for (auto [I, R] : llvm::enumerate(P.Reductions)) {
      if (!inLanes(R)) { // the same in all lanes, and what is computed from it is too
        Now.Scalar[R] = L.firstLane(Accs[I * F.Copies]);
        continue;
      }
      for (int64_t C = 0; C < F.Copies; ++C) Now.Vector[C][R] = Accs[I * F.Copies + C];
    }
    RowDim.reset();
  }

  struct Stored {
    Buffer Memory;
    SmallVector<std::pair<unsigned, Extent>> Strides;
    bool Written = false;
  };

  KernelBuilder &K;
  Emitter &E;
  LaneEmitter L;
  const KernelPlan &Plan;
  MemoryBuffers Memory;
  OwnBuffer OwnWorkspace;
  const Nest &N;
  const Schedule &S;
  SmallVector<Pass> Passes;
  std::map<NodeId, Stored> Materialised;
  bool Cut = false; ///< the range of the dim in lanes is cut at edges of boxes
  static constexpr size_t MostSegments = 8, MostDecided = 2;
  static constexpr int64_t MostCopiedOps = 256;
  std::optional<unsigned> VectorDim;
  std::optional<unsigned> RowDim;                         ///< the dim that a column pass walks down
  static constexpr int64_t FarApart = 512, RowsAhead = 8; // elements, rows
  /// Of the pass at hand, where its sums may be long.
  struct LongSums {
    size_t NumAccs = 0;
    SmallVector<size_t> Sums; ///< accumulators that sum floats
  };
  std::optional<LongSums> Long;
  static constexpr int64_t RunLength = 128;
  SmallVector<Value> Iv; ///< by dim
  State Now;
};

} // namespace

void emitNest(KernelBuilder &K, const KernelPlan &Plan, MemoryBuffers Memory, OwnBuffer OwnWorkspace, const Nest &N,
              const Schedule &S) {
  NestEmitter(K, Plan, Memory, OwnWorkspace, N, S).emit();
}

} // namespace burin::codegen::cpu
