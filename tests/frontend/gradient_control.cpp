// Gradients through recorded control flow: the same lambda eagerly (where control flow runs on values), recorded, and
// compiled, against central differences.
#include "tests/support/catch.h"
#include "tests/support/differences.h"

#include <burin/burin.h>

#include <functional>

using namespace burin;
using burin::test::differences;
using burin::test::Loss;

namespace {

struct Case {
  const char* name;
  Loss loss;
};

Tensor sines(const Tensor& x, int trips, LoopOptions options) {
  Tensor y = x, i = std::int64_t{0};
  while_loop([&] { return i < trips; },
             [&] {
               y = tanh(y * 1.5) + x * 0.1;
               i += 1;
             },
             options);
  return sum(y * x);
}

const std::vector<Case> cases = {
    {"a loop that reads no values",
     [](const Tensor& x) {
       Tensor y = x;
       while_loop([&] { return sum(y) < 10.0; }, [&] { y = y * 2.0; });
       return sum(y * y);
     }},
    {"a bounded loop that keeps values", [](const Tensor& x) { return sines(x, 5, {.max_trips = 7}); }},
    {"a loop of no trips", [](const Tensor& x) { return sines(x, 0, {.max_trips = 3}); }},
    {"a captured value in a loop",
     [](const Tensor& x) {
       Tensor y = ones({3}, f64), w = x * x;
       while_loop([&] { return reduce_max(y) < 3.0; }, [&] { y = y + exp(y * w * 0.01) * 0.3; }, {.max_trips = 50});
       return sum(y * w);
     }},
    {"a carried value that becomes active in the second trip",
     [](const Tensor& x) {
       Tensor a = zeros({3}, f64), b = zeros({3}, f64), i = std::int64_t{0};
       while_loop([&] { return i < 4; },
                  [&] {
                    Tensor old = b;
                    b = b * 0.5 + x;
                    a = a * a * 0.1 + old * old;
                    i += 1;
                  },
                  {.max_trips = 4});
       return sum(a);
     }},
    {"a branch",
     [](const Tensor& x) {
       return cond(sum(x) > 0.3, [&] { return sum(x * x * x); }, [&] { return sum(exp(x)) * sum(x); });
     }},
    {"a branch that assigns, one side only",
     [](const Tensor& x) {
       Tensor y = x * 2.0;
       cond(sum(x) < 0.0, [&] { y = exp(y); });
       cond(sum(x) > 0.0, [&] { y = tanh(y) * x; });
       return sum(y);
     }},
    {"a branch in a loop",
     [](const Tensor& x) {
       Tensor y = x, i = std::int64_t{0};
       while_loop([&] { return i < 5; },
                  [&] {
                    cond(equal(i, 2), [&] { y = y * y; }, [&] { y = tanh(y) + x; });
                    i += 1;
                  },
                  {.max_trips = 5});
       return sum(y);
     }},
    {"a loop in a branch",
     [](const Tensor& x) {
       Tensor y = x;
       cond(sum(x) > 0.0, [&] {
         Tensor i = std::int64_t{0};
         while_loop([&] { return i < 3; },
                    [&] {
                      y = tanh(y) * x + y;
                      i += 1;
                    },
                    {.max_trips = 3});
       });
       return sum(y * y);
     }},
    {"a loop in a loop",
     [](const Tensor& x) {
       Tensor y = x, i = std::int64_t{0};
       while_loop([&] { return i < 3; },
                  [&] {
                    Tensor j = std::int64_t{0};
                    while_loop([&] { return j < i + 1; },
                               [&] {
                                 y = tanh(y) + x * 0.2;
                                 j += 1;
                               },
                               {.max_trips = 3});
                    y = y * x;
                    i += 1;
                  },
                  {.max_trips = 3});
       return sum(y);
     }},
};

}  // namespace

