// The code generation base: targets, the two kinds of function, what cannot be lowered, what an object may need.
#include "compiler/codegen/cpu/EmitObject.h"
#include "compiler/codegen/cpu/KernelAbi.h"
#include "compiler/codegen/cpu/LowerToLlvm.h"
#include "tests/support/catch.h"
#include "tests/support/compiled_kernels.h"

#include <burin/dtype.h>

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/AArch64TargetParser.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <set>

using namespace burin;
using namespace burin::codegen::cpu;
using test::CompiledKernels;
using test::KernelRuntime;

namespace {

struct Fixture {
  mlir::MLIRContext Context{mlir::MLIRContext::Threading::DISABLED};
  CpuTarget Target = *resolveTarget("host");
  mlir::OwningOpRef<mlir::ModuleOp> Module;
  Type F32, I8, I64;

  Fixture() {
    loadCodegenDialects(Context);
    mlir::OpBuilder B(&Context);
    Module = mlir::ModuleOp::create(B.getUnknownLoc());
    F32 = B.getF32Type(), I8 = B.getI8Type(), I64 = B.getI64Type();
  }
};

/// out[i] = in[i] + 1 for i in [begin, end), by vectors with a masked tail; launched over sizes[0] blocks.
void emitIncrement(Fixture& F) {
  KernelBuilder K(*F.Module, "increment.p0", {F.F32, F.F32}, 1, F.Target);
  Emitter& E = K.E;
  auto V = E.nativeVector(F.F32);
  int64_t L = V.getNumElements();
  Value One = E.splat(mlir::LLVM::ConstantOp::create(E.B, F.F32, E.B.getF32FloatAttr(1)), V);
  E.loop(K.begin(), K.end(), L, [&](Value I) {
    Value Mask = E.laneMask(L, E.sub(K.end(), I));
    Value X = E.loadVector(V, K.buffer(0), I, Mask);
    E.storeVector(mlir::LLVM::FAddOp::create(E.B, X, One), K.buffer(1), I, Mask);
  });
  K.finish();
  LaunchBuilder Launch(*F.Module, "increment", 1, F.Target);
  Launch.run("increment.p0", Launch.size(0), Launch.E.index(10));
  Launch.finish();
}

}  // namespace

TEST_CASE("LLVM is given the features that an image names, and no others") {
  llvm::InitializeNativeTarget();
  llvm::SmallVector<llvm::StringRef> Cpus;
  llvm::X86::fillValidCPUArchList(Cpus, /*Only64Bit=*/true);
  std::set<std::string> Known, Baseline{"cmov", "cx8", "fxsr", "mmx", "sse", "sse2", "x87"};
  for (llvm::StringRef Cpu : Cpus) {
    llvm::SmallVector<llvm::StringRef> Features;
    llvm::X86::getFeaturesForCPU(Cpu, Features);
    for (llvm::StringRef F : Features) Known.insert(F.str());
  }
  std::vector<std::string> Names{"host"};
  for (llvm::StringRef Cpu : Cpus) Names.push_back(Cpu.str());
  int Seen = 0;
  for (const std::string& Name : Names) {
    auto T = resolveTarget(Name);
    REQUIRE(T);
    std::string Why;
    llvm::Triple Triple(T->Triple);
    std::unique_ptr<llvm::MCSubtargetInfo> Info(
        llvm::TargetRegistry::lookupTarget(Triple, Why)->createMCSubtargetInfo(Triple, T->Cpu, T->Features));
    for (const std::string& F : Known) {
      INFO(Name << ": " << F);
      bool Named = std::find(T->Required.begin(), T->Required.end(), F) != T->Required.end();
      if (!Baseline.count(F)) CHECK(Info->checkFeatures("+" + F) == Named);
      Seen += Named;
    }
  }
  CHECK(Seen > 100);
}

