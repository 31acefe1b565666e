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
  void whereNotEmpty(LoopBlock &B, llvm::function_ref<void()> Touch) const {
    if (Size.isStatic() && !Size.is(0)) return Touch();
    B.E.when(B.E.compare(LLVM::ICmpPredicate::sgt, B.value(Size), B.E.index(0)), Touch);
  }
};

} // namespace

/// One block an index (and outer position): a row is copied. No index of empty rows is looked at.
void lower_gather(LoopKernel &K) {
  AxisView V(K);
  auto blocks = [=](LoopSizes &S) {
    Value Rows = S.value(V.Outer.times(V.Indices)), None = S.E.index(0);
    if (V.Inner.isStatic() && !V.Inner.is(0)) return Rows;
    return S.E.select(S.E.compare(LLVM::ICmpPredicate::sgt, S.value(V.Inner), None), Rows, None);
  };
  K.parallel(
      blocks, [=](LoopSizes &S) { return S.E.add(S.value(V.Inner), 8); },
      [=](LoopBlock &B, Value Block) {
        Emitter &E = B.E;
        Value N = B.value(V.Indices), Size = B.value(V.Size), Inner = B.value(V.Inner);
        Value J = V.Outer.is(1) ? Block : E.rem(Block, N), O = V.Outer.is(1) ? E.index(0) : E.div(Block, N);
        Value At = B.checked(B.index(1, J), Size, J);
        Value From = E.mul(E.add(E.mul(O, Size), At), Inner), To = E.mul(Block, Inner);
        V.whereNotEmpty(B, [&] {
          if (V.Inner.is(1))
            E.store(E.load(B.buffer(0), From), B.buffer(2), To);
          else
            B.copy(B.buffer(2), To, B.buffer(0), From, Inner);
        });
      });
}

/// Steps for a block of scatters: rows that are copied, none in place, and rows that are written.
Value scatterSteps(LoopSizes &S, const AxisView &V, int64_t Stretch) {
  Value Row = S.E.min(S.value(V.Inner), S.E.index(Stretch)), N = S.value(V.Indices);
  return S.E.mul(Row, S.E.select(S.differ(0, 3), S.E.add(S.value(V.Size), N), N));
}

