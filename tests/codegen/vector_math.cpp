// Vector math against the C library in wider precision, swept over all exponents, both signs and the special values.
#include "tests/support/catch.h"
#include "tests/support/linalg_kernels.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace burin::test;

namespace {

std::string kernel(const std::string& Op, const std::string& Type) {
  return "func.func @" + Op + "_" + Type + "(%x: tensor<?x" + Type +
         "> {burin.shape = array<i64: -1>}, %n: index) -> tensor<?x" + Type +
         "> {\n %e = tensor.empty(%n) : tensor<?x" + Type +
         ">\n %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = "
         "[\"parallel\"]}"
         " ins(%x : tensor<?x" +
         Type + ">) outs(%e : tensor<?x" + Type + ">) {\n ^bb0(%a: " + Type + ", %o: " + Type + "):\n %r = math." + Op +
         " %a : " + Type + "\n linalg.yield %r : " + Type + "\n } -> tensor<?x" + Type + ">\n return %0 : tensor<?x" +
         Type + ">\n}\n";
}

/// Error in units of the last place of the exact result (denormals: of the least denormal).
template <class T> double ulps(T Got, long double Want) {
  if (std::isnan(Want) || std::isinf(static_cast<T>(Want)) || std::isinf(Got) || std::isnan(Got)) {
    T Rounded = static_cast<T>(Want);
    if (std::isnan(Rounded) && std::isnan(Got)) return 0;
    // Next to overflow either of inf and the greatest number may come out.
    if (std::isinf(Rounded) != std::isinf(Got) && std::fabs(Want) > std::numeric_limits<T>::max() * 0.999999L &&
        !std::isnan(Got))
      return 0;
    return Rounded == Got ? 0 : 1e30;
  }
  int Exponent;
  std::frexp(Want, &Exponent);
  int Least = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  long double Unit = std::ldexp(1.0L, std::max(Exponent - std::numeric_limits<T>::digits, Least));
  return static_cast<double>(std::fabs(static_cast<long double>(Got) - Want) / Unit);
}

/// Bit patterns spread evenly over all finite numbers, and what is special.
template <class T> std::vector<T> sweep(size_t Count) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  std::vector<T> V{0,
                   T(-0.0),
                   1,
                   -1,
                   std::numeric_limits<T>::infinity(),
                   -std::numeric_limits<T>::infinity(),
                   std::numeric_limits<T>::quiet_NaN(),
                   std::numeric_limits<T>::denorm_min(),
                   std::numeric_limits<T>::min(),
                   std::numeric_limits<T>::max(),
                   std::numeric_limits<T>::lowest()};
  Bits Step = static_cast<Bits>(~Bits(0) / Count);
  for (size_t I = 0; I < Count; ++I) V.push_back(std::bit_cast<T>(static_cast<Bits>(Step * I + I % 977)));
  // Where results are neither 0 nor inf nor 1.
  for (size_t I = 0; I < Count; ++I)
    V.push_back(static_cast<T>((sizeof(T) == 4 ? 105.0 : 750.0) *
                               (2.0 * static_cast<double>(I) / static_cast<double>(Count) - 1)));
  for (size_t I = 0; I < Count; ++I)
    V.push_back(static_cast<T>(2.0 * static_cast<double>(I) / static_cast<double>(Count) - 0.5));
  return V;
}

template <class T>
double worst(LinalgKernels& K, const char* Name, long double (*Exact)(long double), size_t Count, T& Where) {
  std::vector<T> X = sweep<T>(Count), Y(X.size());
  K.run(Name, {X.data(), Y.data()}, {static_cast<int64_t>(X.size())});
  double Most = 0;
  for (size_t I = 0; I < X.size(); ++I)
    if (double U = ulps(Y[I], Exact(X[I])); U > Most) Most = U, Where = X[I];
  return Most;
}

}  // namespace

TEST_CASE("exp, log and tanh stay within their stated error over the whole range") {
  struct {
    const char* Name;
    long double (*Exact)(long double);
    double Bound;
  } Functions[] = {{"exp", [](long double X) { return expl(X); }, 1.5},
                   {"log", [](long double X) { return logl(X); }, 1.5},
                   {"tanh", [](long double X) { return tanhl(X); }, 2.5},
                   {"floor", [](long double X) { return floorl(X); }, 0}};
  for (const std::string& Target : runnableTargets()) {
    std::string Text;
    for (auto& F : Functions) Text += kernel(F.Name, "f32") + kernel(F.Name, "f64");
    LinalgKernels K(Text, Target);
    INFO(Target << ": " << K.messages());
    REQUIRE(K);
    for (auto& F : Functions) {
      float At32 = 0;
      double At64 = 0;
      double Error32 = worst<float>(K, (F.Name + std::string("_f32")).c_str(), F.Exact, 400000, At32);
      double Error64 = worst<double>(K, (F.Name + std::string("_f64")).c_str(), F.Exact, 200000, At64);
      INFO(F.Name << ": f32 " << Error32 << " ulp at " << At32 << ", f64 " << Error64 << " ulp at " << At64);
      CHECK(Error32 <= F.Bound);
      CHECK(Error64 <= F.Bound);
    }
  }
}
