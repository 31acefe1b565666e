// For code generation tests: lowers a module, emits its object and maps it with the runtime's own loader; and a small
// runtime behind burin_rt_ctx, whose scratch is full of NaN and whose threads run whether or not the machine has them.
#pragma once
#include "compiler/codegen/cpu/EmitObject.h"
#include "compiler/codegen/cpu/LowerToLlvm.h"

#include "runtime/core/elf_loader.h"

#include <burin/rt/rt.h>

#include <algorithm>
#include <atomic>
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
  static burin_rt_functions functions() {
    burin_rt_functions F{};
    F.version = BURIN_RT_FUNCTIONS_VERSION;
    F.scratch = [](burin_rt_ctx*, int64_t Bytes) -> void* {
      struct Memory {
        void* Data = nullptr;
        int64_t Size = 0;
        ~Memory() { std::free(Data); }
      };
      static thread_local Memory M;
      if (M.Size < Bytes) {
        std::free(M.Data);
        M.Size = (Bytes + 63) / 64 * 64;
        M.Data = std::aligned_alloc(64, M.Size);
        std::fill_n(static_cast<unsigned char*>(M.Data), M.Size, 0xff);  // NaN wherever a kernel forgets to write
      }
      return M.Data;
    };
    F.parallel_for = [](burin_rt_ctx* C, burin_rt_kernel Kernel, void* const* Buffers, const int64_t* Sizes,
                        int64_t Blocks, int64_t Grain) {
      std::atomic<int64_t> Next{0};
      auto work = [&] {
        for (int64_t B; (B = Next.fetch_add(Grain)) < Blocks;)
          Kernel(Buffers, Sizes, B, std::min(B + Grain, Blocks), C);
      };
      std::vector<std::thread> Others;
      for (unsigned T = 1; T < C->num_threads; ++T) Others.emplace_back(work);
      work();
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
