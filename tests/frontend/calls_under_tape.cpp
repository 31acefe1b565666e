// Compiled functions called eagerly under tapes: the derivative is a pair of compiled graphs, made once for each set of
// arguments that a gradient is taken by; loaded functions likewise.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <filesystem>
#include <unistd.h>

using namespace burin;
using burin::test::check_close;
using burin::test::differences;

namespace {

Tensor mix(const Tensor& a, const Tensor& b) {
  Tensor y = a, i = std::int64_t{0};
  while_loop([&] { return i < 3; },
             [&] {
               y = cond(sum(y) > 0.5, [&] { return tanh(y) * b; }, [&] { return y * y + a; });
               i += 1;
             },
             {.max_trips = 3});
  return sum(y * exp(b));
}

const Tensor a({0.4, -0.3, 0.9}), b({1.1, 0.7, -0.2});
const std::vector<double> by_a = differences([](const Tensor& t) { return mix(t, b); }, a);
const std::vector<double> by_b = differences([](const Tensor& t) { return mix(a, t); }, b);

struct Pair {
  Tensor a, b;
};

}  // namespace

TEST_CASE("a call's derivative is compiled once for each set of arguments that a gradient is taken by") {
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function(mix, {.level = level});
    check_close(grad([&](const Tensor& t) { return f(t, b); })(a), by_a);
    CHECK(f.stats().derivatives == 1);
    check_close(grad([&](const Tensor& t) { return f(t, b) * 2.0; })(a),
                differences([](const Tensor& t) { return mix(t, b) * 2.0; }, a));
    CHECK(f.stats().derivatives == 1);
    check_close(grad([&](const Tensor& t) { return f(a, t); })(b), by_b);
    CHECK(f.stats().derivatives == 2);
    const Pair both = grad([&](const Pair& p) { return f(p.a, p.b); })(Pair{a, b});
    check_close(both.a, by_a);
    check_close(both.b, by_b);
    CHECK(f.stats().derivatives == 3);
    CHECK(f.stats().traces == 1);
    CHECK(f(a, b).item<double>() == Approx(mix(a, b).item<double>()));
  }
}

TEST_CASE("a call that no tape watches keeps no derivative") {
  auto f = function(mix, {.level = Level::graph});
  const Tensor w(2.0);
  CHECK(grad([&](const Tensor& t) { return t * f(a, b); })(w).item<double>() == Approx(mix(a, b).item<double>()));
  CHECK(f.stats().derivatives == 0);
}

TEST_CASE("calls are differentiated by each form, and in any order") {
  const Tensor v({1.0, -2.0, 0.5});
  for (Level level : {Level::graph, Level::full}) {
    auto f = function(mix, {.level = level});
    auto loss = [&](const Tensor& t) { return f(t, b); };
    auto plain = [&](const Tensor& t) { return mix(t, b); };
    auto [y, dy] = jvp(loss, a, v);
    CHECK(dy.item<double>() == Approx(jvp(plain, a, v).second.item<double>()));
    const auto second = differences([&](const Tensor& t) { return sum(grad(plain)(t) * v); }, a);
    check_close(grad([&](const Tensor& t) { return sum(grad(loss)(t) * v); })(a), second, 1e-5);
    check_close(hvp(loss, a, v), second, 1e-5);
    check_close(grad([&](const Tensor& t) { return jvp(loss, t, v).second; })(a), second, 1e-5);
    for (Mode mode : {Mode::reverse, Mode::forward}) check_close(sum(hessian(loss, mode)(a) * v, 1), second, 1e-5);
    GradientTape outer;
    outer.watch(a);
    GradientTape inner;
    inner.watch(a);
    Tensor g = inner.gradient(loss(a), a);
    check_close(outer.gradient(sum(g * v), a), second, 1e-5);
  }
}

TEST_CASE("derivatives by what a function captured, and through by-reference parameters") {
  const Tensor w({2.0, 3.0, 4.0});
  auto f = function([&](const Tensor& t) { return sum(t * w * w); }, {.level = Level::graph});
  GradientTape tape;
  tape.watch(w);
  check_close(tape.gradient(f(a), w), {2 * 0.4 * 2, -2 * 0.3 * 3, 2 * 0.9 * 4});
  auto step = function(
      [](Tensor& state, const Tensor& t) {
        state = state * t;
        return sum(state);
      },
      {.level = Level::full});
  auto twice = [&](const Tensor& t) {
    Tensor state = b;
    Tensor first = step(state, t), second = step(state, t);
    return first + second;
  };
  check_close(grad(twice)(a), differences([&](const Tensor& t) { return sum(b * t) + sum(b * t * t); }, a));
}

TEST_CASE("one derivative serves all sizes of a named size") {
  auto f = function([](const Tensor& t) { return mean(tanh(t) * t); },
                    {.level = Level::full, .signature = {spec<f64>({"batch", 2})}});
  for (std::int64_t n : {1, 3, 4}) {
    const Tensor x = reshape(arange(2 * n, f64) * 0.3 - 0.5, {n, 2});
    check_close(grad([&](const Tensor& t) { return f(t); })(x),
                differences([](const Tensor& t) { return mean(tanh(t) * t); }, x));
  }
  CHECK(f.stats().derivatives == 1);
}

TEST_CASE("a loop without a bound is differentiated as it runs") {
  auto loss = [](const Tensor& t) {
    Tensor y = t;
    while_loop([&] { return sum(y) < 3.0; }, [&] { y = y * y + 1.0; });
    return sum(y);
  };
  auto f = function(loss, {.level = Level::graph});
  check_close(grad([&](const Tensor& t) { return f(t); })(a), differences(loss, a));
  CHECK(f.stats().derivatives == 0);
}

TEST_CASE("a function that takes gradients is differentiated by another") {
  auto slope = [](const Tensor& t) { return sum(grad([](const Tensor& s) { return mix(s, b); })(t)); };
  auto f = function(slope, {.level = Level::full});
  check_close(grad([&](const Tensor& t) { return f(t); })(a), differences(slope, a), 1e-5);
}

TEST_CASE("a loaded function is differentiated as the saved one was") {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("burin-derivatives-" + std::to_string(::getpid()) + ".burin"))
          .string();
  auto f = function(mix, {.name = "mix"});
  f(a, b);
  f.save(file);
  for (Level level : {Level::graph, Level::full}) {
    auto loaded = load(file, level);
    auto loss = [&](const Pair& p) { return loaded(p.a, p.b)[0]; };
    const Pair g = grad(loss)(Pair{a, b});
    check_close(g.a, by_a);
    check_close(g.b, by_b);
    auto inside = function([&](const Tensor& t) { return grad([&](const Tensor& s) { return loaded(s, b)[0]; })(t); });
    check_close(inside(a), by_a);
    CHECK(jvp([&](const Tensor& t) { return loaded(t, b)[0]; }, a, ones({3}, f64)).second.item<double>() ==
          Approx(by_a[0] + by_a[1] + by_a[2]));
  }
  std::filesystem::remove(file);
}
