// Gradients against central differences in f64, eagerly and through a recorded graph; what cannot be differentiated says so.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <cmath>
#include <functional>
#include <limits>

using namespace burin;
using burin::test::differences;
using burin::test::Loss;

namespace {

struct Case {
  const char* name;
  Shape shape;
  Loss loss;
};

Tensor ramp(const Shape& shape) {  // distinct values away from the kinks of abs, max and relu
  std::vector<double> v(static_cast<std::size_t>(shape.num_elements().value()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = (i % 2 ? -1 : 1) * (0.35 + 0.21 * static_cast<double>(i));
  return Tensor(v, shape);
}
Tensor weights(const Shape& shape) {
  std::vector<double> v(static_cast<std::size_t>(shape.num_elements().value()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = std::sin(1.0 + 3.0 * static_cast<double>(i));
  return Tensor(v, shape);
}
Tensor weighted(const Tensor& y) { return sum(y * weights(y.shape())); }

const Tensor positions{std::vector<std::int64_t>{2, 0, 2, 1}};
const std::vector<Case> cases = {
    {"add", {2, 3}, [](const Tensor& x) { return weighted(x + x); }},
    {"sub, broadcasting", {3}, [](const Tensor& x) { return weighted(weights({2, 3}) - x); }},
    {"mul, broadcasting", {2, 1, 3}, [](const Tensor& x) { return weighted(x * reshape(x, {2, 3, 1})); }},
    {"div", {4}, [](const Tensor& x) { return weighted(1.0 / x + x / 3.0); }},
    {"neg", {4}, [](const Tensor& x) { return weighted(-x); }},
    {"max and min", {4}, [](const Tensor& x) { return weighted(max(x, 0.1) + min(x, weights({4}))); }},
    {"exp", {4}, [](const Tensor& x) { return weighted(exp(x)); }},
    {"log", {4}, [](const Tensor& x) { return weighted(log(x * x)); }},
    {"sqrt", {4}, [](const Tensor& x) { return weighted(sqrt(x * x + 1.0)); }},
    {"tanh", {4}, [](const Tensor& x) { return weighted(tanh(x)); }},
    {"abs", {4}, [](const Tensor& x) { return weighted(abs(x)); }},
    {"relu", {5}, [](const Tensor& x) { return weighted(relu(x)); }},
    {"where", {4}, [](const Tensor& x) { return weighted(where(x > 0.0, x * x, x)); }},
    {"cast", {4}, [](const Tensor& x) { return weighted(cast(x, f64) * 2.0); }},
    {"reduce_sum over one axis", {2, 3}, [](const Tensor& x) { return weighted(reduce_sum(x * x, 0)); }},
    {"reduce_sum keeping axes", {2, 3}, [](const Tensor& x) { return weighted(x * reduce_sum(x, {0, 1}, true)); }},
    {"reduce_max", {2, 3}, [](const Tensor& x) { return weighted(reduce_max(x, -1) * 2.0); }},
    {"mean", {2, 3}, [](const Tensor& x) { return weighted(mean(x * x, 1)); }},
    {"softmax", {2, 3}, [](const Tensor& x) { return weighted(softmax(x)); }},
    {"broadcast_to", {3, 1}, [](const Tensor& x) { return weighted(broadcast_to(x, {2, 3, 4})); }},
    {"transpose", {2, 3, 2}, [](const Tensor& x) { return weighted(transpose(x, {2, 0, 1})); }},
    {"reshape", {2, 6}, [](const Tensor& x) { return weighted(reshape(x, {3, 4})); }},
    {"concatenate", {2, 3}, [](const Tensor& x) { return weighted(concatenate({x * 2.0, x, weights({1, 3})}, 0)); }},
    {"slice with steps", {5, 3}, [](const Tensor& x) { return weighted(slice(x, {1, 0}, {2, 2}, {2, 1})); }},
    {"pad inside and out", {3}, [](const Tensor& x) { return weighted(pad(x, sum(x), {2}, {1}, 1)); }},
    {"gather", {3, 2}, [](const Tensor& x) { return weighted(gather(x, positions)); }},
    {"scatter_add", {4}, [](const Tensor& x) { return weighted(scatter_add(weights({3}), positions, x * x)); }},
    {"scatter_add into", {3}, [](const Tensor& x) { return weighted(scatter_add(x * x, positions, weights({4}))); }},
    {"matmul", {3, 2}, [](const Tensor& x) { return weighted(matmul(x, transpose(x))); }},
    {"matmul in batches",
     {2, 1, 2, 3},
     [](const Tensor& x) { return weighted(matmul(x, matmul(weights({4, 3, 2}), x))); }},
};

}  // namespace

TEST_CASE("each rule agrees with central differences, eagerly and recorded") {
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const Tensor x = ramp(c.shape);
      const auto want = differences(c.loss, x);
      const auto eager = grad(c.loss)(x).to_vector<double>();
      const auto recorded = function(grad(c.loss), {.level = Level::graph})(x).template to_vector<double>();
      REQUIRE(eager.size() == want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        CHECK(eager[i] == Approx(want[i]).epsilon(1e-5).margin(1e-7));
        CHECK(recorded[i] == Approx(eager[i]).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("gradients nest") {
  auto cube = [](const Tensor& x) { return x * x * x; };
  CHECK(grad(cube)(Tensor(2.0)).item<double>() == Approx(12));
  CHECK(grad(grad(cube))(Tensor(2.0)).item<double>() == Approx(12));
  CHECK(grad(grad(grad(cube)))(Tensor(2.0)).item<double>() == Approx(6));
}

TEST_CASE("relu has slope 0 at 0") {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x(std::vector<double>{-inf, -2, -0.0, 0, 1e-300, 3, inf, std::nan("")}, {8});
  const std::vector<double> want{0, 0, 0, 0, 1, 1, 1, 0};
  auto slope = grad([](const Tensor& t) { return sum(relu(t)); });
  CHECK(slope(x).to_vector<double>() == want);
  for (Level level : {Level::graph, Level::full})
    CHECK(function(slope, {.level = level})(x).to_vector<double>() == want);
  CHECK(jvp([](const Tensor& t) { return relu(t); }, x, ones({8}, f64)).second.to_vector<double>() == want);
}

TEST_CASE("softplus and its derivatives are right where e^x is not") {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x(std::vector<double>{-inf, -800, -1, 0, 800, inf, std::nan("")}, {7});
  auto total = [](const Tensor& t) { return sum(softplus(t)); };
  auto slope = grad(total)(x).to_vector<double>();
  CHECK(slope[0] == 0);
  CHECK(slope[1] == 0);
  CHECK(slope[2] == Approx(1 / (1 + std::exp(1))));
  CHECK(slope[3] == Approx(0.5));
  CHECK(slope[4] == 1);
  CHECK(slope[5] == 1);
  CHECK(std::isnan(slope[6]));
  auto bend = grad([&](const Tensor& t) { return sum(grad(total)(t)); })(x).to_vector<double>();
  CHECK(bend[0] == 0);
  CHECK(bend[1] == 0);
  CHECK(bend[3] == Approx(0.25));
  CHECK(bend[4] == 0);
  CHECK(bend[5] == 0);
}

// d/dx [x * d/dy (x + y)] = 1: an inner derivative must not confuse its own variable with the outer one.
TEST_CASE("an inner gradient does not see the outer variable as its own") {
  auto outer = [](const Tensor& x) { return x * grad([&](const Tensor& y) { return x + y; })(Tensor(1.0)); };
  CHECK(grad(outer)(Tensor(3.0)).item<double>() == 1);
  auto same = [](const Tensor& x) { return grad([&](const Tensor& y) { return x * y; })(x); };
  CHECK(same(Tensor(3.0)).item<double>() == 3);  // the captured x is no argument of the inner function
}

namespace {
struct Params {
  Tensor w, b, unused;
};
Tensor model(const Params& p, const Tensor& x) { return mean((matmul(x, p.w) + p.b) * (matmul(x, p.w) + p.b)); }
}  // namespace

TEST_CASE("value_and_grad gives the value and a gradient with the argument's tree") {
  const Params p{{{1.0f}, {2.0f}}, Tensor({0.5f}), {7.0f, 7.0f}};
  const Tensor x = {{1.0f, 1.0f}};
  auto [loss, g] = value_and_grad(model)(p, x);
  CHECK(loss.item<float>() == 12.25f);
  CHECK(g.w.to_vector<float>() == std::vector<float>{7, 7});
  CHECK(g.b.to_vector<float>() == std::vector<float>{7});
  CHECK(g.unused.to_vector<float>() == std::vector<float>{0, 0});
  auto traced =
      function([](const Params& q, const Tensor& t) { return value_and_grad(model)(q, t); }, {.level = Level::graph});
  auto [loss2, g2] = traced(p, x);
  CHECK(loss2.item<float>() == 12.25f);
  CHECK(g2.w.to_vector<float>() == g.w.to_vector<float>());
}

TEST_CASE("a compiled function called eagerly under a tape is differentiated through its graph") {
  auto square = function([](const Tensor& x) { return sum(x * x); }, {.level = Level::graph});
  Tensor k = {3.0, 4.0};
  auto scaled = function([&](const Tensor& x) { return sum(x * k); }, {.level = Level::graph});
  CHECK(grad([&](const Tensor& x) { return square(x) + scaled(x); })(Tensor({1.0, 2.0})).to_vector<double>() ==
        std::vector<double>{5, 8});
  CHECK(grad([&](const Tensor& x) { return sum(grad([&](const Tensor& y) { return square(y); })(x) * x); })(
            Tensor({1.0, 2.0}))
            .to_vector<double>() == std::vector<double>{4, 8});
}

TEST_CASE("host control flow works under an eager gradient") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    while_loop([&] { return y < 10.0; }, [&] { y = y * 2.0; });
    return y;
  };
  CHECK(grad(f)(Tensor(3.0)).item<double>() == 4);
}

TEST_CASE("what has no derivative says so") {
  const Tensor x = {1.0f, 2.0f};
  CHECK_THROWS_WITH(
      grad([](const Tensor& t) { return t * 2.0f; })(x),
      Catch::Contains("the function returned f32[2]; a gradient needs a scalar") && Catch::Contains("mean"));
  CHECK_THROWS_WITH(grad([](const Tensor& t) { return sum(t); })(Tensor({1, 2})),
                    Catch::Contains("'x' is i32[2]; a derivative needs bf16|f16|f32|f64"));
  // integer results carry nothing: no error, no gradient
  CHECK(grad([](const Tensor& t) { return sum(t * cast(argmin(t, 0), f32)); })(x).to_vector<float>() ==
        std::vector<float>{0, 0});
}

TEST_CASE("a number is a tensor to whatever takes derivatives") {
  auto cube = [](const Tensor& x) { return x * x * x; };
  CHECK(grad(cube)(2.0).item<double>() == 12);
  CHECK(value_and_grad(cube)(2.0f).first.item<float>() == 8);
  const auto [y, dy] = jvp(cube, 2.0, 0.5);
  CHECK(y.item<double>() == 8);
  CHECK(dy.item<double>() == 6);
  const auto [z, back] = vjp(cube, 2.0);
  CHECK(back(Tensor(1.0)).item<double>() == 12);
  CHECK(jacobian(cube)(2.0).item<double>() == 12);
  CHECK(hessian(cube)(2.0).item<double>() == 12);
  CHECK(hvp(cube, 2.0, 2.0).item<double>() == 24);
}
