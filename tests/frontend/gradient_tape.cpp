// GradientTape: the same derivatives as grad gives, eagerly with host control flow and inside functions; orders by nesting;
// several sources and targets; what is not connected.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

using namespace burin;
using burin::test::check_close;
using burin::test::differences;

namespace {

Tensor host_loop(const Tensor& x) {  // reads values on the host
  Tensor y = x;
  for (int i = 0; i < 3; ++i) y = sum(y * y).item<double>() < 2.0 ? y * 1.7 + x : tanh(y);
  return sum(y * x);
}

Tensor by_tape(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  GradientTape tape;
  tape.watch(x);
  return tape.gradient(f(x), x);
}

}  // namespace

TEST_CASE("a tape's gradient agrees with central differences through host control flow") {
  const Tensor x({0.4, -0.3, 0.9});
  check_close(by_tape(host_loop, x), differences(host_loop, x));
}

TEST_CASE("a tape works inside a function, through cond and while_loop") {
  auto f = [](const Tensor& x) {
    Tensor y = x, i = std::int64_t{0};
    while_loop([&] { return i < 4; },
               [&] {
                 cond(equal(i, 2), [&] { y = y * y; }, [&] { y = tanh(y) + x; });
                 i += 1;
               },
               {.max_trips = 4});
    return sum(y * x);
  };
  const Tensor x({0.4, -0.3, 0.9});
  const auto want = differences(f, x);
  check_close(by_tape(f, x), want);
  for (Level level : {Level::graph, Level::full}) {
    auto compiled = function([&](const Tensor& t) { return by_tape(f, t); }, {.level = level});
    check_close(compiled(x), want);
  }
}

TEST_CASE("a tape takes trees of sources, and targets whose sum counts") {
  struct Layer {
    Tensor w, b;
  };
  const Layer p{Tensor({{0.5, -1.0}, {0.25, 2.0}}), Tensor({0.1, 0.2})};
  const Tensor x({1.0, -2.0}), other({3.0, 4.0});
  GradientTape tape;
  tape.watch(p);
  tape.watch(other);
  Tensor y = tanh(matmul(reshape(x, {1, 2}), p.w) + p.b);
  auto [g, go] = tape.gradient(std::tuple(sum(y * y), sum(y * other)), std::tuple(p, other));
  auto both = [&](const Tensor& b) {
    Tensor z = tanh(matmul(reshape(x, {1, 2}), p.w) + b);
    return sum(z * z) + sum(z * other);
  };
  check_close(g.b, differences(both, p.b));
  check_close(go, y.to_vector<double>());
  CHECK(g.w.shape() == p.w.shape());
}

TEST_CASE("a tape gives derivatives by values computed on the way") {
  const Tensor x({2.0, 3.0});
  GradientTape tape;
  tape.watch(x);
  Tensor y = x * x;
  Tensor z = sum(y * y);
  auto g = tape.gradient(z, {x, y});
  check_close(g[0], {32.0, 108.0});
  check_close(g[1], {8.0, 18.0});
}

TEST_CASE("a persistent tape is asked several times, and records on") {
  const Tensor x(3.0);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor y = x * x, z = y * x;
  CHECK(tape.gradient(y, x).item<double>() == 6.0);
  CHECK(tape.gradient(z, x).item<double>() == 27.0);
  Tensor late = y * 2.0;
  CHECK(tape.gradient(late, x).item<double>() == 12.0);
  tape.close();
  CHECK(!tape.is_open());
  CHECK(tape.gradient(late, y).item<double>() == 2.0);
}

TEST_CASE("what a persistent tape computes is not recorded by itself") {
  const Tensor x(3.0);
  GradientTape tape({.persistent = true});
  tape.watch(x);
  Tensor g = tape.gradient(x * x, x);  // 2 x, which it does not know to depend on x
  CHECK(tape.gradient(g, x).item<double>() == 0.0);
}

TEST_CASE("nested tapes give second derivatives, eagerly and in a function") {
  auto f = [](const Tensor& x) { return sum(tanh(x) * x * x); };
  auto second = [&](const Tensor& x) {
    GradientTape outer;
    outer.watch(x);
    GradientTape inner;
    inner.watch(x);
    Tensor g = inner.gradient(f(x), x);
    return outer.gradient(sum(g), x);
  };
  const Tensor x({0.4, -0.7});
  const auto want = differences([&](const Tensor& t) { return sum(grad(f)(t)); }, x);
  check_close(second(x), want);
  check_close(function(second, {.level = Level::graph})(x), want);
  check_close(grad([&](const Tensor& t) { return sum(by_tape(f, t)); })(x), want);
}