TEST_CASE("targets are known by level and by CPU name") {
  auto Baseline = resolveTarget("x86-64"), V3 = resolveTarget("x86-64-v3"), V4 = resolveTarget("x86-64-v4");
  REQUIRE((Baseline && V3 && V4 && resolveTarget("host") && resolveTarget("haswell")));
  CHECK((Baseline->VectorBits == 128 && !Baseline->Fma && Baseline->NumVectorRegisters == 16));
  CHECK((V3->VectorBits == 256 && V3->Fma && V3->NumVectorRegisters == 16));
  CHECK((V4->VectorBits == 512 && V4->MaskedMemory && V4->NumVectorRegisters == 32));
  CHECK(resolveTarget("znver4")->VectorBits == 512);
  CHECK(V3->key() != V4->key());
  CHECK(std::find(Baseline->Required.begin(), Baseline->Required.end(), "avx") == Baseline->Required.end());
}

TEST_CASE("every AArch64 CPU that LLVM knows is a target with NEON and the features that objects name") {
  llvm::SmallVector<llvm::StringRef> Cpus;
  llvm::AArch64::fillValidCPUArchList(Cpus);
  std::vector<std::string> Names{"aarch64"};
  for (llvm::StringRef Cpu : Cpus) Names.push_back(Cpu.str());
  int Seen = 0;
  for (const std::string& Name : Names) {
    auto T = resolveTarget(Name);
    INFO(Name);
    REQUIRE(T);
    CHECK((T->Architecture == "aarch64" && T->VectorBits == 128 && T->NumVectorRegisters == 32 && T->Fma));
    CHECK_FALSE(T->MaskedMemory);
    T->Initialise();
    std::string Why;
    llvm::Triple Triple(T->Triple);
    std::unique_ptr<llvm::MCSubtargetInfo> Info(
        llvm::TargetRegistry::lookupTarget(Triple, Why)->createMCSubtargetInfo(Triple, T->Cpu, T->Features));
    CHECK(Info->checkFeatures("+neon"));
    for (const char* F : {"aes", "bf16", "crc", "dotprod", "fullfp16", "i8mm", "lse", "rdm", "sha2", "sve", "sve2"}) {
      bool Named = std::find(T->Required.begin(), T->Required.end(), F) != T->Required.end();
      CHECK(Info->checkFeatures("+" + std::string(F)) == Named);
      Seen += Named;
    }
  }
  CHECK(Seen > 100);
  CHECK(resolveTarget("aarch64")->Required.empty());
  CHECK(resolveTarget("cortex-a72")->key() != resolveTarget("cortex-a53")->key());
}

TEST_CASE("objects are for the machine of their target") {
  for (auto [Name, Machine] : {std::pair{"x86-64", llvm::ELF::EM_X86_64},
                               {"aarch64", llvm::ELF::EM_AARCH64},
                               {"neoverse-v2", llvm::ELF::EM_AARCH64},
                               {"x86-64-v4", llvm::ELF::EM_X86_64}}) {
    Fixture F;
    F.Target = *resolveTarget(Name);
    emitIncrement(F);
    REQUIRE(mlir::succeeded(lowerToLlvm(*F.Module)));
    auto Object = emitObject(*F.Module, F.Target);
    REQUIRE(Object);
    CHECK(((*Object)[18] | (*Object)[19] << 8) == Machine);
    burin::rt::LoadedObject Loaded;
    auto Refused = burin::rt::LoadedObject::load(*Object, Loaded);
    if (Machine != llvm::ELF::EM_X86_64)
      CHECK(Refused.message == "object: made for machine " + std::to_string(llvm::ELF::EM_AARCH64) + ", not x86-64");
  }
}

TEST_CASE("an unknown target is an error that lists the choices") {
  auto T = resolveTarget("x86-65");
  REQUIRE_FALSE(T);
  CHECK(T.error().code == ErrorCode::invalid_argument);
  CHECK(T.error().tag == "unknown-target");
  CHECK(T.error().message.find("\"x86-65\"") != std::string::npos);
  CHECK(T.error().message.find("x86-64-v3") != std::string::npos);
  CHECK(T.error().message.find("aarch64") != std::string::npos);
  CHECK(T.error().hint.find("znver4") != std::string::npos);
  CHECK(T.error().hint.find("cortex-a72") != std::string::npos);
}

