// jvp and vjp: forward mode against reverse mode and central differences, through control flow, nested, in every mode.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <functional>

using namespace burin;

namespace {

using Map = std::function<Tensor(const Tensor&)>;
struct Case {
  const char* name;
  Map map;
};

const Tensor point({0.4, -0.3, 0.9}), direction({0.5, 1.0, -0.7});

const std::vector<Case> cases = {
    {"arithmetic", [](const Tensor& x) { return (x * x - 2.0 / (x + 3.0)) / (x + 2.0) + (-x); }},
    {"broadcasting", [](const Tensor& x) { return reshape(x, {3, 1}) + sum(x) * x; }},
    {"elementwise",
     [](const Tensor& x) { return exp(tanh(x)) + log(x * x) + sqrt(x * x + 1.0) + abs(x) + softplus(x); }},
    {"max, min, where", [](const Tensor& x) { return max(x, 0.1) * min(x, 0.5) + where(x > 0.0, x * x, x); }},
    {"reductions", [](const Tensor& x) { return softmax(x) * reduce_max(x) + mean(x); }},
    {"matmul", [](const Tensor& x) { return matmul(reshape(x, {3, 1}) * x, reshape(x, {3, 1})); }},
    {"moves", [](const Tensor& x) { return transpose(concatenate({reshape(x, {1, 3}), broadcast_to(x, {2, 3})}, 0)); }},
    {"slices",
     [](const Tensor& x) {
       return pad(slice(x, {1}, {2}), sum(x), {1}, {1}) * concatenate({x, slice(x, {0}, {1})}, 0);
     }},
    {"gather and scatter",
     [](const Tensor& x) {
       Tensor at({2, 0, 2});
       return scatter(scatter_add(x, at, gather(x * x, at)), Tensor(1), sum(x), 0) + cumsum(x, 0);
     }},
    {"cast", [](const Tensor& x) { return cast(cast(x, f32), f64) * x; }},
    {"a loop",
     [](const Tensor& x) {
       Tensor y = x, i = std::int64_t{0};
       while_loop([&] { return i < 4; },
                  [&] {
                    y = tanh(y * 1.5) + x * 0.1;
                    i += 1;
                  },
                  {.max_trips = 4});
       return y;
     }},
    {"a branch",
     [](const Tensor& x) { return cond(sum(x) > 0.3, [&] { return x * x * x; }, [&] { return exp(x) * sum(x); }); }},
    {"scan",
     [](const Tensor& x) {
       return scan([&](const Tensor& c, const Tensor& v) { return std::pair(c * v + 1.0, tanh(c) * sum(x)); },
                   Tensor(0.5), x)
           .second;
     }},
};

std::vector<double> doubles(const Tensor& t) { return t.to_vector<double>(); }

void check_close(const Tensor& got, const std::vector<double>& want, double epsilon) {
  auto v = doubles(got);
  REQUIRE(v.size() == want.size());
  for (std::size_t i = 0; i < v.size(); ++i) CHECK(v[i] == Approx(want[i]).epsilon(epsilon).margin(epsilon));
}

Tensor along(const Map& f, double step) { return f(point + direction * step); }

}  // namespace

TEST_CASE("jvp agrees with central differences, eagerly, recorded and compiled") {
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      if (std::string(c.name) == "cast") continue;  // f32 steps: compared with vjp below
      const double h = 1e-6;
      const auto want = doubles((along(c.map, h) - along(c.map, -h)) / (2 * h));
      auto tangent = [&](const Tensor& x, const Tensor& v) { return jvp(c.map, x, v).second; };
      check_close(tangent(point, direction), want, 1e-6);
      check_close(function(tangent, {.level = Level::graph})(point, direction), doubles(tangent(point, direction)),
                  1e-12);
      check_close(function(tangent)(point, direction), doubles(tangent(point, direction)), 1e-10);
    }
  }
}

TEST_CASE("jvp and vjp are transposes of each other") {
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      auto gap = [&](const Tensor& x) {
        auto [y, dy] = jvp(c.map, x, direction);
        Tensor w = cast(cumsum(ones({y.size()}, f64)), f64);
        w = reshape(w, y.shape());
        auto [same, back] = vjp(c.map, x);
        return sum(dy * w) - sum(back(w) * direction);
      };
      CHECK(gap(point).item<double>() == Approx(0).margin(1e-6));
      CHECK(function(gap)(point).item<double>() == Approx(0).margin(1e-6));
    }
  }
}

