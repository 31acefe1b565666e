// What linalg kernels do beyond single loops: rows in several passes, split reductions, several results, in place, and the
// machine code of a chain.
#include "tests/support/catch.h"
#include "tests/support/linalg_kernels.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

using namespace burin::test;

namespace {

std::vector<float> randoms(int64_t N, unsigned Seed) {
  std::mt19937 G(Seed);
  std::uniform_real_distribution<float> D(-2, 2);
  std::vector<float> V(static_cast<size_t>(N));
  for (float& X : V) X = D(G);
  return V;
}

/// exp(x - max) / sum of it over axis `Axis` of f32[n,m].
std::string softmax(int Axis) {
  std::string Kept = Axis ? "i" : "j", Size = Axis ? "%n" : "%m";
  std::string Iterators = Axis ? "\"parallel\", \"reduction\"" : "\"reduction\", \"parallel\"";
  auto reduce = [&](std::string Name, std::string Of, std::string Init, std::string Op) {
    return "  %" + Name + " = linalg.generic {indexing_maps = [#r, #k], iterator_types = [" + Iterators + "]} ins(%" +
           Of + " : tensor<?x?xf32>) outs(%" + Init + " : tensor<?xf32>) {\n ^bb0(%a: f32, %o: f32):\n %s = arith." +
           Op + " %o, %a : f32\n linalg.yield %s : f32\n } -> tensor<?xf32>\n";
  };
  auto map = [&](std::string Name, std::string X, std::string Y, std::string Body) {
    return "  %" + Name +
           " = linalg.generic {indexing_maps = [#r, #k, #r], iterator_types = [\"parallel\", \"parallel\"]} ins(%" + X +
           ", %" + Y +
           " : tensor<?x?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {\n ^bb0(%a: f32, %b: f32, %o: f32):\n" +
           Body + " linalg.yield %s : f32\n } -> tensor<?x?xf32>\n";
  };
  return "#r = affine_map<(i, j) -> (i, j)>\n#k = affine_map<(i, j) -> (" + Kept + ")>\n" +
         "func.func @softmax(%x: tensor<?x?xf32> {burin.shape = array<i64: -1, -2>}, %n: index, %m: index) -> "
         "tensor<?x?xf32> {\n"
         "  %e = tensor.empty(%n, %m) : tensor<?x?xf32>\n  %v = tensor.empty(" +
         Size +
         ") : tensor<?xf32>\n"
         "  %least = arith.constant 0xFF800000 : f32\n  %zero = arith.constant 0.0 : f32\n"
         "  %f0 = linalg.fill ins(%least : f32) outs(%v : tensor<?xf32>) -> tensor<?xf32>\n"
         "  %f1 = linalg.fill ins(%zero : f32) outs(%v : tensor<?xf32>) -> tensor<?xf32>\n" +
         reduce("most", "x", "f0", "maximumf") +
         map("p", "x", "most", " %d = arith.subf %a, %b : f32\n %s = math.exp %d : f32\n") +
         reduce("sum", "p", "f1", "addf") + map("q", "p", "sum", " %s = arith.divf %a, %b : f32\n") +
         "  return %q : tensor<?x?xf32>\n}\n";
}

const char* const Total = R"(
func.func @total(%x: tensor<?xf32> {burin.shape = array<i64: -1>}, %n: index) -> tensor<f32> {
  %e = tensor.empty() : tensor<f32>
  %z = arith.constant 0.0 : f32
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<?xf32>) outs(%f : tensor<f32>) {
    ^bb0(%a: f32, %o: f32):
      %s = arith.addf %o, %a : f32
      linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
})";

/// x and y of eight dims; results x + y and (x + y) * x.
const char* const Two = R"(
#m = affine_map<(a, b, c, d, e, f, g, h) -> (a, b, c, d, e, f, g, h)>
#t = affine_map<(a, b, c, d, e, f, g, h) -> (a, 0, c, d, 0, f, g, h)>
func.func @two(%x: tensor<2x3x1x2x2x1x3x5xf32>, %y: tensor<2x1x1x2x1x1x3x5xf32>)
    -> (tensor<2x3x1x2x2x1x3x5xf32>, tensor<2x3x1x2x2x1x3x5xf32>) {
  %e = tensor.empty() : tensor<2x3x1x2x2x1x3x5xf32>
  %0:2 = linalg.generic {indexing_maps = [#m, #t, #m, #m], iterator_types = ["parallel", "parallel", "parallel", "parallel",
      "parallel", "parallel", "parallel", "parallel"]} ins(%x, %y : tensor<2x3x1x2x2x1x3x5xf32>, tensor<2x1x1x2x1x1x3x5xf32>)
      outs(%e, %e : tensor<2x3x1x2x2x1x3x5xf32>, tensor<2x3x1x2x2x1x3x5xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32, %p: f32):
      %s = arith.addf %a, %b : f32
      %t = arith.mulf %s, %a : f32
      linalg.yield %s, %t : f32, f32
  } -> (tensor<2x3x1x2x2x1x3x5xf32>, tensor<2x3x1x2x2x1x3x5xf32>)
  return %0#0, %0#1 : tensor<2x3x1x2x2x1x3x5xf32>, tensor<2x3x1x2x2x1x3x5xf32>
})";

