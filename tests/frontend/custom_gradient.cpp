// Functions with a derivative of their own: through every mode that may meet them, and through files.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <cstdio>
#include <filesystem>
#include <unistd.h>

using namespace burin;
using burin::test::check_close;
using burin::test::differences;

namespace {

/// x³ with its true derivative times 10, so that one sees whose derivative was taken.
const auto cube = custom_gradient([](const Tensor& x) { return x * x * x; },
                                  [](const Tensor& x, const Tensor&, const Tensor& w) { return 30.0 * x * x * w; });
/// tanh by its own result: a true derivative.
const auto own_tanh =
    custom_gradient([](const Tensor& x) { return tanh(x); },
                    [](const Tensor&, const Tensor& y, const Tensor& w) { return w * (1.0 - y * y); });

const Tensor x({0.4, -0.3, 0.9});
auto cubes(Tensor t) {
  auto f = cube;
  return sum(f(t));
}
auto tanhs(Tensor t) {
  auto f = own_tanh;
  return sum(f(t) * t);
}
const std::vector<double> ten_times{30 * 0.16, 30 * 0.09, 30 * 0.81};

}  // namespace

TEST_CASE("custom_gradient's derivative is used eagerly, recorded, compiled, and under a tape") {
  CHECK(cubes(x).item<double>() == Approx(0.064 - 0.027 + 0.729));
  check_close(grad(cubes)(x), ten_times);
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function(cubes, {.level = level});
    CHECK(f(x).item<double>() == Approx(0.766));
    check_close(grad(f)(x), ten_times);
    check_close(function([](const Tensor& t) { return grad(cubes)(t); }, {.level = level})(x), ten_times);
  }
  GradientTape tape;
  tape.watch(x);
  check_close(tape.gradient(cubes(x), x), ten_times);
}

TEST_CASE("custom_gradient takes and gives trees") {
  struct Pair {
    Tensor a, b;
  };
  auto f = custom_gradient([](const Pair& p, const Tensor& s) { return std::pair(p.a * p.b * s, p.a); },
                           [](const Pair& p, const Tensor& s, const auto&, const std::pair<Tensor, Tensor>& w) {
                             return std::tuple(Pair{w.first * p.b * s + 100.0 * w.second, w.first * p.a * s}, Tensor());
                           });
  auto loss = [&](const std::tuple<Pair, Tensor>& t) {
    auto [y, z] = f(std::get<0>(t), std::get<1>(t));
    return sum(y) + sum(z);
  };
  auto [g, gs] = grad(loss)(std::tuple(Pair{Tensor({1.0, 2.0}), Tensor({3.0, 4.0})}, Tensor(2.0)));
  check_close(g.a, {106, 108});
  check_close(g.b, {2, 4});
  CHECK(gs.item<double>() == 0.0);  // what backward leaves undefined
}

TEST_CASE("integers among custom_gradient's arguments and results have no cotangent") {
  auto f = custom_gradient([](const Tensor& t, const Tensor& n) { return std::pair(t * cast(n, f64), n + 1); },
                           [](const Tensor&, const Tensor& n, const auto&, const std::pair<Tensor, Tensor>& w) {
                             CHECK(!w.second.defined());
                             return std::tuple(w.first * cast(n, f64) * 5.0, Tensor());
                           });
  auto loss = [&](const Tensor& t) { return sum(f(t, Tensor({1, 2, 3})).first); };
  check_close(grad(loss)(x), {5, 10, 15});
}

TEST_CASE("orders through custom_gradient") {
  const auto want = differences([](const Tensor& t) { return sum(grad(tanhs)(t)); }, x);
  auto second = [](const Tensor& t) { return grad([](const Tensor& s) { return sum(grad(tanhs)(s)); })(t); };
  check_close(second(x), want);
  check_close(function(second)(x), want);
  check_close(sum(hessian(tanhs)(x), 1), want);
}

TEST_CASE("custom_gradient in branches and loops") {
  auto loss = [](const Tensor& t) {
    auto f = own_tanh;
    Tensor y = t, i = std::int64_t{0};
    while_loop([&] { return i < 3; },
               [&] {
                 cond(equal(i, 1), [&] { y = f(y) * t; }, [&] { y = f(y + t); });
                 i += 1;
               },
               {.max_trips = 3});
    return sum(y);
  };
  const auto want = differences(loss, x);
  check_close(grad(loss)(x), want);
  for (Level level : {Level::graph, Level::full})
    check_close(function([&](const Tensor& t) { return grad(loss)(t); }, {.level = level})(x), want);
}

TEST_CASE("custom_gradient under vmap has its derivative, summed for what lanes share") {
  auto f = custom_gradient([](const Tensor& a, const Tensor& b) { return a * b; },
                           [](const Tensor& a, const Tensor& b, const Tensor&, const Tensor& w) {
                             return std::tuple(10.0 * w * b, 10.0 * w * a);
                           });
  const Tensor a({{1.0, 2.0}, {3.0, 4.0}}), b({5.0, 6.0});
  auto loss = [&](const std::pair<Tensor, Tensor>& p) {
    return sum(vmap([&](const Tensor& s, const Tensor& t) { return f(s, t); }, {.in_axes = {0, std::nullopt}})(
        p.first, p.second));
  };
  auto [ga, gb] = grad(loss)(std::pair(a, b));
  check_close(ga, {50, 60, 50, 60});
  check_close(gb, {40, 60});
  check_close(vmap([&](const Tensor& row) { return grad([&](const Tensor& t) { return sum(f(t, b)); })(row); })(a),
              {50, 60, 50, 60});
}

TEST_CASE("a captured tensor is a constant to custom_gradient") {
  const Tensor k(7.0);
  auto f = custom_gradient([&](const Tensor& t) { return t * k; },
                           [&](const Tensor&, const Tensor&, const Tensor& w) { return w * k * 2.0; });
  check_close(grad([&](const Tensor& t) { return sum(f(t)); })(x), {14, 14, 14});
  auto g = function([&](const Tensor& t, const Tensor& s) {
    auto h = custom_gradient([&](const Tensor& u) { return u * s; },
                             [&](const Tensor&, const Tensor&, const Tensor& w) { return w * s * 3.0; });
    return grad([&](const Tensor& u) { return sum(h(u)); })(t);
  });
  check_close(g(x, k), {21, 21, 21});
}

TEST_CASE("a saved function keeps its custom_gradient") {
  const std::string file =
      std::filesystem::temp_directory_path() / ("burin-custom-gradient-" + std::to_string(::getpid()) + ".burin");
  auto f = function(cubes, {.name = "cubes"});
  f(x);
  f.save(file);
  for (Level level : {Level::graph, Level::full}) {
    auto loaded = load(file, level);
    CHECK(loaded(x)[0].item<double>() == Approx(0.766));
    check_close(grad([&](const Tensor& t) { return loaded(t)[0]; })(x), ten_times);
  }
  std::remove(file.c_str());
}

TEST_CASE("what stop_gradient gives may be captured: it descends from nothing") {
  auto scaled = [](const Tensor& w) {
    const Tensor bound = stop_gradient(w) * 2;
    auto f = custom_gradient([&](const Tensor& x) { return x * bound; },
                             [](const Tensor&, const Tensor&, const Tensor& g) { return g * 5; });
    return sum(f(w * 3));
  };
  CHECK(grad(scaled)(Tensor({1.0f, 2.0f})).to_vector<float>() == std::vector<float>{15, 15});
  CHECK(grad([](const Tensor& w) { return sum(stop_gradient(w)); })(Tensor({1.0f})).to_vector<float>() ==
        std::vector<float>{0});
}