TEST_CASE("nested tapes do not confuse whose perturbation it is") {
  const Tensor x(2.0), y(5.0);
  GradientTape outer;
  outer.watch(x);
  Tensor product;
  {
    GradientTape inner;
    inner.watch(y);
    product = x * inner.gradient(x * y, y);  // x * x
  }
  CHECK(outer.gradient(product, x).item<double>() == 4.0);
}

TEST_CASE("a source that the target does not depend on has zeros, or none") {
  const Tensor x({1.0f, 2.0f}), w({3.0f, 4.0f, 5.0f});
  GradientTape tape({.persistent = true});
  tape.watch(std::tuple(x, w));
  Tensor y = sum(x);
  auto [gx, gw] = tape.gradient(y, std::tuple(x, w));
  CHECK(gw.to_vector<float>() == std::vector<float>{0, 0, 0});
  auto [hx, hw] = tape.gradient(y, std::tuple(x, w), Unconnected::none);
  CHECK(hx.to_vector<float>() == std::vector<float>{1, 1});
  CHECK(!hw.defined());
}

TEST_CASE("a tape records only from watch on, and only until it is closed") {
  const Tensor x(3.0);
  GradientTape tape;
  Tensor before = x * x;
  tape.watch(x);
  Tensor y = x * before;
  tape.close();
  Tensor after = y * x;
  CHECK(tape.gradient(y, x).item<double>() == 9.0);  // `before` counts as a number
  GradientTape second;
  second.watch(x);
  Tensor z = x * 2.0;
  second.close();
  CHECK(second.gradient(after + z, x).item<double>() == 0.0);
}

TEST_CASE("tapes that end in another order than they began leave the recorder whole") {
  const Tensor x(3.0);
  auto a = std::make_unique<GradientTape>();
  auto b = std::make_unique<GradientTape>();
  b->watch(x);
  a.reset();
  Tensor y = x * x;
  CHECK(b->gradient(y, x).item<double>() == 6.0);
  CHECK(by_tape([](const Tensor& t) { return t * t; }, x).item<double>() == 6.0);
}

TEST_CASE("a compiled function called under a tape is differentiated") {
  const Tensor x({0.4, -0.7});
  for (Level level : {Level::graph, Level::full}) {
    auto f = function([](const Tensor& t) { return sum(exp(t) * t); }, {.level = level});
    check_close(by_tape([&](const Tensor& t) { return f(t) * f(t); }, x),
                differences([&](const Tensor& t) { return f(t) * f(t); }, x));
  }
}

TEST_CASE("a gradient by a variable is one by the value that was watched, whatever was assigned since") {
  Variable w(Tensor({1.0f, 2.0f}), "w"), b(3.0f, "b");
  auto run = [&] {
    w = Tensor({1.0f, 2.0f});
    GradientTape tape({.persistent = true});
    tape.watch(w);
    tape.watch(b);
    const Tensor loss = sum(w * w) * b;
    w -= 0.5f;
    b += 0.0f;
    const auto both = tape.gradient(loss, {w, b});
    return std::tuple(tape.gradient(loss, w), both[0], both[1], w.value());
  };
  auto traced = burin::function(run);
  for (const auto& [g, first, second, now] : {run(), traced()}) {
    CHECK(g.to_vector<float>() == std::vector<float>{6, 12});
    CHECK(first.to_vector<float>() == std::vector<float>{6, 12});
    CHECK(second.item<float>() == 5);
    CHECK(now.to_vector<float>() == std::vector<float>{0.5f, 1.5f});
  }
}

TEST_CASE("variables that began with one tensor are told apart by a tape") {
  const Tensor start({1.0f, 2.0f});
  Variable a(start, "a"), b(start, "b");
  auto run = [&] {
    GradientTape outer({.persistent = true});
    outer.watch(a);
    GradientTape tape;
    tape.watch(a);
    tape.watch(b);
    tape.watch(a);
    const Tensor loss = sum(a * a * b);
    const auto g = tape.gradient(loss, {a, b});
    const Tensor twice = outer.gradient(sum(g[0]), a);
    return std::tuple(g[0], g[1], twice, outer.gradient(loss, a));
  };
  auto traced = burin::function(run);
  for (const auto& [first, second, twice, again] : {run(), traced()}) {
    CHECK(first.to_vector<float>() == std::vector<float>{2, 8});
    CHECK(second.to_vector<float>() == std::vector<float>{1, 4});
    CHECK(twice.to_vector<float>() == std::vector<float>{2, 4});
    CHECK(again.to_vector<float>() == std::vector<float>{2, 8});
  }
  CHECK(start.to_vector<float>() == std::vector<float>{1, 2});
}
