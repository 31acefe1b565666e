// Matrix product kernels against a plain triple loop, on small integers so that every dtype is exact.
#include "compiler/codegen/cpu/Gemm.h"
#include "tests/support/catch.h"
#include "tests/support/compiled_kernels.h"

#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <numeric>

using namespace burin;
using namespace burin::codegen::cpu;
using test::CompiledKernels;
using test::KernelRuntime;

namespace {

const char* const Levels[] = {"x86-64", "x86-64-v3", "x86-64-v4", "host"};

int64_t product(const std::vector<int64_t>& Shape) {
  return std::accumulate(Shape.begin(), Shape.end(), int64_t{1}, std::multiplies<>());
}

/// Element I of an operand: small, of both signs where the dtype has them, without a period that hides a wrong index.
template <class T> T sample(int64_t I, int Salt) {
  int V = static_cast<int>((I * 2654435761u + Salt * 40503u) >> 7) % 7;
  V = V < 0 ? V + 7 : V;
  if constexpr (std::is_unsigned_v<T>) return T(V);
  else if constexpr (is_narrow_float(dtype_of<T>)) return T(float(V - 3));
  else return T(V - 3);
}
template <class T> std::vector<T> samples(int64_t N, int Salt) {
  std::vector<T> Out(N);
  for (int64_t I = 0; I < N; ++I) Out[I] = sample<T>(I, Salt);
  return Out;
}
template <class T> double asDouble(T X) {
  if constexpr (is_narrow_float(dtype_of<T>)) return float(X);
  else return double(X);
}

/// Shapes of one product as operands see them, all sizes known.
struct Case {
  std::vector<int64_t> Lhs, Rhs;
  bool LhsTransposed = false, RhsTransposed = false;
};

/// The result, computed as the definition says it. Integers wrap (exact in 64 bits, then cut to T).
template <class T, class L, class R>
std::vector<T> reference(const Case& C, const std::vector<L>& A, const std::vector<R>& B) {
  size_t Rank = std::max(C.Lhs.size(), C.Rhs.size()) - 2;
  auto batchDim = [&](const std::vector<int64_t>& S, size_t D) -> int64_t {
    size_t Missing = Rank - (S.size() - 2);
    return D < Missing ? 1 : S[D - Missing];
  };
  int64_t M = C.Lhs[C.Lhs.size() - (C.LhsTransposed ? 1 : 2)], K = C.Lhs[C.Lhs.size() - (C.LhsTransposed ? 2 : 1)];
  int64_t N = C.Rhs[C.Rhs.size() - (C.RhsTransposed ? 2 : 1)];
  int64_t Batch = 1;
  for (size_t D = 0; D < Rank; ++D) Batch *= std::max(batchDim(C.Lhs, D), batchDim(C.Rhs, D));
  if (product(C.Lhs) == 0 && K != 0) Batch = 0;
  std::vector<T> Out;
  for (int64_t I = 0; I < Batch; ++I) {
    int64_t Rest = I, LA = 0, LB = 0, SA = 1, SB = 1;
    for (size_t D = Rank; D-- > 0;) {
      int64_t DA = batchDim(C.Lhs, D), DB = batchDim(C.Rhs, D), Size = std::max(DA, DB);
      LA += (DA == 1 ? 0 : Rest % Size) * SA, SA *= DA;
      LB += (DB == 1 ? 0 : Rest % Size) * SB, SB *= DB;
      Rest /= Size;
    }
    for (int64_t Row = 0; Row < M; ++Row)
      for (int64_t J = 0; J < N; ++J) {
        double F = 0;
        uint64_t U = 0;
        for (int64_t P = 0; P < K; ++P) {
          L X = A[LA * M * K + (C.LhsTransposed ? P * M + Row : Row * K + P)];
          R Y = B[LB * K * N + (C.RhsTransposed ? J * K + P : P * N + J)];
          if constexpr (std::is_integral_v<T>) U += uint64_t(X) * uint64_t(Y);
          else F += asDouble(X) * asDouble(Y);
        }
        if constexpr (std::is_integral_v<T>) Out.push_back(T(U));
        else if constexpr (is_narrow_float(dtype_of<T>)) Out.push_back(T(float(F)));
        else Out.push_back(T(F));
      }
  }
  return Out;
}

struct Options {
  const char* Level = "host";
  bool Dynamic = false;  ///< sizes are operands
};

/// Emits and compiles the product; sizes that are operands are those of `C`, numbered in order of appearance.
std::unique_ptr<CompiledKernels> build(const Case& C, const MatmulConfig& Dtypes, const Options& O,
                                       std::vector<int64_t>& Sizes, burin::codegen::Workspace& Workspace) {
  auto Target = resolveTarget(O.Level);
  REQUIRE(Target);
  MatmulConfig Config = Dtypes;
  Config.LhsTransposed = C.LhsTransposed;
  Config.RhsTransposed = C.RhsTransposed;
  auto encode = [&](const std::vector<int64_t>& Shape) {
    burin::codegen::Extents Extents;
    for (std::size_t I = 0; I < Shape.size(); ++I) {
      int64_t S = Shape[I];
      if (!O.Dynamic || (I + 2 < Shape.size() && S == 1)) {  // a named size never broadcasts
        Extents.push_back(burin::codegen::Extent::number(S));
        continue;
      }
      auto Known = std::find(Sizes.begin(), Sizes.end(), S);
      if (Known == Sizes.end()) Known = Sizes.insert(Sizes.end(), S);
      Extents.push_back(burin::codegen::Extent::size(static_cast<unsigned>(Known - Sizes.begin())));
    }
    return Extents;
  };
  Config.LhsShape = encode(C.Lhs);
  Config.RhsShape = encode(C.Rhs);
  Config.NumSizes = Sizes.size();
  mlir::MLIRContext Context(mlir::MLIRContext::Threading::DISABLED);
  loadCodegenDialects(Context);
  mlir::OwningOpRef<mlir::ModuleOp> Module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&Context));
  auto Emitted = emitMatmulKernel(*Module, "product", Config, *Target);
  INFO((Emitted ? std::string() : Emitted.error().message));
  REQUIRE(Emitted);
  REQUIRE(mlir::succeeded(Module->verify()));
  Workspace.Each = *matmulWorkspace(Config, *Target, &Context);
  std::string Why;
  auto Kernels = CompiledKernels::compile(*Module, *Target, &Why);
  INFO(Why);
  REQUIRE(Kernels);
  return Kernels;
}

