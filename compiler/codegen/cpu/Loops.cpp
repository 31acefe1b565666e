// See Loops.h.
#include "compiler/codegen/cpu/Loops.h"

#include "compiler/codegen/cpu/KernelAbi.h"
#include "compiler/codegen/cpu/LinalgEmitterLanes.h"
#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/loops/SmallLoop.h"
#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

constexpr int64_t GrainSteps = 1 << 15; // element steps that are worth a thread's waking

class CpuBlock final : public LoopBlock {
public:
  /// `Elements`: of each buffer, as tensors say them.
  CpuBlock(KernelBuilder &K, ArrayRef<Type> Elements)
      : LoopBlock(K.E.B), K(K), E(K.E), In(K.E), Elements(Elements), One(K.E.index(1)) {
    for (unsigned I = 0; I < Elements.size(); ++I) Memory.push_back(K.buffer(I));
  }
  /// Buffer `I` is the worker's stretch of it.
  void takeOwn(unsigned I, Value Bytes) { Memory[I] = K.ownStretch(I, Bytes); }

  Value size(unsigned I) override { return K.size(I); }
  Value differ(BufferNumber X, BufferNumber Y) override {
    return E.compare(LLVM::ICmpPredicate::ne, Memory[X].Base, Memory[Y].Base);
  }
  Type held(Type Scalar) override { return LaneEmitter::registerType(Scalar); }
  Value load(BufferNumber From, Value At, const Lanes &L, Type) override {
    return In.load(Elements[From], Memory[From], At, One, L.Count, L.Mask);
  }
  void store(BufferNumber To, Value At, Value V, const Lanes &L, Type As) override {
    if (ir::isNarrowFloat(Elements[To]) && !ir::isNarrowFloat(As)) V = In.round(V, Elements[To]);
    In.store(Elements[To], V, Memory[To], At, One, L.Mask);
  }
  void storeWords(BufferNumber To, Value At, ArrayRef<Value> Words, Value Size, const Lanes &L) override {
    // Words 0 and 1 of a lane side by side, then 2 and 3; pairs of lanes interleaved.
    assert(Words.size() == 4 && L.Count > 1);
    auto pair = [&](Value X, Value Y) -> Value {
      return LLVM::OrOp::create(E.B, X, LLVM::ShlOp::create(E.B, Y, number(Y.getType(), 32)));
    };
    SmallVector<int32_t> Order;
    for (int64_t I = 0; I < L.Count; ++I) Order.append({static_cast<int32_t>(I), static_cast<int32_t>(I + L.Count)});
    Value All = LLVM::ShuffleVectorOp::create(E.B, pair(Words[0], Words[1]), pair(Words[2], Words[3]), Order);
    All = LLVM::BitcastOp::create(E.B, E.vectorType(E.B.getI32Type(), 4 * L.Count), All);
    Value Left = E.sub(Size, At);
    when(
        E.less(Left, E.index(4 * L.Count)), [&] { E.storeVector(All, Memory[To], At, E.laneMask(4 * L.Count, Left)); },
        [&] { E.storeVector(All, Memory[To], At); });
  }
  void copy(BufferNumber To, Value ToAt, BufferNumber From, Value FromAt, Value Count) override {
    if (constantOf(Count) == 1) return E.store(E.load(Memory[From], FromAt), Memory[To], ToAt);
    Type T = Memory[From].Element;
    Buffer Source(E.address(Memory[From], FromAt), T), Target(E.address(Memory[To], ToAt), T);
    run(Count, static_cast<int>(T.getIntOrFloatBitWidth()), Tail::exact, [&](Value I, const Lanes &L) {
      if (L.Count == 1) return E.store(E.load(Source, I), Target, I);
      E.storeVector(E.loadVector(E.vectorType(T, L.Count), Source, I, L.Mask), Target, I, L.Mask);
    });
  }
  Value splat(Value Scalar, const Lanes &L) override { return L.Count == 1 ? Scalar : E.splat(Scalar, L.Count); }
  Value counted(Value Start, const Lanes &L) override { return In.iota(Start, One, L.Count); }
  Value repeat(Operation *Op, ArrayRef<Value> Operands) override { return In.compute(Op, Operands, 1); }
  void faultAt(burin_rt_fault_kind Kind, int32_t Op, Value At, Value Found) override {
    K.faultAt(static_cast<int32_t>(Kind), Op, At, Found);
  }
  Value faulted() override { return rt::faulted(E, K.ctx()); }

