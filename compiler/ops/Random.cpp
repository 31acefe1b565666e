// Loops of random_bits: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011).
#include "compiler/codegen/loops/LoopLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace burin::codegen {
using namespace mlir;

/// A block is a stretch of counters, one a lane. Words are kept in i64, whose products are exact.
void lower_random_bits(LoopKernel &K) {
  constexpr int64_t Stretch = 1024; // counters: 4096 elements
  Extent All = K.elements(2);
  Type U32 = K.element(0);
  auto counters = [=](LoopBuilder &E) { return E.ceilDiv(E.value(All), 4); };
  K.parallel([=](LoopBuilder &E) { return E.ceilDiv(counters(E), Stretch); },
             [=](LoopBuilder &E) { return E.index(Stretch * 16); },
             [=](LoopBlock &E, Value Block) {
               auto &B = E.B;
               Type I64 = B.getI64Type();
               auto word = [&](BufferNumber Input, int64_t I) -> Value {
                 return arith::ExtUIOp::create(B, I64, E.load(Input, E.index(I), {}, U32));
               };
               auto wrap = [&](Value X) -> Value {
                 return arith::AndIOp::create(B, X, E.number(X.getType(), 0xffffffff));
               };
               auto high = [&](Value X) -> Value { return arith::ShRUIOp::create(B, X, E.number(X.getType(), 32)); };
               auto either = [&](Value X, Value Y) -> Value { return arith::XOrIOp::create(B, X, Y); };
               // Keys of the ten rounds.
               Values Key0, Key1;
               Value K0 = word(0, 0), K1 = word(0, 1);
               for (int Round = 0; Round < 10; ++Round) {
                 Key0.push_back(K0);
                 Key1.push_back(K1);
                 K0 = wrap(arith::AddIOp::create(B, K0, E.index(0x9E3779B9)));
                 K1 = wrap(arith::AddIOp::create(B, K1, E.index(0xBB67AE85)));
               }
               Value Low = arith::OrIOp::create(B, word(1, 0), arith::ShLIOp::create(B, word(1, 1), E.index(32)));
               Value C2 = word(1, 2), C3 = word(1, 3);

               Value First = E.mul(Block, Stretch), Size = E.value(All);
               Value Count = E.min(E.sub(counters(E), First), E.index(Stretch));
               E.run(Count, 64, LoopBlock::Tail::overrun, [&](Value I, const Lanes &L) {
                 Value At = E.add(First, I);
                 Value Counter = arith::AddIOp::create(B, E.counted(At, L), E.splat(Low, L));
                 Value C[4] = {wrap(Counter), high(Counter), E.splat(C2, L), E.splat(C3, L)};
                 for (int Round = 0; Round < 10; ++Round) {
                   Value P0 = arith::MulIOp::create(B, C[0], E.number(C[0].getType(), 0xD2511F53));
                   Value P1 = arith::MulIOp::create(B, C[2], E.number(C[2].getType(), 0xCD9E8D57));
                   Value Next[4] = {either(either(high(P1), C[1]), E.splat(Key0[Round], L)), wrap(P1),
                                    either(either(high(P0), C[3]), E.splat(Key1[Round], L)), wrap(P0)};
                   std::copy(std::begin(Next), std::end(Next), std::begin(C));
                 }
                 E.storeWords(2, E.mul(At, 4), C, Size, L);
               });
             });
}

} // namespace burin::codegen
