// for_loop, scan, map and switch_case: the same source eagerly, recorded and compiled, gradients included.
#include "tests/support/catch.h"

#include <burin/burin.h>
#include <burin/rt/rt.h>

#include <algorithm>
#include <functional>

using namespace burin;

namespace {

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }

/// What f gives for x eagerly, through the recorded graph and compiled; requires that they agree.
template <class F> std::vector<float> everywhere(F f, const Tensor& x) {
  auto eager = floats(f(x));
  CHECK(floats(function(f, {.level = Level::graph})(x)) == eager);
  CHECK(floats(function(f)(x)) == eager);
  return eager;
}

struct Pair {
  Tensor a, b;
};

}  // namespace

TEST_CASE("for_loop counts, and carries what it assigns") {
  auto horner = [](const Tensor& x) {
    Tensor y = zeros({2});
    for_loop(3, [&](const Tensor& i) { y = y * x + cast(i, f32); });
    return y;
  };
  CHECK(everywhere(horner, Tensor({2.0f, 3.0f})) == std::vector<float>{4, 5});
  auto counted = [](const Tensor& x) {
    Tensor y = x;
    for_loop(cast(sum(x), i32), [&](const Tensor&) { y = y + 1.0f; }, {.max_trips = 10});
    return y;
  };
  CHECK(everywhere(counted, Tensor({1.0f, 2.0f})) == std::vector<float>{4, 5});
  auto beyond_two = [](const Tensor& x) {  // no trip where that is negative
    Tensor y = x;
    for_loop(x.shape(0) - 2, [&](const Tensor&) { y = y * y; });
    return y;
  };
  auto slope = grad([&](const Tensor& x) { return sum(beyond_two(x)); });
  auto sized = function(beyond_two, {.signature = {spec<f32>({"n"})}});
  auto slope_sized = function(slope, {.signature = {spec<f32>({"n"})}});
  for (const Tensor& x : {Tensor({3.0f}), Tensor({1.0f, 2.0f, 3.0f})}) {
    CHECK(floats(sized(x)) == everywhere(beyond_two, x));
    CHECK(floats(slope_sized(x)) == everywhere(slope, x));
  }
  CHECK(floats(sized(Tensor({3.0f}))) == std::vector<float>{3});
}

TEST_CASE("scan carries and stacks, forwards and backwards") {
  auto sums = [](const Tensor& x) {
    auto [last, all] =
        scan([](const Tensor& c, const Tensor& v) { return std::pair(c + v, Pair{c + v, c * v}); }, Tensor(0.0f), x);
    return concatenate({all.a, all.b, expand_dims(last, 0)}, 0);
  };
  CHECK(everywhere(sums, Tensor({1.0f, 2.0f, 3.0f})) == std::vector<float>{1, 3, 6, 0, 2, 9, 6});
  auto backwards = [](const Tensor& x) {
    return scan([](const Tensor& c, const Tensor& v) { return std::pair(c * 0.5f + v, c); }, zeros({2}), x,
                {.reverse = true})
        .second;
  };
  CHECK(everywhere(backwards, Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}})) ==
        std::vector<float>{5.5, 7, 5, 6, 0, 0});
}

TEST_CASE("scan within scan, over a tree, along a named size") {
  auto nested = [](const Tensor& x) {
    return scan(
               [&](const Tensor& c, const Pair& row) {
                 auto [s, inner] =
                     scan([](const Tensor& d, const Tensor& v) { return std::pair(d + v, d * v); }, c, row.a);
                 return std::pair(s, inner + row.b);
               },
               Tensor(1.0f), Pair{x, x * 2.0f})
        .second;
  };
  const Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}};
  auto want = everywhere(nested, x);
  auto named = function(nested, {.signature = {spec<f32>({"rows", 2})}});
  CHECK(floats(named(x)) == want);
}

TEST_CASE("map applies to each position") {
  auto norms = [](const Tensor& m) { return map([](const Tensor& row) { return sqrt(sum(row * row)); }, m); };
  CHECK(everywhere(norms, Tensor({{3.0f, 4.0f}, {6.0f, 8.0f}})) == std::vector<float>{5, 10});
}

TEST_CASE("switch_case chooses by number") {
  for (int k : {-3, 0, 1, 2, 9}) {
    auto chosen = [k](const Tensor& x) {
      Tensor index = cast(sum(x) * 0.0f, i32) + k;
      return switch_case(index, [&] { return x; }, [&] { return x * x; }, [&] { return x + 100.0f; });
    };
    std::vector<float> want = k <= 0   ? std::vector<float>{2, 3}
                              : k == 1 ? std::vector<float>{4, 9}
                                       : std::vector<float>{102, 103};
    CHECK(everywhere(chosen, Tensor({2.0f, 3.0f})) == want);
  }
  CHECK(switch_case(1, [] { return 10; }, [] { return 20; }) == 20);
}