TEST_CASE("a launch function runs its block function over all blocks at every level") {
  for (const char* Level : {"x86-64", "x86-64-v3", "x86-64-v4", "host"}) {
    Fixture F;
    F.Target = *resolveTarget(Level);
    if (!test::canRun(F.Target)) continue;
    emitIncrement(F);
    auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
    REQUIRE(Kernels);
    for (int64_t N : {0, 1, 7, 64, 101}) {
      std::vector<float> In(N + 1, 3), Out(N + 1, -1);
      void* Buffers[] = {In.data(), Out.data()};
      KernelRuntime Runtime(2);
      Kernels->function("increment")(Buffers, &N, Runtime.ctx());
      CHECK(std::all_of(Out.begin(), Out.begin() + N, [](float X) { return X == 4; }));
      CHECK(Out[N] == -1);
    }
  }
}

TEST_CASE("a lane mask holds for counts of any size") {
  for (const char* Level : {"x86-64", "x86-64-v3", "x86-64-v4"}) {
    Fixture F;
    F.Target = *resolveTarget(Level);
    if (!test::canRun(F.Target)) continue;
    KernelBuilder K(*F.Module, "mask", {F.I8}, 1, F.Target);
    Value Bytes = mlir::LLVM::ZExtOp::create(K.E.B, K.E.vectorType(F.I8, 16), K.E.laneMask(16, K.size(0)));
    K.E.storeVector(Bytes, K.buffer(0), K.E.index(0));
    K.finish();
    auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
    REQUIRE(Kernels);
    KernelRuntime Runtime(1);
    constexpr int64_t Far = int64_t{1} << 31;
    for (int64_t Count : {-Far, int64_t{-1}, int64_t{0}, int64_t{3}, int64_t{16}, Far - 1, Far, Far + 100, 2 * Far + 3,
                          std::numeric_limits<int64_t>::max()}) {
      std::array<int8_t, 16> Out;
      void* Buffers[] = {Out.data()};
      Kernels->function<std::remove_pointer_t<burin_rt_kernel>>("mask")(Buffers, &Count, 0, 1, Runtime.ctx());
      INFO(Level << ", count " << Count);
      CHECK(std::count(Out.begin(), Out.end(), 1) == std::clamp<int64_t>(Count, 0, 16));
    }
  }
}

TEST_CASE("kernels reach their stretch of workspace, and faults through the context") {
  Fixture F;
  KernelBuilder K(*F.Module, "k", {F.I64, F.I64}, 0, F.Target);
  Buffer Own = K.ownStretch(1, K.E.index(70));  // 128 bytes for each worker
  K.E.store(K.E.index(42), Own, K.E.index(3));
  K.E.store(K.E.load(Own, K.E.index(3)), K.buffer(0), K.E.index(0));
  K.E.when(K.E.less(K.begin(), K.end()), [&] { K.faultAt(BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, 7, K.begin(), K.end()); });
  K.finish();
  auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
  REQUIRE(Kernels);
  auto* Kernel = Kernels->function<std::remove_pointer_t<burin_rt_kernel>>("k");
  KernelRuntime Runtime(1);
  alignas(64) int64_t Out = 0, Workspace[48] = {};
  void* Buffers[] = {&Out, Workspace};
  Kernel(Buffers, nullptr, 5, 5, Runtime.ctx());
  CHECK((Out == 42 && Workspace[3] == 42));
  CHECK(Runtime.ctx()->fault.kind == BURIN_RT_FAULT_NONE);
  Kernel(Buffers, nullptr, 5, 9, Runtime.ctx());
  burin_rt_fault Fault = Runtime.ctx()->fault;
  CHECK((Fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE && Fault.op == 7 && Fault.index == 5 && Fault.value == 9));
  burin_rt_functions Third = *Runtime.ctx()->functions;
  Third.worker = [](burin_rt_ctx*) -> int64_t { return 2; };
  Runtime.ctx()->functions = &Third;
  Kernel(Buffers, nullptr, 5, 5, Runtime.ctx());
  CHECK(Workspace[32 + 3] == 42);
}