std::string describe(const Case& C, const Options& O) {
  std::string S = std::string(O.Level) + (O.Dynamic ? " dynamic" : "") + (C.LhsTransposed ? " lhs^T" : "") +
                  (C.RhsTransposed ? " rhs^T" : "");
  for (const auto* Shape : {&C.Lhs, &C.Rhs}) {
    S += " [";
    for (int64_t D : *Shape) S += std::to_string(D) + ",";
    S.back() = ']';
  }
  return S;
}

MatmulConfig config(Dtype D) {
  MatmulConfig Config;
  Config.setElement(D);
  return Config;
}
template <class L, class R, class T> MatmulConfig config(Dtype Accumulator) {
  MatmulConfig Config;
  Config.Lhs = dtype_of<L>, Config.Rhs = dtype_of<R>, Config.Accumulator = Accumulator, Config.Result = dtype_of<T>;
  return Config;
}

/// Lhs of L times rhs of R gives T.
template <class T, class L = T, class R = T>
void check(const Case& C, const Options& O, const MatmulConfig& Dtypes = config(dtype_of<T>)) {
  if (auto Target = resolveTarget(O.Level); !Target || !test::canRun(*Target)) return;
  INFO(describe(C, O));
  std::vector<int64_t> Sizes;
  burin::codegen::Workspace Needed;
  auto Kernels = build(C, Dtypes, O, Sizes, Needed);
  auto* Product = Kernels->function("product");
  REQUIRE(Product);
  auto A = samples<L>(product(C.Lhs), 1);
  auto B = samples<R>(product(C.Rhs), 2);
  auto Expected = reference<T>(C, A, B);
  for (unsigned Threads : {1u, 2u}) {
    KernelRuntime Runtime(Threads);
    std::vector<T> Out(Expected.size() + 16);
    auto* Bytes = reinterpret_cast<unsigned char*>(Out.data());
    std::fill_n(Bytes, Out.size() * sizeof(T), 0xee);
    std::vector<void*> Buffers = {A.data(), B.data(), Out.data()};
    test::KernelWorkspace Workspace(Needed, Sizes, Threads);
    Workspace.appendTo(Buffers);
    Product(Buffers.data(), Sizes.data(), Runtime.ctx());
    int64_t Wrong = 0, FirstWrong = -1;
    for (size_t I = 0; I < Expected.size(); ++I)
      if (!(asDouble(Out[I]) == asDouble(Expected[I])) && Wrong++ == 0) FirstWrong = I;
    INFO("threads " << Threads << ", first wrong element " << FirstWrong);
    CHECK(Wrong == 0);
    CHECK(std::all_of(Bytes + Expected.size() * sizeof(T), Bytes + Out.size() * sizeof(T),
                      [](unsigned char X) { return X == 0xee; }));
  }
}