  void run(Value Count, int Bits, Tail End, function_ref<void(Value, const Lanes &)> Step) override {
    int64_t Width = E.Target.lanes(Bits);
    Value First = E.index(0);
    if (End == Tail::overrun) return E.loop(First, Count, Width, [&](Value I) { Step(I, Lanes{Width, {}}); });
    Value Whole = E.mul(E.div(Count, Width), Width);
    E.loop(First, Whole, Width, [&](Value I) { Step(I, Lanes{Width, {}}); });
    if (E.Target.MaskedMemory)
      E.when(E.less(Whole, Count), [&] { Step(Whole, Lanes{Width, E.laneMask(Width, E.sub(Count, Whole))}); });
    else
      E.loop(Whole, Count, 1, [&](Value I) { Step(I, Lanes{}); });
  }

  Value scan(Value Lo, Value Hi, Type As, bool Back, Term Each, Sums Out) override {
    int64_t Width = E.lanes(As);
    Value Count = E.sub(Hi, Lo), Whole = E.mul(E.div(Count, Width), Width), Rest = E.sub(Count, Whole);
    // The only chain from step to step is one addition: the lanes' own sums do not wait for what was before them.
    auto step = [&](Value At, const Lanes &L, Value Before) -> Value {
      Value Sum = Each(At, L);
      if (L.Mask) Sum = E.select(L.Mask, Sum, E.zero(Sum.getType()));
      for (int64_t By = 1; By < L.Count; By *= 2) Sum = addElements(Sum, moved(Sum, By, L.Count, Back));
      Out(At, L, {addElements(Before, moved(Sum, 1, L.Count, Back)), addElements(Before, Sum)});
      return addElements(Before, last(Sum, L.Count, Back));
    };
    Lanes All{Width, {}};
    Value Sum = E.loop(E.index(0), Whole, Width, {E.zero(inLanes(As, All))}, [&](Value I, ValueRange Before) -> Values {
      return {step(Back ? E.sub(E.sub(Hi, E.index(Width)), I) : E.add(Lo, I), All, Before[0])};
    })[0];
    if (E.Target.MaskedMemory) {
      Values Total = choose(
          E.less(E.index(0), Rest), {As},
          [&]() -> Values {
            Lanes Some{Width, E.laneMask(Width, Rest)};
            return {In.firstLane(step(Back ? Lo : E.add(Lo, Whole), Some, Sum))};
          },
          [&]() -> Values { return {In.firstLane(Sum)}; });
      return Total[0];
    }
    return E.loop(E.index(0), Rest, 1, {In.firstLane(Sum)}, [&](Value I, ValueRange Before) -> Values {
      Value At = Back ? E.sub(E.add(Lo, E.sub(Rest, E.index(1))), I) : E.add(E.add(Lo, Whole), I);
      return {step(At, Lanes{}, Before[0])};
    })[0];
  }

private:
  /// Lane i is lane i - By of X, or i + By where `Back`; zero where there is none.
  Value moved(Value X, int64_t By, int64_t Count, bool Back) {
    if (Count == 1) return E.zero(X.getType());
    SmallVector<int32_t> From;
    for (int64_t I = 0; I < Count; ++I) {
      int64_t J = Back ? I + By : I - By;
      From.push_back(static_cast<int32_t>(J >= 0 && J < Count ? J : Count));
    }
    return LLVM::ShuffleVectorOp::create(E.B, X, E.zero(X.getType()), From);
  }
  /// The lane that a scan comes to last, in all lanes.
  Value last(Value X, int64_t Count, bool Back) {
    if (Count == 1) return X;
    SmallVector<int32_t> From(static_cast<size_t>(Count), Back ? 0 : static_cast<int32_t>(Count) - 1);
    return LLVM::ShuffleVectorOp::create(E.B, X, X, From);
  }

