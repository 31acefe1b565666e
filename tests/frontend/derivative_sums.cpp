// What flows back from many places to one value: summed in f32 where the value has 16 bits, from its own places only, and
// without those where it was thrown away. Eagerly, through the recorded graph, and compiled.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>

using namespace burin;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

/// f(x) as f32 numbers, at each level; they must agree with each other to the bit, NaN being equal to NaN.
template <class F> std::vector<float> at_all_levels(F f, const Tensor& x) {
  const std::vector<float> eager = cast(f(x), f32).template to_vector<float>();
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto g = function([&](const Tensor& t) { return Tensor(f(t)); }, {.level = level});
    const std::vector<float> y = cast(g(x), f32).template to_vector<float>();
    INFO("level " << static_cast<int>(level));
    CHECK(y == eager);
  }
  return eager;
}
using Numbers = std::vector<float>;

}  // namespace

TEST_CASE("the slope by the value that pads is the sum of the padding's cotangents") {
  auto slope = [](Dtype d, const Tensor& weights) {
    return [d, weights](const Tensor& v) {
      return grad([&](const Tensor& t) { return sum(cast(weights, d) * pad(zeros({4}, d), cast(t, d), {1}, {1})); })(v);
    };
  };
  const Tensor around({3.0f, 1e30f, -inf, 1e30f, 1.0f, 4.0f});  // 3 and 4 stand outside
  CHECK(at_all_levels(slope(f32, around), Tensor(0.5f)) == Numbers{7});
  CHECK(at_all_levels(slope(f64, around), Tensor(0.5f)) == Numbers{7});
  auto wide = [](const Tensor& v) {
    return grad([](const Tensor& t) { return sum(pad(zeros({4096}, bf16), t, {1}, {1})); })(cast(v, bf16));
  };
  CHECK(at_all_levels(wide, Tensor(1.0f)) == Numbers{2});
  auto between = [](const Tensor& v) {
    return grad([](const Tensor& t) { return sum(pad(zeros({3, 2}), t, {1, 0}, {0, 2}, {1, 0})); })(v);
  };
  CHECK(at_all_levels(between, Tensor(1.0f)) == Numbers{6.0f * 4.0f - 6.0f});
}

TEST_CASE("a bf16 slope that many places add to is summed in f32") {
  const Tensor one = cast(Tensor(1.0f), bf16), ones_1000 = ones({1000}, bf16);
  const Numbers wanted{1000};
  auto by = [](auto loss) {
    return [loss](const Tensor& w) { return grad([&](const Tensor& v) { return loss(v); })(w); };
  };
  SECTION("map") {
    CHECK(at_all_levels(
              by([&](const Tensor& w) { return sum(map([&](const Tensor& x) { return w * x; }, ones_1000)); }), one) ==
          wanted);
  }
  SECTION("vmap") {
    CHECK(at_all_levels(
              by([&](const Tensor& w) { return sum(vmap([&](const Tensor& x) { return w * x; })(ones_1000)); }), one) ==
          wanted);
  }
  SECTION("for_loop, in f32 but for the weight") {
    CHECK(at_all_levels(by([&](const Tensor& w) {
                          Tensor total = 0.0f;
                          for_loop(1000, [&](const Tensor&) { total = total + cast(w, f32); });
                          return total + 0.0f;
                        }),
                        one) == wanted);
  }
  SECTION("while_loop") {
    CHECK(at_all_levels(by([&](const Tensor& w) {
                          Tensor total = 0.0f, i = 0;
                          while_loop([&] { return i < 1000; },
                                     [&] {
                                       total = total + cast(w, f32);
                                       i += 1;
                                     },
                                     {.max_trips = 1000});
                          return total + 0.0f;
                        }),
                        one) == wanted);
  }
  SECTION("scan, with the weight carried along") {
    CHECK(at_all_levels(by([&](const Tensor& w) {
                          auto step = [](const std::pair<Tensor, Tensor>& c, const Tensor& x) {
                            return std::pair(std::pair(c.first, c.second + cast(c.first * x, f32)), std::tuple<>());
                          };
                          return scan(step, std::pair(w, Tensor(0.0f) + 0.0f), ones_1000).first.second;
                        }),
                        one) == wanted);
  }
  SECTION("a table whose row is read on each trip") {
    const Tensor table = ones({2, 1}, bf16);
    auto slope =
        by([&](const Tensor& t) { return sum(map([&](const Tensor& x) { return gather(t, 1) * x; }, ones_1000)); });
    CHECK(at_all_levels(slope, table) == Numbers{0, 1000});
  }
  SECTION("uses in a host loop") {
    CHECK(at_all_levels(by([&](const Tensor& w) {
                          Tensor total = 0.0f;
                          for (int i = 0; i < 300; ++i) total = total + cast(w, f32);
                          return total;
                        }),
                        one) == Numbers{300});
  }
  SECTION("broadcasting along two kinds of axes") {
    CHECK(at_all_levels(
              by([&](const Tensor& w) { return sum(cast(reshape(w, {1, 1}) * ones({4, 5, 50}, bf16), f32)); }), one) ==
          wanted);
  }
}

