// Gradients by variables: through functions, regions and other variables, eagerly and traced.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <functional>

using namespace burin;
using burin::test::check_close;

namespace {

const Level traced_levels[] = {Level::graph, Level::no_fuse, Level::full};

template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return std::string(e.error.tag) + ": " + e.error.message; }
  return "no error";
}

// By central differences of `f`.
std::vector<double> slopes(const std::function<double()>& f, Variable v) {
  const std::vector<double> x = v.to_vector<double>();
  std::vector<double> out;
  constexpr double h = 1e-6;
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto at = [&](double d) {
      auto moved = x;
      moved[i] += d;
      v = Tensor(moved, v.shape());
      return f();
    };
    const double up = at(h), down = at(-h);
    out.push_back((up - down) / (2 * h));
  }
  v = Tensor(x, v.shape());
  return out;
}

}  // namespace

TEST_CASE("gradients by variables agree with central differences, eagerly and traced") {
  Variable w(Tensor({{0.5, -1.0}, {2.0, 0.25}}), "w"), b(Tensor({0.1, -0.2}), "b"), unused(1.0);
  const Tensor x = {{1.0, 2.0}, {-1.0, 0.5}, {0.25, 0.75}};
  auto layer = function([&](const Tensor& h) { return tanh(matmul(h, w) + b); });
  auto update = function([&] {
    b = b * 2 + sum(w) * 0.01;
    return sum(b);
  });
  auto loss = [&] {
    Tensor h = x;
    const Tensor old = b;
    for_loop(2, [&](const Tensor&) { h = layer(h) + h * b; });
    cond(sum(h) > 0, [&] { h = matmul(h, w); }, [&] { h = h - matmul(h, w); });
    Tensor y = mean(h * h) + update();  // what is read behind an assignment descends too
    y = y + sum(b * old);
    b = old;
    return y;
  };
  const auto by_w = slopes([&] { return loss().item<double>(); }, w);
  const auto by_b = slopes([&] { return loss().item<double>(); }, b);
  const double value = loss().item<double>();
  auto check = [&](const Tensor& y, const std::vector<Tensor>& g) {
    CHECK(y.item<double>() == Approx(value));
    check_close(g[0], by_w);
    check_close(g[1], by_b);
    check_close(g[2], {0});
  };
  auto eager = value_and_grad(loss, {w, b, unused});
  check(eager.first, eager.second);
  for (Level level : traced_levels) {
    auto f = function([&] { return value_and_grad(loss, {w, b, unused}); }, {.level = level});
    for (int again = 0; again < 2; ++again) {
      auto out = f();
      check(out.first, out.second);
    }
    CHECK(f.stats().traces == 1);
  }
  check_close(b, {0.1, -0.2});
}

TEST_CASE("a gradient by a tensor holds variables constant, one by variables holds tensors constant") {
  Variable v(3.0);
  const Tensor before = v;  // the value, not the variable
  auto f = [&](const Tensor& x) { return x * x * v + v * v; };
  CHECK(grad(f)(Tensor(2.0)).item<double>() == 12);
  CHECK(grad([&](const Tensor& q) { return q * v; })(v).item<double>() == 3);
  CHECK(value_and_grad([&] { return v * before * 2; }, {v}).second[0].item<double>() == 6);
  for (Level level : traced_levels) {
    auto g = function(
        [&] {
          Tensor old = v;
          return value_and_grad([&] { return v * old * 2; }, {v}).second[0];
        },
        {.level = level});
    CHECK(g().item<double>() == 6);
  }
}

TEST_CASE("variables that began with one tensor have derivatives of their own") {
  const Tensor start = {1.0, 2.0};
  Variable a(start), b(start);
  auto loss = [&] { return sum(a * a * b); };
  auto [y, g] = value_and_grad(loss, {a, b});
  CHECK(y.item<double>() == 9);
  check_close(g[0], {2, 8});
  check_close(g[1], {1, 4});
  for (Level level : traced_levels) {
    auto f = function([&] { return value_and_grad(loss, {a, b}).second; }, {.level = level});
    auto out = f();
    check_close(out[0], {2, 8});
    check_close(out[1], {1, 4});
  }
}

