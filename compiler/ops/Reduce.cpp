// Loops of the ops that combine along an axis and that linalg cannot say.
#include "compiler/codegen/loops/LoopLowering.h"

namespace burin::codegen {
using namespace mlir;

/// x as [outer, size, inner] around the axis: a block is a stretch of inner positions, whose sums run along the axis, as
/// many at once as there are lanes. Along the last axis a row is one chain of additions. Sums of narrow floats stay f32 until
/// they are stored. Sums of floats begin anew with each run of terms, on top of a total in two parts: errors do not grow with
/// the axis.
void lower_cumsum(LoopKernel &K) {
  constexpr int64_t Stretch = 512, Run = 128;
  auto Axis = static_cast<size_t>(K.integer("axis"));
  Extent Outer = K.product(0, 0, Axis), Along = K.shape(0)[Axis], Inner = K.product(0, Axis + 1, K.shape(0).size());
  bool Exclusive = K.op()->getAttrOfType<BoolAttr>("exclusive").getValue();
  bool Reverse = K.op()->getAttrOfType<BoolAttr>("reverse").getValue();
  Type Scalar = K.element(0), Sum = Scalar;
  if (is_narrow_float(K.dtype(0))) Sum = Float32Type::get(Scalar.getContext());
  auto stretches = [=](LoopBuilder &E) { return E.ceilDiv(E.value(Inner), Stretch); };
  K.parallel([=](LoopBuilder &E) { return E.mul(E.value(Outer), stretches(E)); },
             [=](LoopBuilder &E) { return E.mul(E.min(E.value(Inner), E.index(Stretch)), E.value(Along)); },
             [=](LoopBlock &E, Value Block) {
               Value Size = E.value(Along), Row = E.value(Inner), PerRow = stretches(E);
               Value Base = E.mul(E.div(Block, PerRow), Size), First = E.mul(E.rem(Block, PerRow), Stretch);
               auto column = [&](Value I, const Lanes &L) {
                 Value Zero = E.number(E.inLanes(Sum, L), 0);
                 auto walk = [&](Value Lo, Value Hi, Value Before) {
                   return E.loop(Lo, Hi, Zero, [&](Value Step, ValueRange Carried) -> Values {
                     Value Position = Reverse ? E.sub(E.sub(Size, E.index(1)), Step) : Step;
                     Value At = E.add(E.mul(E.add(Base, Position), Row), E.add(First, I));
                     Value Next = E.addElements(Carried[0], E.load(0, At, L, Sum));
                     Value Out = Exclusive ? Value(Carried[0]) : Next;
                     if (Before) Out = E.addElements(Before, Out);
                     E.store(1, At, Out, L, Sum);
                     return {Next};
                   })[0];
                 };
                 if (!isa<FloatType>(Sum) || (Along.isStatic() && Along.Coefficient <= 2 * Run)) {
                   walk(E.index(0), Size, {});
                   return;
                 }
                 E.loop(E.index(0), E.ceilDiv(Size, Run), {Zero, Zero}, [&](Value Number, ValueRange Total) -> Values {
                   Value At = E.mul(Number, Run), Before = E.joinTwoParts(Total[0], Total[1]);
                   Value Terms = walk(At, E.min(E.add(At, Run), Size), Before);
                   auto [All, Lost] = E.addInTwoParts(Total[0], Total[1], Terms);
                   return {All, Lost};
                 });
               };
               if (Inner.is(1)) return column(E.index(0), Lanes{});
               Value Count = E.min(E.sub(Row, First), E.index(Stretch));
               E.run(Count, static_cast<int>(Sum.getIntOrFloatBitWidth()), LoopBlock::Tail::exact, column);
             });
}

} // namespace burin::codegen