const Case Ragged[] = {{{1, 1}, {1, 1}},       {{3, 5}, {5, 7}},         {{17, 65}, {65, 33}},
                       {{13, 257}, {257, 31}}, {{100, 333}, {333, 200}}, {{65, 1029}, {1029, 129}},
                       {{14, 256}, {256, 32}}, {{64, 512}, {512, 64}},   {{33, 2}, {2, 1}},
                       {{1, 300}, {300, 130}}, {{130, 300}, {300, 1}},   {{5, 700}, {700, 90}},
                       {{2, 3}, {3, 1100}},    {{41, 64}, {64, 10}},     {{18, 65}, {65, 64}},
                       {{96, 700}, {700, 32}}, {{260, 31}, {31, 300}}};

}  // namespace

TEST_CASE("every level multiplies ragged shapes exactly") {
  for (const char* Level : Levels)
    for (const Case& C : Ragged) check<float>(C, {Level});
}

TEST_CASE("sizes may be operands") {
  for (const char* Level : Levels)
    for (const Case& C : Ragged) check<float>(C, {Level, true});
}

TEST_CASE("transposed operands are absorbed") {
  for (const char* Level : Levels)
    for (bool Dynamic : {false, true})
      for (Case C : {Case{{17, 65}, {65, 33}}, Case{{100, 333}, {333, 200}}, Case{{1, 300}, {300, 40}},
                     Case{{29, 16}, {16, 48}}, Case{{64, 128}, {128, 10}}})
        for (int Which = 1; Which < 4; ++Which) {
          Case X = C;
          if (Which & 1) std::swap(X.Lhs[0], X.Lhs[1]), X.LhsTransposed = true;
          if (Which & 2) std::swap(X.Rhs[0], X.Rhs[1]), X.RhsTransposed = true;
          check<float>(X, {Level, Dynamic});
        }
}

TEST_CASE("other element types are exact, integers wrap") {
  for (const char* Level : Levels)
    for (bool Dynamic : {false, true})
      for (Case C :
           {Case{{17, 65}, {65, 33}}, Case{{100, 333}, {333, 72}}, Case{{3, 5}, {5, 7}}, Case{{6, 600}, {600, 21}}})
        for (bool Transposed : {false, true}) {
          if (Transposed) std::swap(C.Rhs[0], C.Rhs[1]), C.RhsTransposed = true;
          check<double>(C, {Level, Dynamic});
          check<bfloat16>(C, {Level, Dynamic});
          check<float16>(C, {Level, Dynamic});
          check<int8_t>(C, {Level, Dynamic});
          check<uint16_t>(C, {Level, Dynamic});
          check<uint64_t>(C, {Level, Dynamic});
          check<int32_t>(C, {Level, Dynamic});
          check<int64_t>(C, {Level, Dynamic});
          check<uint8_t>(C, {Level, Dynamic});
          check<uint32_t>(C, {Level, Dynamic});
        }
}

TEST_CASE("operands, accumulator and result may have dtypes of their own") {
  for (const char* Level : Levels)
    for (Case C : {Case{{17, 65}, {65, 33}}, Case{{100, 700}, {700, 72}}, Case{{1, 64}, {64, 300}}})
      for (bool Transposed : {false, true}) {
        if (Transposed) std::swap(C.Rhs[0], C.Rhs[1]), C.RhsTransposed = true;
        Options O{Level};
        check<float, bfloat16, bfloat16>(C, O, config<bfloat16, bfloat16, float>(f32));
        check<bfloat16, float16, bfloat16>(C, O, config<float16, bfloat16, bfloat16>(f32));
        check<float, float, float>(C, O, config<float, float, float>(f64));
        check<double, float, float16>(C, O, config<float, float16, double>(f64));
        check<int32_t, int8_t, uint8_t>(C, O, config<int8_t, uint8_t, int32_t>(i32));
        check<int16_t, int8_t, int16_t>(C, O, config<int8_t, int16_t, int16_t>(i64));
      }
}

