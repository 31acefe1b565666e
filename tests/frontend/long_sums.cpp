// Long sums: the error of every sum-like op, compiled, is that of a run of a few hundred terms, however many there are. The
// terms are equal, which is the worst case: all roundings go the same way.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>

using namespace burin;

namespace {

constexpr std::int64_t many = 10'000'000;
const double tenth = static_cast<double>(0.1f);

/// Every element of `got` is `want`, but for the roundings of one run of terms.
void near(const Tensor& got, double want) {
  for (float x : got.to_vector<float>())
    if (!(std::abs(static_cast<double>(x) - want) <= 8e-6 * std::abs(want))) {
      FAIL_CHECK(x << ", expected " << want << ": off by " << std::abs(static_cast<double>(x) / want - 1));
      return;
    }
}

/// For the sizes at hand and for named ones.
void sums_to(double want, auto callable, const Tensor& x) {
  INFO("shape " << to_string(x.shape()));
  near(function(callable)(x), want);
  Spec names{{x.dtype(), Shape{}}};
  for (int i = 0; i < x.shape().rank(); ++i) names.type.shape.push_back(Dim("n" + std::to_string(i)));
  INFO("named sizes");
  near(function(callable, {.signature = {names}})(x), want);
}

void hold_for(std::int64_t n) {
  // All at once, along rows (the last of which ends within a vector), down columns, and over axes that do not touch.
  sums_to(n * tenth, [](const Tensor& x) { return sum(x); }, full({n}, 0.1f));
  sums_to(n / 4 * tenth, [](const Tensor& x) { return sum(x, 1); }, full({4, n / 4}, 0.1f));
  sums_to(n / 4 * tenth, [](const Tensor& x) { return sum(x, 0); }, full({n / 4, 4}, 0.1f));
  sums_to(n / 2000 * tenth, [](const Tensor& x) { return sum(x, 0); }, full({n / 2000, 2000}, 0.1f));
  sums_to(n / 9 * 3 * tenth, [](const Tensor& x) { return sum(x, {0, 2}); }, full({n / 9, 3, 3}, 0.1f));
  sums_to(tenth, [](const Tensor& x) { return mean(x); }, full({n}, 0.1f));
  sums_to(1.0 / static_cast<double>(n), [](const Tensor& x) { return softmax(x); }, full({n}, 0.1f));
  // Sums so far.
  sums_to(n * tenth, [](const Tensor& x) { return reduce_max(cumsum(x)); }, full({n}, 0.1f));
  sums_to(n / 20 * tenth, [](const Tensor& x) { return reduce_max(cumsum(x, 0), 0); }, full({n / 20, 20}, 0.1f));
  // Products: few rows, many, and rows that are columns.
  sums_to(n / 8 * tenth * tenth, [](const Tensor& x) { return matmul(x, transpose(x)); }, full({2, n / 8}, 0.1f));
  sums_to(n / 40 * tenth * tenth, [](const Tensor& x) { return matmul(x, transpose(x)); }, full({20, n / 40}, 0.1f));
  sums_to(n / 40 * tenth * tenth, [](const Tensor& x) { return matmul(transpose(x), x); }, full({n / 40, 20}, 0.1f));
}

}  // namespace

TEST_CASE("Sums of ten million numbers are as accurate as those of a few hundred") { hold_for(many); }
TEST_CASE("Sums of 2^30 numbers are as accurate as those of a few hundred", "[.]") { hold_for(std::int64_t{1} << 30); }

TEST_CASE("Long sums that are infinite or not numbers stay so") {
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> numbers(100'000, 1.0f);
    numbers[50'000] = bad;
    const Tensor x = reshape(Tensor(numbers), {2, 50'000});
    auto f = function([](const Tensor& x) {
      return std::tuple(sum(x), sum(x, 1), sum(transpose(x), 0), cumsum(x, 1), matmul(x, ones({50'000, 3})));
    });
    auto [all, rows, columns, so_far, product] = f(x);
    auto same = [&](float got) { return std::isnan(bad) ? std::isnan(got) : got == bad; };
    CHECK(same(all.item<float>()));
    for (const Tensor& t : {rows, columns}) {
      CHECK(t.to_vector<float>()[0] == 50'000);
      CHECK(same(t.to_vector<float>()[1]));
    }
    CHECK(so_far.to_vector<float>()[49'999] == 50'000);
    CHECK(same(so_far.to_vector<float>()[50'000]));
    CHECK(same(so_far.to_vector<float>()[99'999]));
    CHECK(product.to_vector<float>()[0] == 50'000);
    CHECK(same(product.to_vector<float>()[3]));
  }
}