/// `Ops` elementwise ops on x and y, one generic each.
std::string chain(int Ops) {
  std::string T = "tensor<?xf32>", Text = "#m = affine_map<(i) -> (i)>\nfunc.func @chain(%x: " + T +
                                          " {burin.shape = array<i64: -1>}, %y: " + T +
                                          " {burin.shape = array<i64: -1>}, %n: index) -> " + T +
                                          " {\n %e = tensor.empty(%n) : " + T + "\n";
  const char* Each[] = {"arith.addf %a, %b", "arith.mulf %a, %b", "arith.subf %a, %b", "arith.maximumf %a, %b",
                        "arith.divf %a, %b"};
  std::string Last = "%x";
  for (int I = 0; I < Ops; ++I) {
    std::string R = "%r" + std::to_string(I);
    Text += R + " = linalg.generic {indexing_maps = [#m, #m, #m], iterator_types = [\"parallel\"]} ins(" + Last +
            ", %y : " + T + ", " + T + ") outs(%e : " + T +
            ") {\n ^bb0(%a: f32, %b: f32, %o: f32):\n %s = " + Each[I % 5] + " : f32\n linalg.yield %s : f32\n } -> " +
            T + "\n";
    Last = R;
  }
  return Text + " return " + Last + " : " + T + "\n}\n";
}

std::string disassembly(const std::vector<uint8_t>& Object) {
  auto File = std::filesystem::temp_directory_path() / ("burin_chain_" + std::to_string(::getpid()) + ".o");
  std::ofstream(File, std::ios::binary)
      .write(reinterpret_cast<const char*>(Object.data()), static_cast<std::streamsize>(Object.size()));
  std::string Text;
  if (FILE* Pipe = popen(("llvm-objdump-22 -d --no-show-raw-insn " + File.string()).c_str(), "r")) {
    char Line[512];
    while (std::fgets(Line, sizeof Line, Pipe)) Text += Line;
    pclose(Pipe);
  }
  std::filesystem::remove(File);
  return Text;
}

int count(const std::string& Text, const std::string& What) {
  int N = 0;
  for (size_t At = 0; (At = Text.find(What, At)) != std::string::npos; At += What.size()) ++N;
  return N;
}

}  // namespace

TEST_CASE("Softmax along either axis is one kernel of several passes") {
  for (const std::string& Target : runnableTargets())
    for (int Axis : {0, 1}) {
      LinalgKernels K(softmax(Axis), Target);
      INFO(Target << " axis " << Axis << ": " << K.messages());
      REQUIRE(K);
      for (auto [N, M] :
           std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 5}, {17, 33}, {5, 1000}, {129, 7}, {64, 64}, {0, 4}}) {
        auto X = randoms(N * M, 3);
        std::vector<float> Got(X.size(), -7);
        K.run("softmax", {X.data(), Got.data()}, {N, M}, 2);
        int64_t Outer = Axis ? N : M, Inner = Axis ? M : N, OuterStride = Axis ? M : 1, InnerStride = Axis ? 1 : M;
        for (int64_t P = 0; P < Outer; ++P) {
          double Sum = 0;
          for (int64_t R = 0; R < Inner; ++R)
            Sum += std::exp(static_cast<double>(X[P * OuterStride + R * InnerStride]));
          for (int64_t R = 0; R < Inner; ++R) {
            size_t At = P * OuterStride + R * InnerStride;
            INFO(N << " x " << M << " at " << At);
            REQUIRE(std::fabs(Got[At] - std::exp(static_cast<double>(X[At])) / Sum) <= 1e-6);
          }
        }
      }
    }
}

TEST_CASE("A long sum is the same bits for any number of threads") {
  for (const std::string& Target : runnableTargets()) {
    LinalgKernels K(Total, Target);
    INFO(Target << ": " << K.messages());
    REQUIRE(K);
    for (int64_t N : {0, 1, 1000, 16384, 70001, 1 << 20, (1 << 21) + 17}) {
      auto X = randoms(N, 8);
      double Want = 0;
      for (float V : X) Want += V;
      float One = -1, Three = -1;
      K.run("total", {X.data(), &One}, {N}, 1);
      K.run("total", {X.data(), &Three}, {N}, 3);
      INFO(N);
      REQUIRE(std::memcmp(&One, &Three, sizeof One) == 0);
      REQUIRE(std::fabs(One - Want) <= 1e-3 * std::max(1.0, std::sqrt(static_cast<double>(N))));
    }
  }
}