TEST_CASE("gradients pass through scan and for_loop") {
  auto rnn = [](const Tensor& w) {
    Tensor x = {{0.3, -0.2}, {0.5, 0.1}, {-0.4, 0.8}};
    auto [last, all] = scan(
        [&](const Tensor& h, const Tensor& v) {
          Tensor next = tanh(h * w + v);
          return std::pair(next, next * v);
        },
        zeros({2}, f64), x);
    Tensor y = last;
    for_loop(2, [&](const Tensor&) { y = y * y + w; });
    return sum(all) + sum(y);
  };
  const Tensor w({0.7, -1.1});
  const auto eager = grad(rnn)(w).to_vector<double>();
  const auto recorded = function(grad(rnn), {.level = Level::graph})(w).to_vector<double>();
  const auto compiled = function(grad(rnn))(w).to_vector<double>();
  for (std::size_t i = 0; i < eager.size(); ++i) {
    const double h = 1e-6;
    auto up = w.to_vector<double>(), down = up;
    up[i] += h;
    down[i] -= h;
    const double slope =
        (rnn(Tensor(up, w.shape())).item<double>() - rnn(Tensor(down, w.shape())).item<double>()) / (2 * h);
    CHECK(eager[i] == Approx(slope).epsilon(1e-6));
    CHECK(recorded[i] == Approx(eager[i]).epsilon(1e-12));
    CHECK(compiled[i] == Approx(eager[i]).epsilon(1e-10));
  }
}

TEST_CASE("a branch in a small loop may have nothing but a possible fault") {
  auto f = [](const Tensor& x) {
    Tensor y = x;
    for_loop(3, [&](const Tensor& i) {
      cond(i > 1, [&] {
        Tensor k = 0.0f;
        while_loop([&] { return k < sum(y); }, [&] { k += 1.0f; }, {.max_trips = 6});
      });
      y = y + 1.0f;
    });
    return y;
  };
  CHECK(everywhere(f, Tensor({1.0f})) == std::vector<float>{4});
  for (Level level : {Level::graph, Level::full})
    CHECK_THROWS_WITH(function(f, {.level = level})(Tensor({9.0f})), Catch::Contains("[trip-count]"));
}

TEST_CASE("what scan cannot do says so") {
  auto step = [](const Tensor& c, const Tensor& x) { return std::pair(c + sum(x), x); };
  CHECK_THROWS_WITH(scan(step, Tensor(0.0f), Tensor(1.0f)), Catch::Contains("has no axis to go along"));
  auto both = [](const Tensor& c, const Pair& x) { return std::pair(c + x.a, x.b); };
  CHECK_THROWS_WITH(scan(both, Tensor(0.0f), Pair{zeros({3}), zeros({4})}),
                    Catch::Contains("xs.b is f32[4]; expected a first axis of size 3"));
  CHECK_THROWS_WITH(scan(step, Tensor(0.0f), zeros({0, 2})), Catch::Contains("nothing to scan over"));
  auto grows = [](const Tensor& c, const Tensor& x) { return std::pair(concatenate({c, c}, 0), x); };
  for (bool traced : {false, true}) {
    auto run = [&](const Tensor& x) { return scan(grows, zeros({1}), x).second; };
    auto call = [&] { return traced ? function(run)(zeros({3})) : run(zeros({3})); };
    CHECK_THROWS_WITH(call(), Catch::Contains("carry") && Catch::Contains("f32[1] before the loop") &&
                                  Catch::Contains("f32[2] after a trip"));
  }
}

TEST_CASE("scan takes several positions a trip, and what is left") {
  auto sums = [](std::int64_t unroll, bool reverse) {
    return [=](const Tensor& x) {
      auto [last, all] = scan([](const Tensor& c, const Tensor& v) { return std::pair(c * 0.5f + v, c * v); },
                              Tensor(1.0f), x, {.reverse = reverse, .unroll = unroll});
      return concatenate({all, expand_dims(last, 0)}, 0);
    };
  };
  const Tensor x = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f};
  for (bool reverse : {false, true}) {
    const auto want = floats(sums(1, reverse)(x));
    for (std::int64_t unroll : {2, 5, 7}) {
      CHECK(everywhere(sums(unroll, reverse), x) == want);
      CHECK(floats(function(sums(unroll, reverse), {.signature = {spec<f32>({"n"})}})(x)) == want);
    }
  }
  auto loss = [&](std::int64_t unroll) { return [=](const Tensor& y) { return sum(sums(unroll, false)(y)); }; };
  CHECK(floats(grad(loss(2))(x)) == floats(grad(loss(1))(x)));
  CHECK(floats(function(grad(loss(2)))(x)) == floats(grad(loss(1))(x)));
  auto sized = function(grad(loss(3)), {.signature = {spec<f32>({"n"})}});  // no whole trip, no rest, both
  for (std::int64_t n : {1, 3, 5}) {
    const Tensor part = slice(x, {0}, {n});
    CHECK(floats(sized(part)) == floats(grad(loss(1))(part)));
  }
  CHECK_THROWS_WITH(sums(0, false)(x), Catch::Contains("scan: unroll is 0; expected 1 or more [scan-unroll]"));
  auto leaves = function([](const Tensor& y) {
    return scan(
               [](const Tensor& c, const Tensor& v) {
                 break_if(v > 2.0f);
                 return std::pair(c + v, c);
               },
               Tensor(0.0f), y, {.unroll = 2})
        .first;
  });
  CHECK_THROWS_WITH(leaves(x), Catch::Contains("break_if or continue_if, and unroll is above 1 [scan-unroll]"));
}

