// What training is made of: losses at the edges of their range, positions and classes, powers at IEEE's edges in compiled code.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>
#include <limits>

using namespace burin;

namespace {

using Doubles = std::vector<double>;
constexpr Level levels[] = {Level::eager, Level::graph, Level::full};

Doubles numbers(const Tensor& t) { return cast(t, f64).to_vector<double>(); }

}  // namespace

TEST_CASE("softmax cross entropy is what its formula says, by classes or probabilities, with its gradient") {
  const Tensor logits = {{1.0, 2.0, 0.5}, {-1.0, 0.0, 3.0}};
  const Tensor classes = {2, 0}, probabilities = one_hot(classes, 3, f64);
  for (Level level : levels)
    for (const Tensor& t : {classes, probabilities, cast(classes, u8)}) {
      auto f = function(
          [](const Tensor& x, const Tensor& y) {
            return value_and_grad([&](const Tensor& v) { return softmax_cross_entropy(v, y); })(x);
          },
          {.level = level});
      const auto [loss, g] = f(logits, t);
      const Doubles p = numbers(softmax(logits)), slope = numbers(g);
      CHECK(loss.item<double>() == Approx(-(std::log(p[2]) + std::log(p[3])) / 2).epsilon(1e-14));
      for (std::size_t i = 0; i < 6; ++i)
        CHECK(slope[i] == Approx((p[i] - numbers(probabilities)[i]) / 2).epsilon(1e-13).margin(1e-15));
    }
}

TEST_CASE("losses of enormous logits are finite, and so are their gradients") {
  const Tensor logits = {{1e4f, -1e4f, 0.0f}, {-3e38f, 3e38f, 0.0f}};
  for (Level level : levels) {
    const auto two = [](const Tensor& x) {
      return value_and_grad([](const Tensor& v) { return softmax_cross_entropy(v, Tensor({1, 1})); })(x);
    };
    const auto [loss, g] = function(two, {.level = level})(logits);
    CHECK(loss.item<float>() == 1e4f);  // (2e4 + 0) / 2
    CHECK(numbers(g) == Doubles{0.5, -0.5, 0, 0, 0, 0});
    const auto yes = [](const Tensor& x) {
      return value_and_grad([](const Tensor& v) { return sigmoid_cross_entropy(v, Tensor({true, false})); })(x);
    };
    const auto [answer, slope] = function(yes, {.level = level})(Tensor({-200.0f, -200.0f}));
    CHECK(answer.item<float>() == 100.0f);
    CHECK(numbers(slope) == Doubles{-0.5, 0});
  }
}

TEST_CASE("the second derivative of softmax passes through the maximum that it takes away") {
  // d²/dx² of log Σ e^x over two numbers is p (1 - p).
  const Tensor x = {0.3, -0.4};
  const auto f = [](const Tensor& v) { return -sum(log_softmax(v) * Tensor({1.0, 0.0})); };
  const auto slope = [&](const Tensor& v) { return sum(grad(f)(v) * Tensor({1.0, 0.0})); };
  const double p = numbers(softmax(x))[0];
  CHECK(numbers(grad(slope)(x))[0] == Approx(p * (1 - p)).epsilon(1e-13));
  CHECK(numbers(grad(slope)(x))[1] == Approx(-p * (1 - p)).epsilon(1e-13));
}