TEST_CASE("forward over reverse, reverse over forward and forward over forward agree") {
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const Map loss = [&](const Tensor& x) { return sum(c.map(x) * c.map(x)); };
      auto forward_reverse = [&](const Tensor& x) { return jvp(grad(loss), x, direction).second; };
      auto reverse_forward = [&](const Tensor& x) {
        return grad([&](const Tensor& z) { return jvp(loss, z, direction).second; })(x);
      };
      auto twice_forward = [&](const Tensor& x) {
        auto slope = [&](const Tensor& z) { return jvp(loss, z, direction).second; };
        return jvp(slope, x, direction).second;
      };
      const bool cast_to_f32 = std::string(c.name) == "cast";  // which rounds
      const auto want = doubles(forward_reverse(point));
      check_close(reverse_forward(point), want, 1e-9);
      CHECK(twice_forward(point).item<double>() ==
            Approx(sum(Tensor(want, {3}) * direction).item<double>()).epsilon(cast_to_f32 ? 1e-7 : 1e-9));
      check_close(function(forward_reverse, {.level = Level::graph})(point), want, 1e-9);
      check_close(function(reverse_forward, {.level = Level::graph})(point), want, 1e-9);
      check_close(function(reverse_forward)(point), want, 1e-9);
    }
  }
}

TEST_CASE("derivatives pass through functions called eagerly") {
  auto f = function([](const Tensor& x) { return tanh(x) * sum(x); });
  CHECK(doubles(jvp(f, point, direction).second) ==
        doubles(jvp([](const Tensor& x) { return tanh(x) * sum(x); }, point, direction).second));
}

TEST_CASE("a derivative taken in lanes by a tensor from around them is differentiated further") {
  auto slopes = [](const Tensor& x) {
    auto forward = [&](const Tensor& v) { return jvp([](const Tensor& y) { return y * y * y; }, x, v).second; };
    auto reverse = [&](const Tensor& v) { return grad([&](const Tensor& y) { return y * y * y * v; })(x); };
    return sum(vmap(forward)(Tensor({1.0, 2.0})) + vmap(reverse)(Tensor({1.0, 2.0})));  // 18 x²
  };
  const Tensor x = 2.0;
  CHECK(grad(slopes)(x).item<double>() == 72.0);
  CHECK(jvp(slopes, x, Tensor(1.0)).second.item<double>() == 72.0);
  CHECK(function(grad(slopes))(x).item<double>() == 72.0);
}

TEST_CASE("vjp's pullback may be called more than once, with trees") {
  struct Two {
    Tensor a, b;
  };
  auto f = [](const Two& p) { return std::pair(p.a * p.b, sum(p.a)); };
  auto [y, back] = vjp(f, Two{Tensor({1.0f, 2.0f}), Tensor({3.0f, 4.0f})});
  CHECK(y.first.to_vector<float>() == std::vector<float>{3, 8});
  Two g = back({ones({2}), Tensor(0.0f)}), h = back({zeros({2}), Tensor(1.0f)});
  CHECK(g.a.to_vector<float>() == std::vector<float>{3, 4});
  CHECK(g.b.to_vector<float>() == std::vector<float>{1, 2});
  CHECK(h.a.to_vector<float>() == std::vector<float>{1, 1});
  CHECK(h.b.to_vector<float>() == std::vector<float>{0, 0});
  CHECK_THROWS_WITH(back({ones({3}), Tensor(0.0f)}), Catch::Contains("f32[3]; expected f32[2]"));
}

TEST_CASE("what jvp cannot take says so") {
  auto f = [](const Tensor& x) { return x * x; };
  CHECK_THROWS_WITH(jvp(f, Tensor({1.0f, 2.0f}), Tensor({1.0f})),
                    Catch::Contains("the tangent of 'x' is f32[1]; expected f32[2]"));
  CHECK_THROWS_WITH(jvp(f, Tensor({1, 2}), Tensor({1, 1})), Catch::Contains("'x' is i32[2]; a derivative needs"));
}

TEST_CASE("no derivative flows through stop_gradient") {
  auto f = [](const Tensor& x) { return sum(x * stop_gradient(x * x)); };
  for (auto level : {Level::eager, Level::graph, Level::full}) {
    auto g = function(grad(f), {.level = level});
    CHECK(g(Tensor({2.0f, 3.0f})).to_vector<float>() == std::vector<float>{4, 9});
  }
}