TEST_CASE("a GradientTape watches the value of a variable") {
  Variable v(3.0), w(2.0);
  auto f = [&] {
    GradientTape tape({.persistent = true});
    tape.watch(v);
    tape.watch(w);
    Tensor y = v * v * w;
    std::vector<Tensor> both = tape.gradient(y, {v, w});
    both.push_back(tape.gradient(y, v));
    return both;
  };
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto g = function(f, {.level = level})();
    CHECK(g[0].item<double>() == 12);
    CHECK(g[1].item<double>() == 9);
    CHECK(g[2].item<double>() == 12);
  }
}

TEST_CASE("second derivatives by variables") {
  Variable v(2.0);
  auto cube = [&] { return v * v * v; };
  auto slope = [&] { return value_and_grad(cube, {v}).second[0]; };
  CHECK(value_and_grad(slope, {v}).second[0].item<double>() == 12);
  for (Level level : traced_levels)
    CHECK(function([&] { return value_and_grad(slope, {v}).second[0]; }, {.level = level})().item<double>() == 12);
}

TEST_CASE("a training step over variables runs in place and agrees with the eager one") {
  auto train = [](Level level, std::vector<const void*>* memory) {
    Variable w(Tensor({{0.5f, -1.0f}, {2.0f, 0.25f}}) + 0, "w"), steps(0.0f, "steps");
    const Tensor x = {{1.0f, 2.0f}, {-1.0f, 0.5f}}, t = {{1.0f, 0.0f}, {0.0f, 1.0f}};
    auto step = function(
        [&](const Tensor& in, const Tensor& target) {
          auto [loss, g] = value_and_grad(
              [&] {
                Tensor d = matmul(in, w) - target;
                return mean(d * d);
              },
              {w});
          w -= 0.1f * g[0];
          steps += 1;
          return loss;
        },
        {.level = level});
    float last = 0;
    for (int i = 0; i < 20; ++i) {
      last = step(x, t).item<float>();
      if (memory) memory->push_back(w.value().data<float>());
    }
    CHECK(steps.item<float>() == 20);
    return std::pair(last, w.to_vector<float>());
  };
  const auto [want_loss, want] = train(Level::eager, nullptr);
  CHECK(want_loss < 0.5f);
  for (Level level : traced_levels) {
    std::vector<const void*> memory;
    const auto [loss, got] = train(level, &memory);
    CHECK(loss == Approx(want_loss));
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]));
    if (level != Level::graph) CHECK(memory.back() == memory[5]);
  }
}

TEST_CASE("a derivative by variables says what is wrong") {
  Variable v(Tensor({1.0f, 2.0f}), "v"), n(3, "n");
  auto loss = [&] { return sum(v); };
  CHECK(error_of([&] { value_and_grad(loss, {v, v}); }) == "same-variable: grad: variable 'v' is given twice");
  CHECK(error_of([&] { value_and_grad(loss, std::vector<Variable>{}); }).find("no-tensors: ") == 0);
  CHECK(error_of([&] { value_and_grad(loss, {n}); }).find("dtype: grad: 'n' is i32[]") == 0);
  CHECK(error_of([&] { value_and_grad([&] { return v * 2; }, {v}); }).find("scalar-loss: ") == 0);
  CHECK(error_of([&] {
          value_and_grad(
              [&]() -> Tensor {
                v = v + 1;
                throw InvalidArgument({ErrorCode::invalid_argument, "mine", "mine", "", ""});
              },
              {v});
        }) == "mine: mine");
  CHECK(v.to_vector<float>() == std::vector<float>{2, 3});
  CHECK(sum(v).item<float>() == 5);  // no tape was left
}