namespace {

/// Rounds f32 to a narrow float T and back, as vectors and (the second kernel) one by one: bits for bits what T does.
template <class T> void checkNarrow(const char* Level) {
  Fixture F;
  F.Target = *resolveTarget(Level);
  if (!test::canRun(F.Target)) return;
  INFO(Level << " " << name(dtype_of<T>));
  Type I16 = mlir::IntegerType::get(&F.Context, 16);
  Type Narrow =
      dtype_of<T> == Dtype::bf16 ? Type(mlir::BFloat16Type::get(&F.Context)) : Type(mlir::Float16Type::get(&F.Context));
  for (int64_t Lanes : {16, 1}) {
    std::string Suffix = Lanes == 1 ? "one" : "many";
    auto load = [&](Emitter& E, const Buffer& M, Value I) {
      return Lanes == 1 ? E.load(M, I) : E.loadVector(E.vectorType(M.Element, Lanes), M, I);
    };
    auto store = [&](Emitter& E, Value V, const Buffer& M, Value I) {
      Lanes == 1 ? E.store(V, M, I) : E.storeVector(V, M, I);
    };
    KernelBuilder Round(*F.Module, "round." + Suffix, {F.F32, I16}, 0, F.Target);
    Round.E.loop(Round.begin(), Round.end(), Lanes, [&](Value I) {
      Emitter& E = Round.E;
      store(E, E.toBits(E.roundTo(load(E, Round.buffer(0), I), Narrow), Narrow), Round.buffer(1), I);
    });
    Round.finish();
    KernelBuilder Widen(*F.Module, "widen." + Suffix, {I16, F.F32}, 0, F.Target);
    Widen.E.loop(Widen.begin(), Widen.end(), Lanes, [&](Value I) {
      Emitter& E = Widen.E;
      store(E, E.fromBits(load(E, Widen.buffer(0), I), Narrow), Widen.buffer(1), I);
    });
    Widen.finish();
  }
  auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
  REQUIRE(Kernels);
  auto run = [&](const char* Name, void* In, void* Out, size_t Count) {
    void* Buffers[] = {In, Out};
    KernelRuntime Runtime(1);
    Kernels->function<std::remove_pointer_t<burin_rt_kernel>>(Name)(Buffers, nullptr, 0, static_cast<int64_t>(Count),
                                                                    Runtime.ctx());
  };
  // Every 4093rd f32, and what lies around halves of the last place of all magnitudes.
  std::vector<uint32_t> Bits;
  for (uint64_t U = 0; U < (uint64_t(1) << 32); U += 4093) Bits.push_back(static_cast<uint32_t>(U));
  for (uint32_t U = 0; U < 0x10000; U += 7)
    for (uint32_t Tail : {0x7fffu, 0x8000u, 0x8001u, 0xfffu, 0x1000u, 0x1001u, 0x3000u}) Bits.push_back(U << 16 | Tail);
  for (uint32_t U :
       {0x477fefffu, 0x477ff000u, 0x7f7fffffu, 0x33000000u, 0x33000001u, 0x387fe000u, 0x387ff000u, 0x7f800001u})
    Bits.push_back(U), Bits.push_back(U | 0x80000000u);
  Bits.resize((Bits.size() + 15) / 16 * 16);
  std::vector<uint16_t> Every(1 << 16), Rounded(Bits.size());
  for (size_t I = 0; I < Every.size(); ++I) Every[I] = static_cast<uint16_t>(I);
  std::vector<uint32_t> Widened(Every.size());
  for (std::string Suffix : {"many", "one"}) {
    INFO(Suffix);
    run(("round." + Suffix).c_str(), Bits.data(), Rounded.data(), Bits.size());
    size_t Wrong = 0;
    for (size_t I = 0; I < Bits.size(); ++I)
      if (Rounded[I] != T(__builtin_bit_cast(float, Bits[I])).bits && Wrong++ == 0)
        FAIL_CHECK(std::hex << Bits[I] << " was rounded to " << Rounded[I]);
    run(("widen." + Suffix).c_str(), Every.data(), Widened.data(), Every.size());
    for (size_t I = 0; I < Every.size(); ++I) {
      T X;
      X.bits = Every[I];
      const auto Value = static_cast<float>(X);
      auto Want = __builtin_bit_cast(uint32_t, Value);
      if (Value != Value) Want |= 0x400000, Widened[I] |= 0x400000;  // a signalling NaN may come out quiet
      if (Widened[I] != Want && Wrong++ == 0) FAIL_CHECK(std::hex << Every[I] << " was widened to " << Widened[I]);
    }
    CHECK(Wrong == 0);
  }
}

}  // namespace

