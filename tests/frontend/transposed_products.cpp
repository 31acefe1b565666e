// Matrix products of transposed operands: compiled, the transpose is the product kernel's; the referee says what is right.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>

using namespace burin;

namespace {

Tensor numbers(const Shape& s, int seed) { return reshape((iota({s.num_elements()}) * 7 + seed) / 3, s); }
Tensor swapped(const Tensor& x) {
  std::vector<std::int64_t> order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(x, Axes(order));
}
/// The case at every compiled level against the referee; whole numbers, so that sums are exact.
template <class F> void check(F f, const Tensor& a, const Tensor& b, FunctionOptions options = {}) {
  for (Dtype t : {f32, f64, bf16, i32, i64}) {
    const auto small = [&](const Tensor& x) {
      const Tensor n = x - x / 5 * 5 - 2;  // -2 to 2
      return cast(n, t);
    };
    const Tensor x = small(a), y = small(b), want = f(x, y);
    for (Level level : {Level::no_fuse, Level::full}) {
      options.level = level;
      const Tensor got = function(f, options)(x, y);
      INFO(to_string(x.type()) << " and " << to_string(y.type()) << ", level " << static_cast<int>(level));
      CHECK(got.type() == want.type());
      CHECK(cast(got, f64).to_vector<double>() == cast(want, f64).to_vector<double>());
    }
  }
}

const auto lhs = [](const Tensor& a, const Tensor& b) { return matmul(swapped(a), b); };
const auto rhs = [](const Tensor& a, const Tensor& b) { return matmul(a, swapped(b)); };
const auto both = [](const Tensor& a, const Tensor& b) { return matmul(swapped(a), swapped(b)); };

}  // namespace

TEST_CASE("products of transposed operands are right for every shape") {
  struct Sizes {
    std::int64_t m, k, n;
  };
  for (auto [m, k, n] :
       {Sizes{1, 1, 1}, {3, 5, 7}, {1, 40, 33}, {40, 1, 3}, {17, 130, 1}, {64, 64, 64}, {37, 259, 70}}) {
    check(lhs, numbers({k, m}, 1), numbers({k, n}, 2));
    check(rhs, numbers({m, k}, 1), numbers({n, k}, 2));
    check(both, numbers({k, m}, 1), numbers({n, k}, 2));
  }
}

TEST_CASE("batches of transposed products broadcast as others do") {
  check(lhs, numbers({2, 3, 5, 9}, 1), numbers({2, 3, 5, 4}, 2));
  check(lhs, numbers({3, 5, 9}, 1), numbers({5, 4}, 2));
  check(lhs, numbers({5, 9}, 1), numbers({2, 1, 5, 4}, 2));
  check(rhs, numbers({4, 5, 9}, 1), numbers({7, 9}, 2));
  check(rhs, numbers({2, 1, 5, 9}, 1), numbers({3, 7, 9}, 2));
  check(both, numbers({3, 6, 2}, 1), numbers({3, 4, 6}, 2));
}

TEST_CASE("a product of a matrix and its own transpose reads it once") {
  const auto gram = [](const Tensor& a, const Tensor&) { return matmul(swapped(a), a); };
  const auto outer = [](const Tensor& a, const Tensor&) { return matmul(a, swapped(a)); };
  const auto square = [](const Tensor& a, const Tensor&) { return matmul(swapped(a), swapped(a)); };
  check(gram, numbers({6, 19}, 1), numbers({1}, 0));
  check(outer, numbers({6, 19}, 1), numbers({1}, 0));
  check(square, numbers({21, 21}, 1), numbers({1}, 0));
}

TEST_CASE("one transpose serves several products, and others beside them") {
  check([](const Tensor& a, const Tensor& b) { return matmul(swapped(a), b) + matmul(swapped(a), b + b); },
        numbers({9, 5}, 1), numbers({9, 4}, 2));
  check([](const Tensor& a, const Tensor& b) { return matmul(swapped(a), b) + sum(swapped(a) + 1); },
        numbers({9, 5}, 1), numbers({9, 4}, 2));
  check([](const Tensor& a, const Tensor& b) { return matmul(swapped(a + 1), swapped(b) - 1); }, numbers({9, 5}, 1),
        numbers({4, 9}, 2));
  check([](const Tensor& a, const Tensor& b) { return matmul(swapped(broadcast_to(sum(a, 0), {9, 5})), b); },
        numbers({9, 5}, 1), numbers({9, 4}, 2));
  check([](const Tensor& a, const Tensor& b) { return matmul(transpose(a, {2, 1, 0}), b); }, numbers({3, 4, 2}, 1),
        numbers({2, 3, 5}, 2));
}

TEST_CASE("named sizes may be any of a transposed product's") {
  const auto f = [](const Tensor& a, const Tensor& b) { return matmul(swapped(a), b); };
  const auto named = function(f, {.signature = {spec<f32>({"k", "m"}), spec<f32>({"k", 12})}});
  for (auto [k, m] : {std::pair<std::int64_t, std::int64_t>{3, 5}, {64, 31}, {1, 1}, {300, 2}}) {
    const Tensor a = cast(numbers({k, m}, 1), f32) * 0.01f, b = cast(numbers({k, 12}, 2), f32) * 0.01f;
    const auto got = named(a, b).to_vector<float>(), want = f(a, b).to_vector<float>();
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-5));
  }
  CHECK(named.stats().traces == 1);
}