TEST_CASE("a lane's slope is that of the branch which it takes") {
  const Tensor x({4.0f, 0.0f, -1.0f});
  auto root = [](const Tensor& t) { return cond(t > 0.0f, [&] { return sqrt(t); }, [&] { return t * 1.0f; }); };
  const Numbers wanted{0.25f, 1, 1};
  CHECK(at_all_levels([&](const Tensor& t) { return grad([&](const Tensor& v) { return sum(vmap(root)(v)); })(t); },
                      x) == wanted);
  CHECK(at_all_levels([&](const Tensor& t) { return vmap(grad(root))(t); }, x) == wanted);
  CHECK(
      at_all_levels(
          [&](const Tensor& t) { return jvp([&](const Tensor& v) { return vmap(root)(v); }, t, ones_like(t)).second; },
          x) == wanted);
  SECTION("by what the lanes share") {
    // The branch of the first lane alone reads sqrt(w / t), and 1/t is inf in the second one.
    auto loss = [&](const Tensor& w) {
      return sum(vmap([&](const Tensor& t) {
        return cond(t > 0.0f, [&] { return sqrt(w / t); }, [&] { return w * t; });
      })(Tensor({1.0f, 0.0f, -1.0f})));
    };
    CHECK(at_all_levels([&](const Tensor& w) { return grad(loss)(w); }, Tensor(4.0f)) == Numbers{0.25f - 1});
  }
  SECTION("where no lane takes the branch") {
    auto loss = [&](const Tensor& w) {
      return sum(vmap([&](const Tensor& t) {
        return cond(t > 0.0f, [&] { return sqrt(w) * t; }, [&] { return w + t; });
      })(Tensor({0.0f, -1.0f})));
    };
    CHECK(at_all_levels([&](const Tensor& w) { return grad(loss)(w); }, Tensor(0.0f)) == Numbers{2});
  }
  SECTION("a loop that other lanes run on") {
    // Lanes stop at 0, where the slope of the square root is infinite.
    auto until_zero = [](const Tensor& t) {
      Tensor y = t, n = 0;
      while_loop([&] { return (y > 0.0f) & (n < 3); },
                 [&] {
                   y = sqrt(y) - 1.0f;
                   n += 1;
                 },
                 {.max_trips = 3});
      return y;
    };
    const Tensor starts({1.0f, 16.0f, 4.0f});
    const Numbers alone = vmap(grad(until_zero))(starts).to_vector<float>();
    for (float s : alone) CHECK(std::isfinite(s));
    CHECK(at_all_levels(
              [&](const Tensor& t) { return grad([&](const Tensor& v) { return sum(vmap(until_zero)(v)); })(t); },
              starts) == alone);
  }
}

TEST_CASE("a probability of 0 leaves an infinite logit out of the loss") {
  const Tensor p({0.25f, 0.75f, 0.0f});
  auto loss = [&](const Tensor& x) { return softmax_cross_entropy(reshape(x, {1, 3}), reshape(p, {1, 3})); };
  const Tensor x({0.0f, 0.0f, -inf});
  CHECK(at_all_levels(loss, x)[0] == Approx(std::log(2.0f)));
  CHECK(at_all_levels([&](const Tensor& t) { return grad(loss)(t); }, x) == Numbers{0.25f, -0.25f, 0});

  auto yes_or_no = [](const Tensor& targets) {
    return [targets](const Tensor& x) { return sigmoid_cross_entropy(x, targets); };
  };
  const Tensor certain({inf, -inf});
  for (const Tensor& t : {Tensor({1.0f, 0.0f}), Tensor({true, false})}) {
    CHECK(at_all_levels(yes_or_no(t), certain) == Numbers{0});
    CHECK(at_all_levels([&](const Tensor& x) { return grad(yes_or_no(t))(x); }, certain) == Numbers{0, 0});
  }
  CHECK(at_all_levels(yes_or_no(Tensor({0.0f, 1.0f})), certain) == Numbers{inf});
}

TEST_CASE("fold_in has a key for each integer") {
  const Tensor key = rng::key(7);
  auto words = [&](std::int64_t n) { return rng::fold_in(key, n).to_vector<std::uint32_t>(); };
  const std::int64_t all[] = {0, 1, -1, 4294967295, 4294967296, -4294967296, -4294967297, INT64_MIN, INT64_MAX};
  for (std::int64_t a : all)
    for (std::int64_t b : all) CHECK((words(a) == words(b)) == (a == b));
  CHECK(words(5) == rng::fold_in(key, Tensor(5)).to_vector<std::uint32_t>());
}

TEST_CASE("the eager slope of a scan takes time by its trips") {
  auto seconds = [](std::int64_t n) {
    const Tensor x = ones({n});
    auto loss = [](const Tensor& v) {
      auto step = [](const Tensor& c, const Tensor& t) { return std::pair(c * 0.5f + t, c * 1.0f); };
      return sum(scan(step, Tensor(0.0f) + 0.0f, v).second);
    };
    const auto start = std::chrono::steady_clock::now();
    const Numbers g = grad(loss)(x).to_vector<float>();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    CHECK(g[0] == Approx(2.0f));
    CHECK(g[static_cast<std::size_t>(n) - 1] == 0);
    return taken.count();
  };
  seconds(100);
  const double one = seconds(1000), eight = seconds(8000);
  CHECK(eight < 24 * one);  // 64 where each trip copies what all trips share
}

TEST_CASE("an eager vmap of a scan takes time by its trips") {
  auto seconds = [](std::int64_t n) {
    const Tensor x = broadcast_to(reshape(iota({n}, 0, f32), {1, n, 1}), {16, n, 256});
    auto sums = [](const Tensor& rows) {
      auto step = [](const Tensor& c, const Tensor& t) { return std::pair(c + t, c * 1.0f); };
      return scan(step, zeros({256}), rows).second;
    };
    const auto start = std::clock();
    const Tensor y = vmap(sums)(x);
    const auto taken = static_cast<double>(std::clock() - start);
    REQUIRE(y.type() == x.type());
    CHECK(all(y == cumsum(x, 1, true)).item<bool>());
    return taken;
  };
  seconds(50);
  const double one = std::min(seconds(100), seconds(100)), eight = std::min(seconds(800), seconds(800));
  CHECK(eight < 24 * one);  // some 60 where each trip copies what all trips write
}