TEST_CASE("narrow floats are rounded and widened bit for bit as their C++ types are, at every level") {
  for (const char* Level : {"x86-64", "x86-64-v3", "x86-64-v4", "host"}) {
    checkNarrow<bfloat16>(Level);
    checkNarrow<float16>(Level);
  }
}

TEST_CASE("a narrow element stored under a mask of one lane leaves its neighbours alone") {
  Fixture F;
  KernelBuilder K(*F.Module, "k", {F.I64, F.I8}, 0, F.Target);
  Emitter& E = K.E;
  auto Wide = E.vectorType(F.I64, 8), Narrow = E.vectorType(F.I8, 8);
  Value V = mlir::LLVM::TruncOp::create(E.B, Narrow, E.loadVector(Wide, K.buffer(0), E.index(0)));
  E.storeVector(V, K.buffer(1), E.index(1), E.laneMask(8, E.index(1)));
  K.finish();
  auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
  REQUIRE(Kernels);
  std::vector<int64_t> In(8, 0x0102030405060708);
  std::vector<uint8_t> Out(16, 0xee), Want = Out;
  Want[1] = 8;
  void* Buffers[] = {In.data(), Out.data()};
  KernelRuntime Runtime(1);
  Kernels->function<std::remove_pointer_t<burin_rt_kernel>>("k")(Buffers, nullptr, 0, 1, Runtime.ctx());
  CHECK(Out == Want);
}

TEST_CASE("a math op without an instruction does not lower") {
  Fixture F;
  std::string Message;
  mlir::ScopedDiagnosticHandler Handler(&F.Context, [&](mlir::Diagnostic& D) {
    Message += D.str();
    return mlir::success();
  });
  KernelBuilder K(*F.Module, "k", {F.F32}, 0, F.Target);
  Value X = K.E.load(K.buffer(0), K.E.index(0));
  K.E.store(mlir::math::ExpOp::create(K.E.B, X), K.buffer(0), K.E.index(0));
  K.finish();
  CHECK(mlir::failed(lowerToLlvm(*F.Module)));
  CHECK(Message.find("math.exp") != std::string::npos);
}

TEST_CASE("an object that needs a foreign symbol is refused") {
  Fixture F;
  KernelBuilder K(*F.Module, "k", {F.F32}, 0, F.Target);
  Value X = K.E.load(K.buffer(0), K.E.index(0));
  K.E.store(mlir::LLVM::ExpOp::create(K.E.B, X), K.buffer(0), K.E.index(0));
  K.finish();
  std::string Why;
  CHECK_FALSE(CompiledKernels::compile(*F.Module, F.Target, &Why));
  CHECK(Why.find("expf") != std::string::npos);
}

TEST_CASE("compiling twice gives the same bytes") {
  std::vector<std::uint8_t> First;
  for (int Round = 0; Round < 3; ++Round) {
    Fixture F;
    emitIncrement(F);
    auto Kernels = CompiledKernels::compile(*F.Module, F.Target);
    REQUIRE(Kernels);
    if (Round == 0) First = Kernels->Bytes;
    CHECK(Kernels->Bytes == First);
  }
}