TEST_CASE("one_hot has a row of zeros for what is no class, whatever the labels' dtype") {
  CHECK(numbers(one_hot(Tensor({2, 0, 3, -1}), 3)) == Doubles{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(one_hot(Tensor({1}), 2, i64).dtype() == i64);
  const Tensor wide = one_hot(cast(Tensor({5}), u8), 300);  // classes that u8 does not reach
  CHECK(numbers(sum(wide))[0] == 1);
  CHECK(argmax(wide).to_vector<std::int64_t>()[0] == 5);
}

TEST_CASE("argmax finds the first greatest of any dtype, and NaN before it") {
  const auto at = [](const Tensor& t) { return numbers(argmax(t)); };
  for (Level level : levels) {
    LevelScope scope(level);
    const auto f = function([](const Tensor& t) { return argmax(t); });
    CHECK(numbers(f(Tensor({{1.0f, 3.0f, 3.0f}, {-1.0f, -2.0f, -3.0f}}))) == Doubles{1, 0});
    constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
    CHECK(numbers(f(Tensor({least, least + 1, least}))) == Doubles{1});
    CHECK(numbers(f(Tensor({least, 0, 7}))) == Doubles{2});
    CHECK(numbers(f(cast(Tensor({0, 255, 3}), u8))) == Doubles{1});
    CHECK(numbers(f(Tensor({1.0f, std::nanf(""), 9.0f}))) == Doubles{1});
  }
  CHECK(at(Tensor({5})) == Doubles{0});
}

TEST_CASE("pow has the edges of IEEE 754's pow, compiled too") {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Doubles specials = {0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 7, 1e30, -1e30, 1e-30, -1e-30, inf, -inf, nan};
  Doubles a, b;
  for (double x : specials)
    for (double y : specials) {
      a.push_back(x);
      b.push_back(y);
    }
  for (Dtype t : {f64, f32})
    for (Level level : levels) {
      const auto f = function([](const Tensor& x, const Tensor& y) { return pow(x, y); }, {.level = level});
      const Tensor x = cast(Tensor(a), t), y = cast(Tensor(b), t);
      const Doubles got = numbers(f(x, y)), base = numbers(x), exponent = numbers(y);
      for (std::size_t i = 0; i < got.size(); ++i) {
        double want = std::pow(base[i], exponent[i]);
        if (t == f32) want = static_cast<double>(static_cast<float>(want));
        INFO(base[i] << " to the power " << exponent[i] << ", level " << static_cast<int>(level));
        CHECK(std::isnan(got[i]) == std::isnan(want));
        if (std::isnan(want)) continue;
        CHECK(std::signbit(got[i]) == std::signbit(want));
        if (std::isinf(want) || want == 0) CHECK(got[i] == want);
        else CHECK(got[i] == Approx(want).epsilon(t == f64 ? 1e-13 : 1.2e-7).margin(0));
      }
    }
}

TEST_CASE("any and all are NumPy's, along axes, of nothing, and as conditions, at every level") {
  // numpy.any and numpy.all of this array, axis by axis.
  const Tensor x = {{{true, false}, {true, true}, {false, false}}, {{true, false}, {false, true}, {false, true}}};
  using Bytes = std::vector<std::uint8_t>;
  for (Level level : levels) {
    auto at = [&](const Tensor& t, const Axes& axes, bool keepdims) {
      return function([&](const Tensor& v) { return std::pair{any(v, axes, keepdims), all(v, axes, keepdims)}; },
                      {.level = level})(t);
    };
    auto check = [&](const Tensor& t, const Axes& axes, bool keepdims, const Shape& shape, Bytes some, Bytes every) {
      const auto [a, b] = at(t, axes, keepdims);
      CHECK(a.type() == TensorType{boolean, shape});
      CHECK(b.type() == TensorType{boolean, shape});
      CHECK(cast(a, u8).to_vector<std::uint8_t>() == some);
      CHECK(cast(b, u8).to_vector<std::uint8_t>() == every);
    };
    check(x, all_axes, false, {}, {1}, {0});
    check(x, {0}, false, {3, 2}, {1, 0, 1, 1, 0, 1}, {1, 0, 0, 1, 0, 0});
    check(x, {1}, false, {2, 2}, {1, 1, 1, 1}, {0, 0, 0, 0});
    check(x, {-1}, true, {2, 3, 1}, {1, 1, 0, 1, 1, 1}, {0, 1, 0, 0, 0, 0});
    check(x, {0, 2}, false, {3}, {1, 1, 1}, {0, 0, 0});
    check(zeros({0, 2}, boolean), {0}, false, {2}, {0, 0}, {1, 1});
    check(ones({300}, boolean), all_axes, true, {1}, {1}, {1});  // more than a byte counts
    auto f = function([](const Tensor& v) { return cond(any(v < 0), [&] { return -v; }, [&] { return v; }); },
                      {.level = level});
    CHECK(numbers(f(Tensor({1.0f, -2.0f}))) == Doubles{-1, 2});
    CHECK(numbers(f(Tensor({1.0f, 2.0f}))) == Doubles{1, 2});
    CHECK(numbers(cast(function([](const Tensor& m) { return vmap([](const Tensor& row) { return all(row > 0); })(m); },
                                {.level = level})(Tensor{{1.0f, 2.0f}, {1.0f, -2.0f}}),
                       f32)) == Doubles{1, 0});
  }
}