TEST_CASE("gradients through control flow agree with central differences, eagerly, recorded and compiled") {
  const Tensor x({0.4, -0.3, 0.9});
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const auto want = differences(c.loss, x);
      const auto eager = grad(c.loss)(x).to_vector<double>();
      const auto recorded = function(grad(c.loss), {.level = Level::graph})(x).template to_vector<double>();
      const auto compiled = function(grad(c.loss))(x).template to_vector<double>();
      for (std::size_t i = 0; i < want.size(); ++i) {
        CHECK(eager[i] == Approx(want[i]).epsilon(1e-5).margin(1e-7));
        CHECK(recorded[i] == Approx(eager[i]).epsilon(1e-12));
        CHECK(compiled[i] == Approx(eager[i]).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("gradients of gradients pass through control flow") {
  const Tensor x({0.4, -0.3, 0.9}), v({0.2, 0.5, -0.7});
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const Loss slope = [&](const Tensor& p) { return sum(grad(c.loss)(p) * v); };
      const auto want = differences(slope, x);
      const auto recorded = function(grad(slope), {.level = Level::graph})(x).template to_vector<double>();
      const auto compiled = function(grad(slope))(x).template to_vector<double>();
      for (std::size_t i = 0; i < want.size(); ++i) {
        CHECK(recorded[i] == Approx(want[i]).epsilon(1e-4).margin(1e-6));
        CHECK(compiled[i] == Approx(recorded[i]).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("an unbounded loop whose derivative keeps values says what it needs") {
  auto f = grad([](const Tensor& x) {
    Tensor y = x;
    while_loop([&] { return y < 10.0f; }, [&] { y = y * y; });
    return y;
  });
  CHECK(f(Tensor(2.0f)).item<float>() == 32);
  CHECK_THROWS_WITH(function(f, {.level = Level::graph})(Tensor(2.0f)),
                    Catch::Contains("while_loop: its gradient needs to know how often it runs at most") &&
                        Catch::Contains("max_trips") && Catch::Contains("gradient_control.cpp"));
}

TEST_CASE("what a branch hands on as it is has its derivative once") {
  auto same = function([](Tensor x) { return x; }, {.level = Level::graph});
  auto loss = [&](const Tensor& x) {
    Tensor y = x;
    cond(sum(x) > 0.0, [&] { y = same(y); });
    return sum(y) + sum(x * x);
  };
  const Tensor x({0.5, -0.25});
  const std::vector<double> want{2.0, 0.5};
  CHECK(grad(loss)(x).to_vector<double>() == want);
  for (Level level : {Level::graph, Level::full})
    CHECK(function(grad(loss), {.level = level})(x).to_vector<double>() == want);
}

TEST_CASE("lanes that take different branches: what each saves for its derivative is no matter of the other's") {
  auto f = [](const Tensor& v) {  // loops that keep no values, of 3 trips and of none; a pole at 0
    return cond(
        v > 0.0,
        [&] {
          Tensor y = log(1.0 + v * v);
          for_loop(3, [&](const Tensor&) { y = y * 2.0; });
          return y;
        },
        [&] {
          Tensor y = v * v * v;
          for_loop(0, [&](const Tensor&) { y = y * 5.0; });
          return y;
        });
  };
  const Tensor x({0.5, -0.5});
  auto first = [&](const Tensor& t) { return vmap(grad(f))(t); };
  auto second = [&](const Tensor& t) { return grad([&](const Tensor& s) { return sum(first(s)); })(t); };
  auto third = [&](const Tensor& t) { return grad([&](const Tensor& s) { return sum(second(s)); })(t); };
  const std::vector<double> want[] = {{6.4, 0.75}, {7.68, -3.0}, {-22.528, 6.0}};
  int order = 0;
  for (const Loss& d : {Loss(first), Loss(second), Loss(third)}) {
    for (const Tensor& made : {d(x), function(d, {.level = Level::graph})(x), function(d)(x)}) {
      const auto got = made.to_vector<double>();
      for (std::size_t i = 0; i < 2; ++i) CHECK(got[i] == Approx(want[order][i]));
    }
    ++order;
  }
  const auto jacobians = vmap([&](const Tensor& v) { return jacobian(f)(v); })(x).to_vector<double>();
  for (std::size_t i = 0; i < 2; ++i) CHECK(jacobians[i] == Approx(want[0][i]));
}
