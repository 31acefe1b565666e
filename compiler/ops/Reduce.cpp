// Loops of the ops that combine along an axis and that linalg cannot say.
#include "compiler/codegen/loops/LoopLowering.h"

namespace burin::codegen {
using namespace mlir;

/// x as [outer, size, inner] around the axis. A block is a stretch of inner positions, whose sums run along the axis, as many
/// at once as there are lanes; along the last axis it is a row, which is scanned. Sums of narrow floats stay f32 until they are
/// stored. Sums of floats begin anew with each run of terms, on top of a total in two parts: errors do not grow with the axis.
void lower_cumsum(LoopKernel &K) {
  constexpr int64_t Stretch = 512, Run = 128;
  auto Axis = static_cast<size_t>(K.integer("axis"));
  Extent Outer = K.product(0, 0, Axis), Along = K.shape(0)[Axis], Inner = K.product(0, Axis + 1, K.shape(0).size());
  bool Exclusive = K.op()->getAttrOfType<BoolAttr>("exclusive").getValue();
  bool Reverse = K.op()->getAttrOfType<BoolAttr>("reverse").getValue();
  Type Scalar = K.element(0), Sum = Scalar;
  if (is_narrow_float(K.dtype(0))) Sum = Float32Type::get(Scalar.getContext());
  bool InRuns = isa<FloatType>(Sum) && !(Along.isStatic() && Along.Coefficient <= 2 * Run);

  // Adds steps [Lo, Hi) of a row or of lanes of columns and stores the sums on top of `Before`, if that is there.
  using Walk = llvm::function_ref<Value(LoopBlock & E, Value Lo, Value Hi, Value Before)>;
  auto inRuns = [=](LoopBlock &E, Type Total, Walk Add) {
    Value Size = E.value(Along);
    if (!InRuns) return static_cast<void>(Add(E, E.index(0), Size, {}));
    Value Zero = E.number(Total, 0);
    E.loop(E.index(0), E.ceilDiv(Size, Run), {Zero, Zero}, [&](Value Number, ValueRange Total) -> Values {
      Value At = E.mul(Number, Run), Before = E.joinTwoParts(Total[0], Total[1]);
      auto [All, Lost] = E.addInTwoParts(Total[0], Total[1], Add(E, At, E.min(E.add(At, Run), Size), Before));
      return {All, Lost};
    });
  };

  auto row = [=](LoopBlock &E, Value Block) {
    Value Size = E.value(Along), Base = E.mul(Block, Size);
    inRuns(E, Sum, [&](LoopBlock &E, Value Lo, Value Hi, Value Before) {
      auto term = [&](Value I, const Lanes &L) { return E.load(0, E.add(Base, I), L, Sum); };
      auto store = [&](Value I, const Lanes &L, const LoopBlock::Running &At) {
        Value Out = Exclusive ? At.Before : At.Through;
        if (Before) Out = E.addElements(E.splat(Before, L), Out);
        E.store(1, E.add(Base, I), Out, L, Sum);
      };
      if (!Reverse) return E.scan(Lo, Hi, Sum, false, term, store);
      return E.scan(E.sub(Size, Hi), E.sub(Size, Lo), Sum, true, term, store);
    });
  };
  if (Inner.is(1)) {
    auto count = [=](LoopBuilder &E) { return E.value(Outer); };
    return K.parallel(count, [=](LoopBuilder &E) { return E.value(Along); }, row);
  }

  auto stretches = [=](LoopBuilder &E) { return E.ceilDiv(E.value(Inner), Stretch); };
  auto columns = [=](LoopBlock &E, Value Block) {
    Value Size = E.value(Along), Row = E.value(Inner), PerRow = stretches(E);
    Value Base = E.mul(E.div(Block, PerRow), Size), First = E.mul(E.rem(Block, PerRow), Stretch);
    Value Count = E.min(E.sub(Row, First), E.index(Stretch));
    auto bits = static_cast<int>(Sum.getIntOrFloatBitWidth());
    E.run(Count, bits, LoopBlock::Tail::exact, [&](Value I, const Lanes &L) {
      inRuns(E, E.inLanes(Sum, L), [&](LoopBlock &E, Value Lo, Value Hi, Value Before) {
        return E.loop(Lo, Hi, E.number(E.inLanes(Sum, L), 0), [&](Value Step, ValueRange Carried) -> Values {
          Value Position = Reverse ? E.sub(E.sub(Size, E.index(1)), Step) : Step;
          Value At = E.add(E.mul(E.add(Base, Position), Row), E.add(First, I));
          Value Next = E.addElements(Carried[0], E.load(0, At, L, Sum));
          Value Out = Exclusive ? Value(Carried[0]) : Next;
          if (Before) Out = E.addElements(Before, Out);
          E.store(1, At, Out, L, Sum);
          return {Next};
        })[0];
      });
    });
  };
  K.parallel([=](LoopBuilder &E) { return E.mul(E.value(Outer), stretches(E)); },
             [=](LoopBuilder &E) { return E.mul(E.min(E.value(Inner), E.index(Stretch)), E.value(Along)); }, columns);
}

} // namespace burin::codegen
