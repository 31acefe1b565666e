// jacobian, hessian and hvp against what is known in closed form and against each other, in both modes.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

using namespace burin;
using burin::test::differences;

namespace {

void check_same(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(x[i] == Approx(y[i]).margin(1e-6));
}
/// Row by row, by central differences.
Tensor by_differences(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  const Tensor y = f(x);
  const auto n = y.shape().num_elements().value();
  std::vector<double> all;
  for (std::int64_t i = 0; i < n; ++i) {
    auto row = differences([&](const Tensor& t) { return sum(slice(reshape(f(t), {n}), {i}, {1})); }, x);
    all.insert(all.end(), row.begin(), row.end());
  }
  Shape shape = y.shape();
  for (Dim d : x.shape()) shape.push_back(d);
  return Tensor(all, shape);
}

Tensor mixed(const Tensor& x) { return matmul(tanh(x), Tensor({{1.0, -2.0}, {0.5, 0.3}})) * sum(x); }
const Tensor point({{0.4, -0.3}, {0.9, 0.2}, {-0.5, 0.1}});

}  // namespace

TEST_CASE("a jacobian has the result's sizes, then the argument's, in both modes") {
  const Tensor want = by_differences(mixed, point);
  CHECK(want.shape() == Shape{3, 2, 3, 2});
  for (Mode mode : {Mode::reverse, Mode::forward}) {
    check_same(jacobian(mixed, mode)(point), want);
    for (Level level : {Level::graph, Level::full})
      check_same(function([&](const Tensor& x) { return jacobian(mixed, mode)(x); }, {.level = level})(point), want);
  }
}

TEST_CASE("a jacobian of trees has a tree for each tensor of the result") {
  struct Pair {
    Tensor a, b;
  };
  auto f = [](const Pair& p) { return std::pair(p.a * p.b, sum(p.a) * 2.0); };
  const Pair x{Tensor({1.0, 2.0}), Tensor({3.0, 4.0})};
  for (Mode mode : {Mode::reverse, Mode::forward}) {
    const std::vector<Pair> rows = jacobian(f, mode)(x);
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].a.to_vector<double>() == std::vector<double>{3, 0, 0, 4});
    CHECK(rows[0].b.to_vector<double>() == std::vector<double>{1, 0, 0, 2});
    CHECK(rows[1].a.to_vector<double>() == std::vector<double>{2, 2});
    CHECK(rows[1].b.to_vector<double>() == std::vector<double>{0, 0});
  }
}

TEST_CASE("a reverse jacobian lets the function read values") {
  auto f = [](const Tensor& x) { return sum(x).item<double>() > 0 ? x * x : -x; };
  CHECK(jacobian(f)(Tensor({1.0, 2.0})).to_vector<double>() == std::vector<double>{2, 0, 0, 4});
}

TEST_CASE("a hessian agrees with differences of the gradient and with hvp, through control flow") {
  auto f = [](const Tensor& x) {
    Tensor y = x, i = std::int64_t{0};
    while_loop([&] { return i < 3; },
               [&] {
                 y = cond(sum(y) > 0.5, [&] { return tanh(y) * x; }, [&] { return y * y + x; });
                 i += 1;
               },
               {.max_trips = 3});
    return sum(y * x);
  };
  const Tensor x({0.4, -0.3, 0.9}), v({0.3, 1.0, -2.0});
  const Tensor want = by_differences([&](const Tensor& t) { return grad(f)(t); }, x);
  for (Mode mode : {Mode::reverse, Mode::forward}) check_same(hessian(f, mode)(x), want);
  check_same(function([&](const Tensor& t) { return hessian(f)(t); })(x), want);
  const Tensor product = reshape(matmul(want, reshape(v, {3, 1})), {3});
  check_same(hvp(f, x, v), product);
}

TEST_CASE("a hessian by a tree is a tree for each of its tensors") {
  struct Pair {
    Tensor a, b;
  };
  auto f = [](const Pair& p) { return sum(p.a * p.a * p.b) + sum(p.b); };
  const std::vector<Pair> h = hessian(f)(Pair{Tensor({1.0, 2.0}), Tensor(3.0)});
  REQUIRE(h.size() == 2);
  CHECK(h[0].a.to_vector<double>() == std::vector<double>{6, 0, 0, 6});
  CHECK(h[0].b.to_vector<double>() == std::vector<double>{2, 4});
  CHECK(h[1].a.to_vector<double>() == std::vector<double>{2, 4});
  CHECK(h[1].b.item<double>() == 0.0);
}

TEST_CASE("a jacobian is differentiated and batched like anything else") {
  auto f = [](const Tensor& x) { return x * x * x; };
  for (Mode mode : {Mode::reverse, Mode::forward}) {
    auto trace = [&](const Tensor& x) { return sum(jacobian(f, mode)(x)); };
    const Tensor x({1.0, 2.0});
    CHECK(grad(trace)(x).to_vector<double>() == std::vector<double>{6, 12});
    CHECK(jvp(trace, x, x).second.item<double>() == 30.0);
  }
  const Tensor lanes = vmap([&](const Tensor& x) { return jacobian(f)(x); })(Tensor({{1.0, 2.0}, {3.0, 4.0}}));
  CHECK(lanes.to_vector<double>() == std::vector<double>{3, 0, 0, 12, 27, 0, 0, 48});
}