TEST_CASE("The gradient of what a loop takes slices of adds them up, also where a position is met again") {
  auto loss = [](const Tensor& x) {
    Tensor total = 0.0f;
    for_loop(6, [&](const Tensor& i) {
      Tensor a = gather(x, i / 2, 0), b = gather(x, Tensor(std::int64_t{2}) - i / 2, 0);
      total = total + a * b + sum(x * 0.25f);
    });
    return total;
  };
  // 2 (x0 x2 + x1 x1 + x2 x0) + 6 * 0.25 * (x0 + x1 + x2)
  const Tensor x = {1.0f, 2.0f, 3.0f};
  const std::vector<float> want = {13.5f, 9.5f, 5.5f};
  CHECK(floats(grad(loss)(x)) == want);
  CHECK(floats(function(grad(loss))(x)) == want);
  auto second = [&](const Tensor& y) { return sum(grad(loss)(y) * Tensor({1.0f, 10.0f, 100.0f})); };
  CHECK(floats(function(grad(second))(x)) == std::vector<float>{400, 40, 4});
}

TEST_CASE("A host loop that unrolls far is reported once, with its line and the remedy") {
  std::string warnings;
  burin_rt_set_warning_sink(
      [](void* user, const char* text, std::size_t n) { static_cast<std::string*>(user)->append(text, n) += '\n'; },
      &warnings);
  auto unrolled = function(
      [](const Tensor& x) {
        Tensor y = x;
        for (int i = 0; i < 6000; ++i) y = y + x;
        return y;
      },
      {.level = Level::graph});
  const auto line = std::to_string(__LINE__ - 4);
  unrolled(Tensor(1.0f));
  unrolled(Tensor({1.0f, 2.0f}));
  auto fine = function([](const Tensor& x) {
    Tensor y = x;
    for_loop(6000, [&](const Tensor&) { y = y + x; });
    return y;
  });
  CHECK(floats(fine(Tensor(1.0f))) == std::vector<float>{6001});
  burin_rt_set_warning_sink(nullptr, nullptr);
  CHECK_THAT(warnings, Catch::Contains("6000 of the trace's 6000 ops were recorded at ") &&
                           Catch::Contains("loops.cpp:" + line + "; a host loop over tensors is unrolled") &&
                           Catch::Contains("for_loop or scan"));
  CHECK(std::count(warnings.begin(), warnings.end(), '\n') == 1);
}

TEST_CASE("Loops over few scalars are kernels: nested, with branches, vectors of some elements, every dtype") {
  auto collatz = [](const Tensor& x) {  // the most steps of the numbers up to x, and who takes them
    Tensor best = std::int64_t{0}, most = std::int64_t{0}, n = std::int64_t{1};
    const Tensor end = cast(x, i64);
    while_loop([&] { return n < end; },
               [&] {
                 Tensor steps = std::int64_t{0}, m = n;
                 while_loop([&] { return m > 1; },
                            [&] {
                              cond(equal(m / 2 * 2, m), [&] { m = m / 2; }, [&] { m = 3 * m + 1; });
                              steps = steps + 1;
                            });
                 best = where(most < steps, n, best);
                 most = max(most, steps);
                 n = n + 1;
               });
    return cast(concatenate({expand_dims(best, 0), expand_dims(most, 0)}, 0), f32);
  };
  CHECK(everywhere(collatz, Tensor(30.0f)) == std::vector<float>{27, 111});
  auto turn = [](const Tensor& x) {
    Tensor y = x, some = cast(Tensor({0.0f, 0.0f}), bf16);
    for_loop(5, [&](const Tensor& i) {
      y = transpose(y) * 0.5f + cast(iota({3, 3}, 1, i32), f32) * cast(i, f32);
      some = some + cast(reshape(slice(y, {0, 1}, {2, 1}), {2}) + reduce_max(y, {0, 1}), bf16);
      some = some - cast(reshape(slice(reduce_sum(y, 0, true), {0, 1}, {1, 2}), {2}), bf16);
    });
    return concatenate({reshape(y, {9}), cast(some, f32), expand_dims(sum(y), 0)}, 0);
  };
  everywhere(turn, reshape(iota({9}, 0, f32), {3, 3}));
}
