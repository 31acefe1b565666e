// Loops of random_bits: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011).
#include "compiler/codegen/loops/LoopLowering.h"

namespace burin::codegen {
using namespace mlir;

/// A number in every lane.
static Value like(Emitter &E, Value X, int64_t N) {
  auto V = dyn_cast<VectorType>(X.getType());
  return V ? E.splat(E.index(N), V) : E.index(N);
}

/// A block is a stretch of counters, a vector of them at a time. Words are kept in i64 lanes, whose products are exact.
void lower_random_bits(LoopKernel &K) {
  constexpr int64_t Stretch = 1024; // counters: 4096 elements
  Extent All = K.elements(2);
  int64_t Lanes = K.target().lanes(64);
  auto counters = [=](LoopSizes &S) { return S.E.ceilDiv(S.value(All), 4); };
  K.parallel([=](LoopSizes &S) { return S.E.ceilDiv(counters(S), Stretch); },
             [=](LoopSizes &S) { return S.E.index(Stretch * 16); },
             [=](LoopBlock &B, Value Block) {
               Emitter &E = B.E;
               Type I64 = E.B.getI64Type(), I32 = E.B.getI32Type();
               auto word = [&](unsigned Input, int64_t I) -> Value {
                 return LLVM::ZExtOp::create(E.B, I64, E.load(B.buffer(Input), E.index(I)));
               };
               auto wrap = [&](Value X) -> Value { return LLVM::AndOp::create(E.B, X, like(E, X, 0xffffffff)); };
               auto high = [&](Value X) -> Value { return LLVM::LShrOp::create(E.B, X, like(E, X, 32)); };
               auto either = [&](Value X, Value Y) -> Value { return LLVM::XOrOp::create(E.B, X, Y); };
               // Keys of the ten rounds.
               cpu::Values Key0, Key1;
               Value K0 = word(0, 0), K1 = word(0, 1);
               for (int Round = 0; Round < 10; ++Round) {
                 Key0.push_back(E.splat(K0, Lanes));
                 Key1.push_back(E.splat(K1, Lanes));
                 K0 = wrap(LLVM::AddOp::create(E.B, K0, E.index(0x9E3779B9)));
                 K1 = wrap(LLVM::AddOp::create(E.B, K1, E.index(0xBB67AE85)));
               }
               Value Low = LLVM::OrOp::create(E.B, word(1, 0), LLVM::ShlOp::create(E.B, word(1, 1), E.index(32)));
               Value C2 = E.splat(word(1, 2), Lanes), C3 = E.splat(word(1, 3), Lanes);
               Buffer Rest = B.scratch(I32);

               Value First = E.mul(Block, Stretch), Last = E.min(E.add(First, Stretch), counters(B)),
                     Size = B.value(All);
               E.loop(First, Last, Lanes, [&](Value At) {
                 Value Counter = LLVM::AddOp::create(E.B, B.Lanes.iota(At, E.index(1), Lanes), E.splat(Low, Lanes));
                 Value C[4] = {wrap(Counter), high(Counter), C2, C3};
                 for (int Round = 0; Round < 10; ++Round) {
                   Value P0 = LLVM::MulOp::create(E.B, C[0], like(E, C[0], 0xD2511F53));
                   Value P1 = LLVM::MulOp::create(E.B, C[2], like(E, C[2], 0xCD9E8D57));
                   Value Next[4] = {either(either(high(P1), C[1]), Key0[Round]), wrap(P1),
                                    either(either(high(P0), C[3]), Key1[Round]), wrap(P0)};
                   std::copy(std::begin(Next), std::end(Next), std::begin(C));
                 }
                 // Words 0 and 1 of a counter side by side, then 2 and 3; pairs of counters interleaved.
                 auto pair = [&](Value X, Value Y) -> Value {
                   return LLVM::OrOp::create(E.B, X, LLVM::ShlOp::create(E.B, Y, like(E, Y, 32)));
                 };
                 Value Even = pair(C[0], C[1]), Odd = pair(C[2], C[3]);
                 SmallVector<int32_t> Order;
                 for (int64_t I = 0; I < Lanes; ++I)
                   Order.append({static_cast<int32_t>(I), static_cast<int32_t>(I + Lanes)});
                 Value Words = LLVM::ShuffleVectorOp::create(E.B, Even, Odd, Order);
                 Words = LLVM::BitcastOp::create(E.B, E.vectorType(I32, 4 * Lanes), Words);
                 Value To = E.mul(At, 4), End = E.add(To, 4 * Lanes);
                 E.when(
                     E.less(Size, End),
                     [&] {
                       E.storeVector(Words, Rest, E.index(0));
                       B.copy(B.buffer(2), To, Rest, E.index(0), E.sub(Size, To));
                     },
                     [&] { E.storeVector(Words, B.buffer(2), To); });
               });
             },
             [=](LoopSizes &S) { return S.E.index(Lanes * 16); });
}

} // namespace burin::codegen
