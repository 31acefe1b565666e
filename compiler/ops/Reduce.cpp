// Loops of the ops that combine along an axis and that linalg cannot say.
#include "compiler/codegen/loops/LoopLowering.h"

namespace burin::codegen {
using namespace mlir;

/// x as [outer, size, inner] around the axis: a block is a stretch of inner positions, whose sums run along the axis a
/// vector at a time. Along the last axis a row is one chain of additions. Sums of narrow floats stay f32 until they are stored.
/// Sums of floats begin anew with each run of terms, on top of a total in two parts: errors do not grow with the axis.
void lower_cumsum(LoopKernel &K) {
  constexpr int64_t Stretch = 512, Run = 128;
  auto Axis = static_cast<size_t>(K.integer("axis"));
  Extent Outer = K.product(0, 0, Axis), Along = K.shape(0)[Axis], Inner = K.product(0, Axis + 1, K.shape(0).size());
  bool Exclusive = K.op()->getAttrOfType<BoolAttr>("exclusive").getValue();
  bool Reverse = K.op()->getAttrOfType<BoolAttr>("reverse").getValue();
  bool Wide = is_narrow_float(K.dtype(0));
  Type Scalar = K.element(0);
  auto stretches = [=](LoopSizes &S) { return S.E.ceilDiv(S.value(Inner), Stretch); };
  K.parallel([=](LoopSizes &S) { return S.E.mul(S.value(Outer), stretches(S)); },
             [=](LoopSizes &S) { return S.E.mul(S.E.min(S.value(Inner), S.E.index(Stretch)), S.value(Along)); },
             [=](LoopBlock &B, Value Block) {
               Emitter &E = B.E;
               Value Size = B.value(Along), Row = B.value(Inner), PerRow = stretches(B);
               Value Base = E.mul(E.div(Block, PerRow), Size), First = E.mul(E.rem(Block, PerRow), Stretch);
               Type Sum = cpu::LaneEmitter::registerType(Scalar);
               auto add = [&](Value X, Value Y) -> Value {
                 if (isa<FloatType>(Sum)) return LLVM::FAddOp::create(E.B, X, Y);
                 return LLVM::AddOp::create(E.B, X, Y);
               };
               auto column = [&](Value I, int64_t Lanes, Value Mask) {
                 Value One = E.index(1), Zero = B.Lanes.constant(cast<TypedAttr>(E.B.getZeroAttr(Sum)), Lanes);
                 auto walk = [&](Value Lo, Value Hi, Value Before) {
                   return E.loop(Lo, Hi, One, Zero, [&](Value Step, ValueRange Carried) -> cpu::Values {
                     Value Position = Reverse ? E.sub(E.sub(Size, One), Step) : Step;
                     Value At = E.add(E.mul(E.add(Base, Position), Row), E.add(First, I));
                     Value Next = add(Carried[0], B.Lanes.load(Scalar, B.buffer(0), At, One, Lanes, Mask));
                     Value Out = Exclusive ? Value(Carried[0]) : Next;
                     if (Before) Out = add(Before, Out);
                     B.Lanes.store(Scalar, Wide ? B.Lanes.round(Out, Scalar) : Out, B.buffer(1), At, One, Mask);
                     return {Next};
                   })[0];
                 };
                 if (!isa<FloatType>(Sum) || (Along.isStatic() && Along.Coefficient <= 2 * Run)) {
                   walk(E.index(0), Size, {});
                   return;
                 }
                 E.loop(E.index(0), Size, Run, {Zero, Zero}, [&](Value At, ValueRange Total) -> cpu::Values {
                   Value Before = E.joinTwoParts(Total[0], Total[1]);
                   Value Terms = walk(At, E.min(E.add(At, Run), Size), Before);
                   auto [Sum, Lost] = E.addInTwoParts(Total[0], Total[1], Terms);
                   return {Sum, Lost};
                 });
               };
               if (Inner.is(1)) return column(E.index(0), 1, {});
               Value Count = E.min(E.sub(Row, First), E.index(Stretch));
               B.run(Count, static_cast<int>(Sum.getIntOrFloatBitWidth()), column);
             });
}

} // namespace burin::codegen
