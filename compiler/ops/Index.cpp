// Loops of the ops whose positions are data.
#include "compiler/codegen/loops/LoopLowering.h"

namespace burin::codegen {
using namespace mlir;

namespace {

/// x as [outer, size, inner] around the axis; n indices.
struct AxisView {
  Extent Outer, Size, Inner, Indices;
  explicit AxisView(const LoopKernel &K) {
    auto Axis = static_cast<size_t>(K.integer("axis"));
    Outer = K.product(0, 0, Axis);
    Size = K.shape(0)[Axis];
    Inner = K.product(0, Axis + 1, K.shape(0).size());
    Indices = K.elements(1);
  }
  /// Writes `Touch`, which reads or writes at a position: there is none along an empty axis, which a region may name.
  void whereNotEmpty(LoopBlock &E, llvm::function_ref<void()> Touch) const {
    if (Size.isStatic() && !Size.is(0)) return Touch();
    E.when(E.less(E.index(0), E.value(Size)), Touch);
  }
};

} // namespace

/// One block an index (and outer position): a row is copied. No index of empty rows is looked at.
void lower_gather(LoopKernel &K) {
  AxisView V(K);
  auto blocks = [=](LoopBuilder &E) {
    Value Rows = E.value(V.Outer.times(V.Indices)), None = E.index(0);
    if (V.Inner.isStatic() && !V.Inner.is(0)) return Rows;
    return E.select(E.less(None, E.value(V.Inner)), Rows, None);
  };
  K.parallel(
      blocks, [=](LoopBuilder &E) { return E.add(E.value(V.Inner), 8); },
      [=, &K](LoopBlock &E, Value Block) {
        Value N = E.value(V.Indices), Size = E.value(V.Size), Inner = E.value(V.Inner);
        Value J = V.Outer.is(1) ? Block : E.rem(Block, N), O = V.Outer.is(1) ? E.index(0) : E.div(Block, N);
        Value At = K.position(E, 1, J, Size);
        Value From = E.mul(E.add(E.mul(O, Size), At), Inner), To = E.mul(Block, Inner);
        V.whereNotEmpty(E, [&] { E.copy(2, To, 0, From, Inner); });
      });
}

/// Steps for a block of scatters: rows that are copied, none in place, and rows that are written.
static Value scatterSteps(LoopBuilder &E, const AxisView &V, int64_t Stretch) {
  Value Row = E.min(E.value(V.Inner), E.index(Stretch)), N = E.value(V.Indices);
  return E.mul(Row, E.select(E.differ(0, 3), E.add(E.value(V.Size), N), N));
}

/// The tensor is copied, unless the result has its memory; then blocks are outer positions and stretches of rows, and each
/// takes all indices in order, so that sums do not depend on threads. Several narrow sums stay f32 in workspace until all
/// updates are in: as large as the result, or, where rows are known to be so long that this is less, a stretch of each row for
/// each worker.
void lower_scatter_add(LoopKernel &K) {
  constexpr int64_t Stretch = 1024;
  AxisView V(K);
  Type Scalar = K.element(0), F32 = Float32Type::get(Scalar.getContext());
  bool Narrow = is_narrow_float(K.dtype(0)), Wide = Narrow && !V.Indices.is(1);
  Type Sum = Narrow ? F32 : Scalar;
  auto stretches = [=](LoopBuilder &E) { return E.ceilDiv(E.value(V.Inner), Stretch); };
  const bool ByStretch = V.Inner.isStatic() && V.Outer.times(V.Inner).Coefficient > 16 * Stretch;
  if (Wide) K.workspace(F32, ByStretch ? V.Size.times(Stretch) : K.elements(3), ByStretch);
  BufferNumber Sums = Wide ? K.numBuffers() : 3;
  K.parallel(
      [=](LoopBuilder &E) { return E.mul(E.value(V.Outer), stretches(E)); },
      [=](LoopBuilder &E) {
        if (!Wide) return scatterSteps(E, V, Stretch);
        Value Row = E.min(E.value(V.Inner), E.index(Stretch));
        return E.mul(Row, E.add(E.value(V.Size), E.value(V.Indices)));
      },
      [=, &K](LoopBlock &E, Value Block) {
        Value N = E.value(V.Indices), Size = E.value(V.Size), Inner = E.value(V.Inner);
        Value PerRow = stretches(E), O = E.div(Block, PerRow), First = E.mul(E.rem(Block, PerRow), Stretch);
        Value Count = E.min(E.sub(Inner, First), E.index(Stretch));
        int Bits = static_cast<int>(Sum.getIntOrFloatBitWidth());
        auto place = [&](Value Position) { return E.add(E.mul(E.add(E.mul(O, Size), Position), Inner), First); };
        auto sumAt = [&](Value Position) { return Wide && ByStretch ? E.mul(Position, Stretch) : place(Position); };
        auto row = [&](function_ref<void(Value, const Lanes &)> Step) {
          E.run(Count, Bits, LoopBlock::Tail::exact, Step);
        };
        if (Wide)
          E.loop(E.index(0), Size, [&](Value Position) {
            Value From = place(Position), To = sumAt(Position);
            row([&](Value I, const Lanes &L) {
              E.store(Sums, E.add(To, I), E.load(0, E.add(From, I), L, Sum), L, Sum);
            });
          });
        else
          E.when(E.differ(0, 3), [&] {
            E.loop(E.index(0), Size, [&](Value Position) { E.copy(3, place(Position), 0, place(Position), Count); });
          });
        E.loop(E.index(0), N, [&](Value J) {
          Value To = sumAt(K.position(E, 1, J, Size));
          Value From = E.add(E.mul(E.add(E.mul(O, N), J), Inner), First);
          V.whereNotEmpty(E, [&] {
            row([&](Value I, const Lanes &L) {
              Value X = E.load(Sums, E.add(To, I), L, Sum), Y = E.load(2, E.add(From, I), L, Sum);
              E.store(Sums, E.add(To, I), E.addElements(X, Y), L, Sum);
            });
          });
        });
        if (Wide)
          E.loop(E.index(0), Size, [&](Value Position) {
            Value From = sumAt(Position), To = place(Position);
            row([&](Value I, const Lanes &L) {
              E.store(3, E.add(To, I), E.load(Sums, E.add(From, I), L, Sum), L, Sum);
            });
          });
      });
}

/// The tensor is copied, unless the result has its memory; then blocks are outer positions and stretches of rows, and each
/// takes all indices in order.
void lower_scatter(LoopKernel &K) {
  constexpr int64_t Stretch = 4096;
  AxisView V(K);
  auto stretches = [=](LoopBuilder &E) { return E.ceilDiv(E.value(V.Inner), Stretch); };
  K.parallel(
      [=](LoopBuilder &E) { return E.mul(E.value(V.Outer), stretches(E)); },
      [=](LoopBuilder &E) { return scatterSteps(E, V, Stretch); },
      [=, &K](LoopBlock &E, Value Block) {
        Value N = E.value(V.Indices), Size = E.value(V.Size), Inner = E.value(V.Inner);
        Value PerRow = stretches(E), O = E.div(Block, PerRow), First = E.mul(E.rem(Block, PerRow), Stretch);
        Value Count = V.Inner.is(1) ? E.index(1) : E.min(E.sub(Inner, First), E.index(Stretch));
        auto place = [&](Value Position) { return E.add(E.mul(E.add(E.mul(O, Size), Position), Inner), First); };
        E.when(E.differ(0, 3), [&] {
          E.loop(E.index(0), Size, [&](Value Position) { E.copy(3, place(Position), 0, place(Position), Count); });
        });
        E.loop(E.index(0), N, [&](Value J) {
          Value To = place(K.position(E, 1, J, Size));
          V.whereNotEmpty(E, [&] { E.copy(3, To, 2, E.add(E.mul(E.add(E.mul(O, N), J), Inner), First), Count); });
        });
      });
}

} // namespace burin::codegen