TEST_CASE("a product of dtypes that no kernel takes is refused with their names") {
  mlir::MLIRContext Context(mlir::MLIRContext::Threading::DISABLED);
  loadCodegenDialects(Context);
  mlir::OwningOpRef<mlir::ModuleOp> Module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&Context));
  auto refusal = [&](MatmulConfig Config) {
    for (int64_t Size : {2, 2}) {
      Config.LhsShape.push_back(burin::codegen::Extent::number(Size));
      Config.RhsShape.push_back(burin::codegen::Extent::number(Size));
    }
    auto Made = emitMatmulKernel(*Module, "product", Config, *resolveTarget("x86-64"));
    return Made ? std::string() : Made.error().message;
  };
  CHECK(refusal(config<float, float, float>(f32)).empty());
  CHECK(refusal(config<float, int32_t, float>(f32)) ==
        "matmul: there is no kernel for f32 times i32 summed in f32 to f32");
  CHECK(refusal(config<float16, float16, float16>(f16)) ==
        "matmul: there is no kernel for f16 times f16 summed in f16 to f16");
  CHECK(refusal(config<double, double, float>(f32)) ==
        "matmul: there is no kernel for f64 times f64 summed in f32 to f32");
  CHECK(refusal(config<double, double, float16>(f64)) ==
        "matmul: there is no kernel for f64 times f64 summed in f64 to f16");
  CHECK(refusal(config<int8_t, int8_t, int64_t>(i32)) ==
        "matmul: there is no kernel for i8 times i8 summed in i32 to i64");
  CHECK(refusal(config(Dtype::boolean)) == "matmul: there is no product of bool matrices; cast to i32 first");
}

TEST_CASE("sizes that are written differently may be equal, as a guard says") {
  using burin::codegen::Extent;
  auto Target = resolveTarget("host");
  mlir::MLIRContext Context(mlir::MLIRContext::Threading::DISABLED);
  loadCodegenDialects(Context);
  mlir::OwningOpRef<mlir::ModuleOp> Module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&Context));
  MatmulConfig Config = config(f32);
  Config.LhsShape = {Extent::size(0), Extent::number(2), Extent::size(1)};
  Config.RhsShape = {Extent::number(3), Extent::size(2), Extent::number(5)};
  Config.NumSizes = 3;
  REQUIRE(emitMatmulKernel(*Module, "product", Config, *Target));
  auto Kernels = CompiledKernels::compile(*Module, *Target);
  REQUIRE(Kernels);
  const Case C{{3, 2, 4}, {3, 4, 5}};
  auto A = samples<float>(24, 1), B = samples<float>(60, 2);
  std::vector<float> Out(30, NAN);
  std::vector<int64_t> Sizes = {3, 4, 4};
  KernelRuntime Runtime(1);
  std::vector<void*> Buffers = {A.data(), B.data(), Out.data()};
  test::KernelWorkspace Workspace({{}, *matmulWorkspace(Config, *Target, &Context)}, Sizes, 1);
  Workspace.appendTo(Buffers);
  Kernels->function("product")(Buffers.data(), Sizes.data(), Runtime.ctx());
  CHECK(Out == reference<float>(C, A, B));
}

TEST_CASE("batch dims broadcast") {
  for (bool Dynamic : {false, true})
    for (const Case& C :
         {Case{{3, 17, 65}, {3, 65, 33}}, Case{{3, 17, 65}, {65, 33}}, Case{{17, 65}, {3, 65, 33}},
          Case{{2, 1, 9, 20}, {5, 20, 40}}, Case{{2, 3, 9, 20}, {2, 3, 20, 40}}, Case{{1, 9, 20}, {4, 20, 40}}}) {
      check<float>(C, {"host", Dynamic});
      Case T = C;
      std::swap(T.Lhs[T.Lhs.size() - 1], T.Lhs[T.Lhs.size() - 2]);
      T.LhsTransposed = true;
      check<float>(T, {"host", Dynamic});
    }
}

TEST_CASE("few rows stream the right operand") {
  for (const char* Level : Levels)
    for (bool Dynamic : {false, true})
      for (Case C : {Case{{1, 64}, {64, 512}}, Case{{1, 7}, {7, 3000}}, Case{{4, 513}, {513, 1030}},
                     Case{{16, 40}, {40, 70}}, Case{{2, 3, 50}, {2, 50, 300}}}) {
        check<float>(C, {Level, Dynamic});
        check<bfloat16>(C, {Level, Dynamic});
        check<uint8_t>(C, {Level, Dynamic});
        std::swap(C.Lhs[C.Lhs.size() - 1], C.Lhs[C.Lhs.size() - 2]);
        C.LhsTransposed = true;
        check<float>(C, {Level, Dynamic});
      }
}

TEST_CASE("a product over nothing is zero and empty products write nothing") {
  for (const char* Level : Levels)
    for (bool Dynamic : {false, true}) {
      check<float>({{5, 0}, {0, 40}}, {Level, Dynamic});
      check<bfloat16>({{5, 0}, {0, 40}}, {Level, Dynamic});
      check<float>({{0, 8}, {8, 40}}, {Level, Dynamic});
      check<float>({{5, 8}, {8, 0}}, {Level, Dynamic});
      check<float>({{1, 0}, {0, 40}}, {Level, Dynamic});
    }
}