/// The tensor is copied, unless the result has its memory; then blocks are outer positions and stretches of rows, and each
/// takes all indices in order, so that sums do not depend on threads. Several narrow sums stay f32 in the worker's memory
/// until all updates are in.
void lower_scatter_add(LoopKernel &K) {
  constexpr int64_t Stretch = 1024;
  AxisView V(K);
  bool Wide = is_narrow_float(K.dtype(0)) && !V.Indices.is(1);
  auto stretches = [=](LoopSizes &S) { return S.E.ceilDiv(S.value(V.Inner), Stretch); };
  K.parallel([=](LoopSizes &S) { return S.E.mul(S.value(V.Outer), stretches(S)); },
             [=](LoopSizes &S) {
               if (!Wide) return scatterSteps(S, V, Stretch);
               Value Row = S.E.min(S.value(V.Inner), S.E.index(Stretch));
               return S.E.mul(Row, S.E.add(S.value(V.Size), S.value(V.Indices)));
             },
             [=, &K](LoopBlock &B, Value Block) {
               Emitter &E = B.E;
               Value N = B.value(V.Indices), Size = B.value(V.Size), Inner = B.value(V.Inner);
               Value PerRow = stretches(B), O = E.div(Block, PerRow), First = E.mul(E.rem(Block, PerRow), Stretch);
               Value Count = E.min(E.sub(Inner, First), E.index(Stretch));
               Type Scalar = K.element(0), Sum = Wide ? Type(E.B.getF32Type()) : Scalar;
               bool Narrow = is_narrow_float(K.dtype(0));
               int Bits = static_cast<int>(Sum.getIntOrFloatBitWidth());
               Value One = E.index(1);
               // Sums: the result itself, or rows of Stretch f32 in scratch.
               Buffer Sums = B.buffer(3);
               if (Wide) Sums = B.scratch(Sum);
               auto sumAt = [&](Value Position) {
                 return Wide ? E.mul(Position, Stretch) : E.add(E.mul(E.add(E.mul(O, Size), Position), Inner), First);
               };
               auto place = [&](Value Position) { return E.add(E.mul(E.add(E.mul(O, Size), Position), Inner), First); };
               auto copyAll = [&] {
                 E.loop(E.index(0), Size, 1, [&](Value Position) {
                   Value From = place(Position), To = sumAt(Position);
                   B.run(Count, Bits, [&](Value I, int64_t Lanes, Value Mask) {
                     B.Lanes.store(Sum, B.Lanes.load(Scalar, B.buffer(0), E.add(From, I), One, Lanes, Mask), Sums,
                                   E.add(To, I), One, Mask);
                   });
                 });
               };
               if (Wide)
                 copyAll();
               else
                 E.when(B.differ(0, 3), copyAll);
               E.loop(E.index(0), N, 1, [&](Value J) {
                 Value To = sumAt(B.checked(B.index(1, J), Size, J));
                 Value From = E.add(E.mul(E.add(E.mul(O, N), J), Inner), First);
                 V.whereNotEmpty(B, [&] {
                   B.run(Count, Bits, [&](Value I, int64_t Lanes, Value Mask) {
                     Value X = B.Lanes.load(Sum, Sums, E.add(To, I), One, Lanes, Mask);
                     Value Y = B.Lanes.load(Scalar, B.buffer(2), E.add(From, I), One, Lanes, Mask);
                     bool Float = isa<FloatType>(getElementTypeOrSelf(X.getType()));
                     Value Added = Float ? LLVM::FAddOp::create(E.B, X, Y).getResult()
                                         : LLVM::AddOp::create(E.B, X, Y).getResult();
                     if (Narrow && !Wide) Added = B.Lanes.round(Added, Scalar);
                     B.Lanes.store(Sum, Added, Sums, E.add(To, I), One, Mask);
                   });
                 });
               });
               if (Wide)
                 E.loop(E.index(0), Size, 1, [&](Value Position) {
                   Value From = sumAt(Position), To = place(Position);
                   B.run(Count, Bits, [&](Value I, int64_t Lanes, Value Mask) {
                     Value X = B.Lanes.load(Sum, Sums, E.add(From, I), One, Lanes, Mask);
                     B.Lanes.store(Scalar, B.Lanes.round(X, Scalar), B.buffer(3), E.add(To, I), One, Mask);
                   });
                 });
             },
             Wide ? [=](LoopSizes &S) { return S.E.mul(S.value(V.Size), Stretch * 4); } : LoopKernel::Count());
}

/// The tensor is copied, unless the result has its memory; then blocks are outer positions and stretches of rows, and each
/// takes all indices in order.
void lower_scatter(LoopKernel &K) {
  constexpr int64_t Stretch = 4096;
  AxisView V(K);
  auto stretches = [=](LoopSizes &S) { return S.E.ceilDiv(S.value(V.Inner), Stretch); };
  K.parallel([=](LoopSizes &S) { return S.E.mul(S.value(V.Outer), stretches(S)); },
             [=](LoopSizes &S) { return scatterSteps(S, V, Stretch); },
             [=](LoopBlock &B, Value Block) {
               Emitter &E = B.E;
               Value N = B.value(V.Indices), Size = B.value(V.Size), Inner = B.value(V.Inner);
               Value PerRow = stretches(B), O = E.div(Block, PerRow), First = E.mul(E.rem(Block, PerRow), Stretch);
               Value Count = E.min(E.sub(Inner, First), E.index(Stretch));
               auto place = [&](Value Position) { return E.add(E.mul(E.add(E.mul(O, Size), Position), Inner), First); };
               auto row = [&](Value To, Buffer From, Value At) {
                 if (V.Inner.is(1))
                   E.store(E.load(From, At), B.buffer(3), To);
                 else
                   B.copy(B.buffer(3), To, From, At, Count);
               };
               E.when(B.differ(0, 3), [&] {
                 E.loop(E.index(0), Size, 1,
                        [&](Value Position) { row(place(Position), B.buffer(0), place(Position)); });
               });
               E.loop(E.index(0), N, 1, [&](Value J) {
                 Value To = place(B.checked(B.index(1, J), Size, J));
                 V.whereNotEmpty(B, [&] { row(To, B.buffer(2), E.add(E.mul(E.add(E.mul(O, N), J), Inner), First)); });
               });
             });
}

} // namespace burin::codegen
