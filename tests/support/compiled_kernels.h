// For code generation tests: lowers a module, emits its object and maps it with the runtime's own loader; and a small
// runtime behind burin_rt_ctx, with workspace full of NaN, and whose threads run whether or not the machine has them.
#pragma once
#include "compiler/codegen/cpu/EmitObject.h"
#include "compiler/codegen/cpu/LowerToLlvm.h"
#include "compiler/codegen/plan/Size.h"

#include "runtime/core/elf_loader.h"

#include <burin/rt/rt.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace burin::test {

/// What burin_rt gives compiled code, in its simplest form. Threads are started per parallel_for.
class KernelRuntime {
 public:
  explicit KernelRuntime(unsigned Threads) {
    Call.Abi.abi_version = BURIN_RT_ABI_VERSION;
    Call.Abi.num_threads = Threads;
    static const burin_rt_functions Functions = functions();
    Call.Abi.functions = &Functions;
  }
  burin_rt_ctx* ctx() { return &Call.Abi; }

 private:
  struct State {
    burin_rt_ctx Abi{};  // first: functions get a pointer to it
    std::mutex Mutex;
  };
  inline static thread_local int64_t Number = 0;
  static burin_rt_functions functions() {
    burin_rt_functions F{};
    F.version = BURIN_RT_FUNCTIONS_VERSION;
    F.worker = [](burin_rt_ctx*) -> int64_t { return Number; };
    F.parallel_for = [](burin_rt_ctx* C, burin_rt_kernel Kernel, void* const* Buffers, const int64_t* Sizes,
                        int64_t Blocks, int64_t Grain) {
      std::atomic<int64_t> Next{0};
      auto work = [&](unsigned T) {
        Number = T;
        for (int64_t B; (B = Next.fetch_add(Grain)) < Blocks;)
          Kernel(Buffers, Sizes, B, std::min(B + Grain, Blocks), C);
      };
      std::vector<std::thread> Others;
      for (unsigned T = 1; T < C->num_threads; ++T) Others.emplace_back(work, T);
      work(0);
      for (std::thread& T : Others) T.join();
    };
    F.fault_at = [](burin_rt_ctx* C, int32_t Kind, int32_t Op, int64_t Index, int64_t Value) {
      std::lock_guard Lock(reinterpret_cast<State*>(C)->Mutex);
      if (C->fault.kind == BURIN_RT_FAULT_NONE || std::pair(Op, Index) < std::pair(C->fault.op, C->fault.index))
        C->fault = {Kind, Op, Index, Value};
    };
    return F;
  }
  State Call;
};

/// What a launch of a kernel works in, as host programs lay it out: full of NaN wherever a kernel forgets to write, and with
/// bytes behind it that nothing may touch.
class KernelWorkspace {
 public:
  KernelWorkspace(const codegen::Workspace& W, const std::vector<int64_t>& Sizes, unsigned Threads) {
    if (!W.Shared.empty()) add(bytes(W.Shared, Sizes));
    if (!W.Each.empty()) add(bytes(W.Each, Sizes) * Threads);
  }
  ~KernelWorkspace() {
    for (const Part& P : Parts) {
      if (!std::all_of(P.Data + P.Bytes, P.Data + P.Bytes + Guard, [](unsigned char C) { return C == 0xee; })) {
        std::fputs("a kernel wrote behind its workspace\n", stderr);
        std::abort();
      }
      std::free(P.Data);
    }
  }
  KernelWorkspace(const KernelWorkspace&) = delete;
  KernelWorkspace& operator=(const KernelWorkspace&) = delete;
  void appendTo(std::vector<void*>& Buffers) const {
    for (const Part& P : Parts) Buffers.push_back(P.Data);
  }

 private:
  static constexpr int64_t Guard = 4096;
  struct Part {
    unsigned char* Data;
    int64_t Bytes;
  };
  static int64_t bytes(const codegen::Extents& Terms, const std::vector<int64_t>& Sizes) {
    int64_t Sum = 0;
    for (const codegen::Extent& X : Terms) {
      int64_t Product = X.Coefficient;
      for (unsigned K : X.Sizes) Product *= Sizes[K];
      Sum += Product;
    }
    return (Sum + 63) / 64 * 64;
  }
  void add(int64_t Bytes) {
    auto* Data = static_cast<unsigned char*>(std::aligned_alloc(64, static_cast<size_t>(Bytes + Guard)));
    std::fill_n(Data, Bytes, 0xff);
    std::fill_n(Data + Bytes, Guard, 0xee);
    Parts.push_back({Data, Bytes});
  }
  std::vector<Part> Parts;
};

/// The functions of one object, in memory.
class CompiledKernels {
 public:
  using Launch = void(void* const*, const int64_t*, burin_rt_ctx*);

  /// Lowers and compiles `Module`. Null where that fails; the reason is in error().
  static std::unique_ptr<CompiledKernels> compile(mlir::ModuleOp Module, const codegen::cpu::CpuTarget& Target,
                                                  std::string* Error = nullptr) {
    auto fail = [&](std::string Why) {
      if (Error) *Error = std::move(Why);
      return nullptr;
    };
    if (mlir::failed(codegen::cpu::lowerToLlvm(Module))) return fail("lowering failed");
    std::unique_ptr<CompiledKernels> K(new CompiledKernels);
    auto Object = codegen::cpu::emitObject(Module, Target, {}, &K->Times);
    if (!Object) return fail(Object.error().message);
    K->Bytes = std::move(*Object);
    if (auto Refused = rt::LoadedObject::load(K->Bytes, K->Loaded)) return fail(Refused.message);
    return K;
  }
  template <class F = Launch> F* function(const char* Name) { return reinterpret_cast<F*>(Loaded.symbol(Name)); }

  codegen::cpu::EmitTimes Times;
  std::vector<std::uint8_t> Bytes;

 private:
  rt::LoadedObject Loaded;
};

/// Whether this machine can run code for `Target`.
inline bool canRun(const codegen::cpu::CpuTarget& Target) {
  auto Host = codegen::cpu::resolveTarget("host");
  return Host && std::all_of(Target.Required.begin(), Target.Required.end(), [&](const std::string& F) {
           return std::find(Host->Required.begin(), Host->Required.end(), F) != Host->Required.end();
         });
}

}  // namespace burin::test
