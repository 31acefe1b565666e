// Scalar loops over integers: a NaN is told by its bits, so no float type is met here. Each block stops at its first find;
// the runtime keeps the least index of all.
#include "compiler/codegen/cpu/CheckKernels.h"

#include "compiler/codegen/cpu/KernelAbi.h"

#include <burin/dtype.h>
#include <burin/rt/rt.h>

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

constexpr int64_t elementsPerBlock = 4096, blocksPerGrain = 16;

/// For elements [begin, end) of a block: the first where `bad(i)` holds is recorded.
void recordFirst(KernelBuilder &K, Value Count, burin_rt_fault_kind Kind, llvm::function_ref<Value(Value Index)> Bad) {
  Emitter &E = K.E;
  Value End = E.min(E.mul(K.end(), elementsPerBlock), Count);
  Values At = E.whileLoop(
      {E.mul(K.begin(), elementsPerBlock)},
      [&](ValueRange I) -> Values {
        Value Fine = E.choose(
            E.less(I[0], End), TypeRange(E.B.getI1Type()),
            [&]() -> Values {
              return {E.select(Bad(I[0]), E.constant(E.B.getI1Type(), 0), E.constant(E.B.getI1Type(), 1))};
            },
            [&]() -> Values { return {E.constant(E.B.getI1Type(), 0)}; })[0];
        return {Fine, I[0]};
      },
      [&](ValueRange I) -> Values { return {E.add(I[0], 1)}; });
  Value Op = LLVM::TruncOp::create(E.B, E.B.getI32Type(), K.size(0));
  E.when(E.less(At[0], End), [&] { rt::faultAt(E, K.ctx(), static_cast<int32_t>(Kind), Op, At[0], E.index(0)); });
}

void emitNan(ModuleOp Module, const std::string &Name, Dtype D, const CpuTarget &Target) {
  const int Bits = dtype_info(D).bits, Mantissa = dtype_info(D).digits - 1;
  const auto Sign = uint64_t{1} << (Bits - 1), Infinity = Sign - (uint64_t{1} << Mantissa);
  Type Word = IntegerType::get(Module.getContext(), static_cast<unsigned>(Bits));
  KernelBuilder K(Module, Name + ".block", {Word}, 2, Target);
  recordFirst(K, K.size(1), BURIN_RT_FAULT_NAN, [&](Value I) {
    Value Magnitude = K.E.both(K.E.load(K.buffer(0), I), K.E.constant(Word, static_cast<int64_t>(Sign - 1)));
    return K.E.compare(LLVM::ICmpPredicate::ugt, Magnitude, K.E.constant(Word, static_cast<int64_t>(Infinity)));
  });
  K.finish();
  LaunchBuilder L(Module, Name, 2, Target);
  L.run(Name + ".block", L.E.ceilDiv(L.size(1), elementsPerBlock), L.E.index(blocksPerGrain));
  L.finish();
}

void emitDivision(ModuleOp Module, const std::string &Name, Dtype D, unsigned Rank, const CpuTarget &Target) {
  Type Word = IntegerType::get(Module.getContext(), static_cast<unsigned>(dtype_info(D).bits));
  auto count = [&](auto &Builder) {
    Value N = Builder.E.index(1);
    for (unsigned A = 0; A < Rank; ++A) N = Builder.E.mul(N, Builder.size(1 + A));
    return N;
  };
  KernelBuilder K(Module, Name + ".block", {Word}, 1 + 2 * Rank, Target);
  Emitter &E = K.E;
  Value One = E.index(1), Zero = E.index(0);
  recordFirst(K, count(K), BURIN_RT_FAULT_DIVISION_BY_ZERO, [&](Value I) {
    // Where element I of the result finds its divisor.
    Value At = Zero, Step = One;
    for (unsigned A = Rank; A-- > 0;) {
      Value Of = K.size(1 + A), Has = K.size(1 + Rank + A);
      At = E.add(At, E.mul(E.select(E.equal(Has, One), Zero, E.rem(I, Of)), Step));
      I = E.div(I, Of);
      Step = E.mul(Step, Has);
    }
    return E.compare(LLVM::ICmpPredicate::eq, E.load(K.buffer(0), At), E.constant(Word, 0));
  });
  K.finish();
  LaunchBuilder L(Module, Name, 1 + 2 * Rank, Target);
  L.run(Name + ".block", L.E.ceilDiv(count(L), elementsPerBlock), L.E.index(blocksPerGrain));
  L.finish();
}

} // namespace

void emitCheckKernel(const Kernel &K, const CheckPlan &Plan, const CpuTarget &Target) {
  auto Module = K.Function->getParentOfType<ModuleOp>();
  if (Plan.Kind == ir::CheckKind::nan)
    emitNan(Module, K.Name, Plan.Element, Target);
  else
    emitDivision(Module, K.Name, Plan.Element, Plan.Rank, Target);
}

} // namespace burin::codegen::cpu