TEST_CASE("Eight dims, a broadcast operand and two results") {
  for (const std::string& Target : runnableTargets()) {
    LinalgKernels K(Two, Target);
    INFO(Target << ": " << K.messages());
    REQUIRE(K);
    auto X = randoms(360, 1), Y = randoms(60, 2);
    std::vector<float> Sum(360), Product(360);
    K.run("two", {X.data(), Y.data(), Sum.data(), Product.data()}, {}, 2);
    for (int64_t I = 0; I < 360; ++I) {
      int64_t GH = I % 15, E = I / 15 % 2, D = I / 30 % 2, B = I / 60 % 3, A = I / 180;
      (void)E, (void)B;
      float S = X[I] + Y[(A * 2 + D) * 15 + GH];
      REQUIRE(Sum[I] == S);
      REQUIRE(Product[I] == S * X[I]);
    }
  }
}

TEST_CASE("Only operands read at the result's own index may be overwritten") {
  auto pairs = [](const std::string& Text) {
    mlir::MLIRContext Context(mlir::MLIRContext::Threading::DISABLED);
    burin::codegen::cpu::loadCodegenDialects(Context);
    Context.loadDialect<mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect>();
    Context.allowUnregisteredDialects();
    auto Module = mlir::parseSourceString<mlir::ModuleOp>(Text, &Context);
    auto Kernel = burin::codegen::planKernel(*Module->getOps<mlir::func::FuncOp>().begin());
    std::vector<std::pair<unsigned, unsigned>> V;
    if (mlir::succeeded(Kernel)) V.assign(Kernel->InPlace.begin(), Kernel->InPlace.end());
    return V;
  };
  using Pairs = std::vector<std::pair<unsigned, unsigned>>;
  CHECK(pairs(chain(3)) == Pairs{{0, 0}, {1, 0}});
  CHECK(pairs(Two) == Pairs{{0, 0}, {0, 1}});
  CHECK(pairs(Total).empty());
  CHECK(pairs(softmax(1)) == Pairs{{0, 0}});

  LinalgKernels K(softmax(1), "host");
  auto X = randoms(33 * 40, 3);
  std::vector<float> Want(X.size());
  K.run("softmax", {X.data(), Want.data()}, {33, 40});
  K.run("softmax", {X.data(), X.data()}, {33, 40}, 2);
  CHECK(X == Want);
}

TEST_CASE("A chain of ten ops is a clean vector loop") {
  for (const char* Target : {"x86-64-v4", "x86-64-v3"}) {
    LinalgKernels K(chain(10), Target);
    INFO(K.messages());
    REQUIRE(K);
    std::string Code = disassembly(K.compiled().Bytes);
    if (Code.empty()) BURIN_SKIP("llvm-objdump-22 is not installed: nobody looked at the code of a chain");
    std::string Block = Code.substr(Code.find("<chain.p0>:"));
    Block = Block.substr(0, Block.find("<chain>:"));
    INFO(Block);
    bool Wide = std::string(Target) == "x86-64-v4";
    CHECK(count(Block, "(%rsp") == 0);  // no spills
    CHECK(count(Block, "call") == 0);
    // Four copies in the main loop and one for single vectors; the last is under a mask, or one number at a time.
    const char* Register = Wide ? "%zmm" : "%ymm";
    CHECK(count(Block, Register) > 4 * 10);
    CHECK(count(Block, "vaddps") == 5 * 2);
    CHECK(count(Block, "vdivps") == 5 * 2);
    CHECK(count(Block, "vaddss") == (Wide ? 0 : 2));
  }
}

TEST_CASE("Chains of any length compile and compute") {
  for (int Ops : {1, 60, 256, 1000}) {
    LinalgKernels K(chain(Ops), "host");
    INFO(Ops << ": " << K.messages());
    REQUIRE(K);
    auto X = randoms(100, 1), Y = randoms(100, 2);
    std::vector<float> Got(100);
    K.run("chain", {X.data(), Y.data(), Got.data()}, {100});
    for (size_t I = 0; I < 100; ++I) {
      float A = X[I], B = Y[I];
      for (int J = 0; J < Ops; ++J)
        A = J % 5 == 0 ? A + B : J % 5 == 1 ? A * B : J % 5 == 2 ? A - B : J % 5 == 3 ? std::max(A, B) : A / B;
      REQUIRE(((std::isnan(A) && std::isnan(Got[I])) || Got[I] == A));
    }
  }
}
