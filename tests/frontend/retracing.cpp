// Options that concern retraces: reduce_retracing names sizes that differ, verify_trace finds what a trace does not see.
#include "tests/support/catch.h"

#include <burin/burin.h>

using namespace burin;

namespace {

Tensor row(std::int64_t n) { return full({n}, 2.0f); }
Tensor rows(std::int64_t n, std::int64_t m) { return full({n, m}, 3.0f); }
template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.text(); }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("reduce_retracing needs two traces for any sizes") {
  for (Level level : {Level::graph, Level::full}) {
    auto f = function([](const Tensor& x, const Tensor& w) { return reduce_sum(matmul(x, w), {1}); },
                      {.level = level, .reduce_retracing = true});
    for (std::int64_t n : {4, 7, 1, 0, 3, 100}) {
      CHECK(f(rows(n, 2), rows(2, 5)).to_vector<float>() ==
            std::vector<float>(static_cast<std::size_t>(n), 3 * 3 * 2 * 5));
    }
    CHECK(f.stats().traces == 2);
    CHECK(to_string(f).find("%0: f32[n0,2] argument") != std::string::npos);
    f(cast(rows(3, 2), f64), cast(rows(2, 5), f64));  // more than sizes differs
    CHECK(f.stats().traces == 3);
    CHECK(f.explain().find("arg0: f32[4,2] -> f32[n0,2]") != std::string::npos);
  }
}

TEST_CASE("reduce_retracing takes sizes that change alike for one, and widens again where they do not") {
  auto f = function([](const Tensor& x, const Tensor& y) { return concatenate({x, y}, 0); },
                    {.level = Level::graph, .reduce_retracing = true});
  f(row(2), row(2));
  f(row(3), row(3));
  f(row(9), row(9));
  CHECK(f.stats().traces == 2);
  CHECK(f(row(3), row(5)).shape(0) == 8);
  CHECK(f(row(6), row(1)).shape(0) == 7);
  CHECK(f.stats().traces == 3);
}

TEST_CASE("sizes that the host may compare are one number only where reduce_retracing gave them one name") {
  auto f =
      function([](const Tensor& x, const Tensor& y) { return x.shape(0) == y.shape(0) ? sum(x) : sum(x) * sum(y); },
               {.level = Level::graph, .reduce_retracing = true});
  auto g = function([](const Tensor& x) { return x.shape(0) == x.shape(1) ? sum(x) : -sum(x); },
                    {.level = Level::graph, .reduce_retracing = true});
  for (auto [n, m] : {std::pair(3, 4), std::pair(5, 6), std::pair(7, 7), std::pair(8, 9), std::pair(2, 2)})
    CHECK(f(row(n), row(m)).item<float>() == static_cast<float>(n == m ? 2 * n : 4 * n * m));
  CHECK(f.stats().traces == 4);  // numbers, names; and the same for equal sizes
  for (int n : {3, 5, 4, 7}) CHECK(g(rows(n, 4)).item<float>() == static_cast<float>(n == 4 ? 48 : -12 * n));
  CHECK(g.stats().traces == 3);
}

TEST_CASE("reduce_retracing leaves calls exact that named sizes cannot serve") {
  SECTION("a callable that needs the number") {
    int ran = 0;
    auto f = function(
        [&](const Tensor& x) {
          ++ran;
          Tensor sum = x * 0;
          const std::int64_t n = x.shape(0).value();
          for (std::int64_t i = 0; i < n; ++i) sum = sum + x;
          return sum;
        },
        {.level = Level::graph, .reduce_retracing = true});
    for (std::int64_t n : {2, 3, 4}) {
      CHECK(f(row(n)).to_vector<float>() ==
            std::vector<float>(static_cast<std::size_t>(n), 2.0f * static_cast<float>(n)));
    }
    CHECK(f.stats().traces == 3);
    CHECK(ran == 5);  // twice it was tried with a name
  }
  SECTION("a size of one that broadcasts") {
    auto f = function([](const Tensor& x, const Tensor& y) { return x + y; },
                      {.level = Level::graph, .reduce_retracing = true});
    f(row(4), row(4));
    CHECK(f(row(1), row(4)).to_vector<float>() == std::vector<float>(4, 4.0f));
    CHECK(f(row(4), row(1)).to_vector<float>() == std::vector<float>(4, 4.0f));
    CHECK(f(row(4), row(4)).to_vector<float>() == std::vector<float>(4, 4.0f));
    CHECK(message([&] { f(row(3), row(4)); }).find("add: ") == 0);
  }
}

TEST_CASE("verify_trace finds host values and captured tensors that changed") {
  float factor = 2;
  Tensor offset = row(3);
  auto f = function([&](const Tensor& x) { return x * factor + offset; },
                    {.name = "f", .level = Level::graph, .verify_trace = true});
  CHECK(f(row(3)).to_vector<float>() == std::vector<float>(3, 6.0f));
  CHECK(f(row(3)).to_vector<float>() == std::vector<float>(3, 6.0f));
  CHECK(f.stats().traces == 1);
  factor = 3;
  std::string text = message([&] { f(row(3)); });
  CHECK(text.find("\"f\" would be traced differently now (verify_trace): the trace has `") == 0);
  CHECK(text.find("= constant(value=2) : f32[]") < text.find("the callable would record `"));
  CHECK(text.find("= constant(value=3) : f32[]") != std::string::npos);
  CHECK(text.find("[verify-trace]") != std::string::npos);
  factor = 2;
  offset = row(3);  // equal values in other memory
  CHECK(f(row(3)).to_vector<float>() == std::vector<float>(3, 6.0f));
  offset = row(3) * 5;
  text = message([&] { f(row(3)); });
  CHECK(text.find("the captured f32[3] made at ") != std::string::npos);
  CHECK(text.find("has other values than the trace uses [verify-trace]") != std::string::npos);

  bool flip = false;
  auto g =
      function([&](const Tensor& x) { return flip ? exp(x) : log(x); }, {.level = Level::graph, .verify_trace = true});
  g(row(1));
  flip = true;
  CHECK(message([&] { g(row(1)); }).find("the trace has `%1 = log(%0)") != std::string::npos);
}