  KernelBuilder &K;
  Emitter &E;
  LaneEmitter In;
  SmallVector<Type> Elements;
  SmallVector<Buffer> Memory;
  Value One;
};

/// Sizes in the launch function.
class CpuSizes final : public LoopBuilder {
public:
  CpuSizes(LaunchBuilder &L, ArrayRef<unsigned> Order) : LoopBuilder(L.E.B), L(L), Order(Order) {}
  Value size(unsigned I) override { return L.size(I); }
  Value differ(BufferNumber X, BufferNumber Y) override {
    return L.E.compare(LLVM::ICmpPredicate::ne, address(X), address(Y));
  }

private:
  Value address(BufferNumber I) { return L.E.load(Buffer(L.buffers(), L.buffers().getType()), L.E.index(Order[I])); }
  LaunchBuilder &L;
  ArrayRef<unsigned> Order;
};

SmallVector<Type> inMemory(ArrayRef<Type> Elements) {
  return llvm::map_to_vector(Elements, [](Type T) { return LaneEmitter::memoryType(T); });
}

} // namespace

void emitLoops(const Kernel &Of, const LoopPlan &Plan, const CpuTarget &Target) {
  LoopKernel Loops(Of, Plan);
  auto Module = Of.Function->getParentOfType<ModuleOp>();
  Location Loc = Plan.Op->getLoc();
  SmallVector<Type> Elements;
  for (unsigned I = 0; I < Loops.numBuffers(); ++I) Elements.push_back(Loops.element(I));
  SmallVector<unsigned> Order = Of.Order;
  if (Loops.hasWorkspace()) {
    Elements.push_back(Loops.workspaceElement());
    Order.push_back(Of.workspaceAt());
  }
  auto name = [&](size_t I) { return Of.Name + ".p" + std::to_string(I); };
  for (auto [I, Phase] : llvm::enumerate(Loops.phases())) {
    KernelBuilder K(Module, name(I), inMemory(Elements), Of.NumSizes, Target, Loc, Order);
    CpuBlock Inside(K, Elements);
    if (Loops.hasWorkspace() && Loops.workspaceOfEach())
      Inside.takeOwn(Loops.numBuffers(), Inside.value(Loops.workspaceBytes()));
    K.E.loop(K.begin(), K.end(), 1, [&](Value Block) { Phase.Each(Inside, Block); });
    K.finish();
  }
  LaunchBuilder L(Module, Of.Name, Of.NumSizes, Target, Loc);
  CpuSizes Sizes(L, Of.Order);
  for (auto [I, Phase] : llvm::enumerate(Loops.phases())) {
    Value Work = Sizes.max(Phase.Work(Sizes), Sizes.index(1));
    L.run(name(I), Phase.Blocks(Sizes), Sizes.max(Sizes.div(Sizes.index(GrainSteps), Work), Sizes.index(1)));
  }
  L.finish();
}

LogicalResult emitSmallLoop(const Kernel &Of, const CpuTarget &Target) {
  auto Module = Of.Function->getParentOfType<ModuleOp>();
  Location Loc = Of.Function->getLoc();
  std::string Block = Of.Name + ".p0";
  SmallVector<Type> Elements = smallLoopElements(Of);
  KernelBuilder K(Module, Block, inMemory(Elements), Of.NumSizes, Target, Loc);
  CpuBlock Inside(K, Elements);
  LogicalResult Done = writeSmallLoop(Of, Inside);
  K.finish();
  LaunchBuilder L(Module, Of.Name, Of.NumSizes, Target, Loc);
  L.run(Block, L.E.index(1), L.E.index(1));
  L.finish();
  return Done;
}

} // namespace burin::codegen::cpu
