// Kernels from linalg text against plain loops: chains, broadcasts, reductions, softmax, dtypes, odd and empty sizes.
#include "tests/support/catch.h"
#include "tests/support/linalg_kernels.h"

#include <cmath>
#include <random>

using namespace burin::test;

namespace {

const int64_t Sizes[] = {0, 1, 3, 7, 15, 16, 17, 31, 33, 63, 65, 1000};

template <class T> std::vector<T> randoms(int64_t N, unsigned Seed, double Lo = -2, double Hi = 2) {
  std::mt19937 G(Seed);
  std::uniform_real_distribution<double> D(Lo, Hi);
  std::vector<T> V(static_cast<size_t>(N));
  for (T& X : V) X = static_cast<T>(D(G));
  return V;
}

/// Results are compared relative to max(1, |expected|).
template <class A, class B> bool close(const A& Got, const B& Want, double Tolerance) {
  for (size_t I = 0; I < Want.size(); ++I) {
    double G = static_cast<double>(Got[I]), W = static_cast<double>(Want[I]);
    if (std::isnan(W) ? !std::isnan(G) : !(G == W || std::fabs(G - W) <= Tolerance * std::max(1.0, std::fabs(W)))) {
      UNSCOPED_INFO("at " << I << ": " << G << " expected " << W);
      return false;
    }
  }
  return true;
}

const char* const Chain = R"(
#row = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#one = affine_map<(i, j) -> (i, 0)>
func.func @chain(%x: tensor<?x?xf32> {burin.shape = array<i64: -1, -2>}, %b: tensor<?xf32> {burin.shape = array<i64: -2>},
                 %c: tensor<?x1xf32> {burin.shape = array<i64: -1, 1>}, %n: index, %m: index) -> tensor<?x?xf32> {
  %e = tensor.empty(%n, %m) : tensor<?x?xf32>
  %0 = linalg.generic {indexing_maps = [#row, #col, #row], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<?x?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
    ^bb0(%a: f32, %d: f32, %o: f32):
      %s = arith.addf %a, %d : f32
      linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %1 = linalg.generic {indexing_maps = [#row, #one, #row], iterator_types = ["parallel", "parallel"]}
      ins(%0, %c : tensor<?x?xf32>, tensor<?x1xf32>) outs(%e : tensor<?x?xf32>) {
    ^bb0(%a: f32, %d: f32, %o: f32):
      %k = arith.constant 0.5 : f32
      %s = arith.mulf %a, %d : f32
      %t = arith.addf %s, %k : f32
      linalg.yield %t : f32
  } -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
})";

/// A reduction of x: f32[a,b,c] over the axes where `Reduce` is true.
std::string reduction(std::array<bool, 3> Reduce, std::string Type, std::string Op, std::string Neutral) {
  std::string Iterators, Map, Shape, Dynamic, Result;
  const char* Names[] = {"a", "b", "c"};
  for (int I = 0; I < 3; ++I) {
    Iterators += std::string(I ? ", " : "") + (Reduce[I] ? "\"reduction\"" : "\"parallel\"");
    if (Reduce[I]) continue;
    Map += std::string(Map.empty() ? "" : ", ") + Names[I];
    Dynamic += std::string(Dynamic.empty() ? "" : ", ") + "%" + Names[I];
    Result += "?x";
  }
  std::string To = "tensor<" + Result + Type + ">";
  return "func.func @reduce(%x: tensor<?x?x?x" + Type +
         "> {burin.shape = array<i64: -1, -2, -3>}, %a: index, %b: index, %c: index) -> " + To +
         " {\n %z = arith.constant " + Neutral + " : " + Type + "\n %e = tensor.empty(" + Dynamic + ") : " + To +
         "\n %f = linalg.fill ins(%z : " + Type + ") outs(%e : " + To + ") -> " + To +
         "\n %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (" +
         Map + ")>], iterator_types = [" + Iterators + "]} ins(%x : tensor<?x?x?x" + Type + ">) outs(%f : " + To +
         ") {\n ^bb0(%v: " + Type + ", %acc: " + Type + "):\n %s = " + Op + " %acc, %v : " + Type +
         "\n linalg.yield %s : " + Type + "\n } -> " + To + "\n return %r : " + To + "\n}\n";
}

template <class T, class Fn>
std::vector<T> reduceNaively(const std::vector<T>& X, std::array<int64_t, 3> S, std::array<bool, 3> Reduce, T Start,
                             Fn Combine) {
  int64_t KA = Reduce[0] ? 1 : S[0], KB = Reduce[1] ? 1 : S[1], KC = Reduce[2] ? 1 : S[2];
  std::vector<T> Out(static_cast<size_t>(KA * KB * KC), Start);
  for (int64_t A = 0; A < S[0]; ++A)
    for (int64_t B = 0; B < S[1]; ++B)
      for (int64_t C = 0; C < S[2]; ++C) {
        T& R = Out[((Reduce[0] ? 0 : A) * KB + (Reduce[1] ? 0 : B)) * KC + (Reduce[2] ? 0 : C)];
        R = Combine(R, X[(A * S[1] + B) * S[2] + C]);
      }
  return Out;
}

}  // namespace

TEST_CASE("A chain with broadcast operands is one pass over memory for every size") {
  for (const std::string& Target : runnableTargets()) {
    LinalgKernels K(Chain, Target);
    INFO(Target << ": " << K.messages());
    REQUIRE(K);
    for (int64_t N : Sizes)
      for (int64_t M : Sizes) {
        auto X = randoms<float>(N * M, 1), B = randoms<float>(M, 2), C = randoms<float>(N, 3);
        std::vector<float> Want(N * M), Got(N * M, -77);
        for (int64_t I = 0; I < N; ++I)
          for (int64_t J = 0; J < M; ++J) Want[I * M + J] = (X[I * M + J] + B[J]) * C[I] + 0.5f;
        INFO(N << " x " << M);
        K.run("chain", {X.data(), B.data(), C.data(), Got.data()}, {N, M}, 1 + (N + M) % 2);
        REQUIRE(close(Got, Want, 1e-6));
      }
  }
}

TEST_CASE("Sums and maxima over any axes equal plain loops") {
  for (const std::string& Target : runnableTargets())
    for (int Bits = 1; Bits < 8; ++Bits) {
      std::array<bool, 3> Axes{(Bits & 4) != 0, (Bits & 2) != 0, (Bits & 1) != 0};
      LinalgKernels Sum(reduction(Axes, "f32", "arith.addf", "0.0"), Target);
      LinalgKernels Max(reduction(Axes, "f32", "arith.maximumf", "0xFF800000"), Target);
      LinalgKernels Wrap(reduction(Axes, "i32", "arith.addi", "0"), Target);
      INFO(Target << " axes " << Bits << ": " << Sum.messages() << Max.messages() << Wrap.messages());
      REQUIRE((Sum && Max && Wrap));
      for (auto S : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                        {3, 5, 7},
                                                        {2, 17, 33},
                                                        {16, 16, 16},
                                                        {4, 1, 65},
                                                        {5, 0, 3},
                                                        {0, 2, 2},
                                                        {63, 3, 31},
                                                        {2, 300, 129},
                                                        {1000, 3, 1},
                                                        {1, 70, 4000}}) {
        INFO(S[0] << " x " << S[1] << " x " << S[2]);
        auto X = randoms<float>(S[0] * S[1] * S[2], 5);
        auto Wide = std::vector<double>(X.begin(), X.end());
        auto Want = reduceNaively<double>(Wide, S, Axes, 0.0, [](double A, double B) { return A + B; });
        std::vector<float> Got(Want.size(), -77);
        Sum.run("reduce", {X.data(), Got.data()}, {S[0], S[1], S[2]}, 2);
        REQUIRE(close(Got, Want, 1e-3));

        if (X.size() > 2) X[X.size() / 2] = std::nanf("");
        auto WantMax = reduceNaively<float>(X, S, Axes, -INFINITY, [](float A, float B) {
          return std::isnan(A) || std::isnan(B) ? std::nanf("") : std::max(A, B);
        });
        Max.run("reduce", {X.data(), Got.data()}, {S[0], S[1], S[2]}, 1);
        REQUIRE(close(Got, WantMax, 0));

        auto I = randoms<int32_t>(S[0] * S[1] * S[2], 6, -2e9, 2e9);
        auto WantInt = reduceNaively<int32_t>(I, S, Axes, 0, [](int32_t A, int32_t B) {
          return static_cast<int32_t>(static_cast<uint32_t>(A) + static_cast<uint32_t>(B));
        });
        std::vector<int32_t> GotInt(WantInt.size(), -77);
        Wrap.run("reduce", {I.data(), GotInt.data()}, {S[0], S[1], S[2]}, 2);
        REQUIRE(GotInt == WantInt);
      }
    }
}
