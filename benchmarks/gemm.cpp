// Matrix products of ours against the better of OpenBLAS and oneDNN (operands row-major, packing inside the call), each
// result checked first. Looks at the kernel alone: compiled beforehand, called as the host program calls it.
#include "benchmarks/bench.h"

#include "compiler/codegen/cpu/Gemm.h"
#include "tests/support/compiled_kernels.h"

#include <cblas.h>
#include <dnnl.hpp>
#include <omp.h>
#include <unistd.h>

#include "mlir/IR/MLIRContext.h"

#include <chrono>
#include <cmath>
#include <cstdio>

extern "C" void openblas_set_num_threads(int);
extern "C" char* openblas_get_config(void);

namespace burin::bench {
namespace {

[[noreturn]] void fail(const std::string& Why) {
  std::fprintf(stderr, "bench_gemm: %s\n", Why.c_str());
  std::exit(1);
}

struct OneDnn {
  dnnl::engine Engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream Stream{Engine};
  dnnl::matmul Primitive;
  dnnl::memory A, B, C;
  OneDnn(int64_t M, int64_t N, int64_t K, float* PA, float* PB, float* PC) {
    using namespace dnnl;
    auto describe = [](int64_t R, int64_t S) {
      return memory::desc({R, S}, memory::data_type::f32, memory::format_tag::ab);
    };
    matmul::desc D(describe(M, K), describe(K, N), describe(M, N));
    Primitive = matmul(matmul::primitive_desc(D, Engine));
    A = memory(describe(M, K), Engine, PA);
    B = memory(describe(K, N), Engine, PB);
    C = memory(describe(M, N), Engine, PC);
  }
  void run() {
    Primitive.execute(Stream, {{DNNL_ARG_SRC, A}, {DNNL_ARG_WEIGHTS, B}, {DNNL_ARG_DST, C}});
    Stream.wait();
  }
  static std::string name() {
    const dnnl_version_t* V = dnnl_version();
    return "oneDNN " + std::to_string(V->major) + "." + std::to_string(V->minor) + "." + std::to_string(V->patch);
  }
};

std::string openBlasName() {
  std::string Config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE ..."
  return Config.substr(0, Config.find(' ', Config.find(' ') + 1));
}

/// One size: operands that live as long as the program, our kernel, the peers.
struct Product {
  int64_t Size;
  float *A, *B, *C;
  std::unique_ptr<test::CompiledKernels> Kernels;
  test::CompiledKernels::Launch* Ours;
  codegen::Workspace Workspace;
  std::vector<std::unique_ptr<test::KernelWorkspace>> Held;  // by threads
  std::unique_ptr<OneDnn> Dnn;

  explicit Product(int64_t Size) : Size(Size) {
    auto fill = [&](int Values) {
      auto* P = static_cast<float*>(burin_rt_allocate(Size * Size * 4));
      for (int64_t I = 0; I < Size * Size; ++I) P[I] = std::rand() % Values - Values / 2;
      return P;
    };
    A = fill(7), B = fill(5), C = fill(1);
    Dnn = std::make_unique<OneDnn>(Size, Size, Size, A, B, C);

    auto Target = codegen::cpu::resolveTarget("host");
    mlir::MLIRContext Context(mlir::MLIRContext::Threading::DISABLED);
    codegen::cpu::loadCodegenDialects(Context);
    mlir::OwningOpRef<mlir::ModuleOp> Module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&Context));
    codegen::cpu::MatmulConfig Config;
    Config.LhsShape = Config.RhsShape = codegen::Extents(2, codegen::Extent::number(Size));
    if (auto Emitted = codegen::cpu::emitMatmulKernel(*Module, "product", Config, *Target); !Emitted)
      fail(Emitted.error().message);
    Workspace.Each = *codegen::cpu::matmulWorkspace(Config, *Target, &Context);
    for (unsigned Threads = 1; Threads <= 2; ++Threads)
      Held.push_back(std::make_unique<test::KernelWorkspace>(Workspace, std::vector<int64_t>{}, Threads));
    Kernels = test::CompiledKernels::compile(*Module, *Target);
    if (!Kernels || !(Ours = Kernels->function("product"))) fail("our kernel does not compile");
  }
  void ours(int Threads) {
    std::vector<void*> Buffers = {A, B, C};
    Held[static_cast<std::size_t>(Threads - 1)]->appendTo(Buffers);
    burin_rt_ctx* Ctx = burin_rt_ctx_acquire(Threads);
    Ours(Buffers.data(), nullptr, Ctx);
    burin_rt_ctx_release(Ctx);
  }
  void blas(int Threads) {
    openblas_set_num_threads(Threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, Size, Size, Size, 1, A, Size, B, Size, 0, C, Size);
  }
  void dnn(int Threads) {
    omp_set_num_threads(Threads);
    Dnn->run();
  }
  void check() {
    auto sum = [&] {  // of C against what the operands' row and column sums say: small integers, exact in f64
      double S = 0;
      for (int64_t I = 0; I < Size; ++I)
        for (int64_t J = 0; J < Size; ++J) S += C[I * Size + J] * (1 + (I * 3 + J * 5) % 7);
      return S;
    };
    auto of = [&](auto Run) {
      std::fill(C, C + Size * Size, NAN);
      Run();
      return sum();
    };
    double Expected = of([&] { blas(1); });
    for (int Threads : {1, 2})
      if (of([&] { ours(Threads); }) != Expected || of([&] { dnn(Threads); }) != Expected)
        fail("products of size " + std::to_string(Size) + " differ");
  }
  static double fastest(const std::function<void()>& Run) {
    double Best = 1e30;
    usleep(20000);  // another library's workers spin for a while after its call
    for (int I = 0; I < 8; ++I) {
      auto T = std::chrono::steady_clock::now();
      Run();
      Best = std::min(Best, std::chrono::duration<double>(std::chrono::steady_clock::now() - T).count());
    }
    return Best;
  }
};

}  // namespace

void suite(Rows& rows) {
  for (int64_t Size : {512, 1024, 2048}) {
    auto P = std::make_shared<Product>(Size);
    P->check();
    for (int Threads : {1, 2}) {
      std::function<void()> Blas = [=] { P->blas(Threads); }, Dnn = [=] { P->dnn(Threads); };
      bool DnnWins = Product::fastest(Dnn) < Product::fastest(Blas);
      rows.add({.name = "f32/" + std::to_string(Size) + (Threads > 1 ? "/threads:" + std::to_string(Threads) : ""),
                .threads = Threads,
                .ours = [=] { P->ours(Threads); },
                .peer_name = DnnWins ? OneDnn::name() : openBlasName(),
                .peer = DnnWins ? Dnn : Blas});
    }
  }
}

}  // namespace burin::bench
