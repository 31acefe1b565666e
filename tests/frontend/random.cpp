// Random numbers: known answers, one stream in all modes, the distributions (fixed seeds, stated bounds), wrong use.
#include "tests/support/child.h"

#include <burin/burin.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <thread>

using namespace burin;

namespace {

const Level all_levels[] = {Level::eager, Level::graph, Level::no_fuse, Level::full};
using Words = std::vector<std::uint32_t>;

template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return std::string(e.error.tag) + ": " + e.error.message; }
  return "no error";
}

std::vector<double> doubles(const Tensor& t) { return cast(t, f64).to_vector<double>(); }

// Kolmogorov and Smirnov's distance from a distribution, times √n: above 1.95 in one of 1,000 samples.
template <class F> double distance(std::vector<double> x, F&& cdf) {
  std::sort(x.begin(), x.end());
  double d = 0;
  const double n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]), k = static_cast<double>(i);
    d = std::max({d, f - k / n, (k + 1) / n - f});
  }
  return d * std::sqrt(n);
}
double phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

// Pearson's sum, as standard deviations from its mean: above 3.3 in less than one of 1,000 samples.
double surprise(const std::vector<double>& counts, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (sum - freedom) / std::sqrt(2 * freedom);
}

struct Moments {
  double mean = 0, deviation = 0, skew = 0, kurtosis = 0;
};
Moments moments(const std::vector<double>& x) {
  Moments m;
  const double n = static_cast<double>(x.size());
  for (double v : x) m.mean += v / n;
  double two = 0, three = 0, four = 0;
  for (double v : x) {
    const double d = v - m.mean;
    two += d * d / n, three += d * d * d / n, four += d * d * d * d / n;
  }
  m.deviation = std::sqrt(two);
  m.skew = three / (two * m.deviation);
  m.kurtosis = four / (two * two);
  return m;
}

}  // namespace

TEST_CASE("the words are those that Random123 publishes for philox4x32-10") {
  auto words = [](const Words& key, const Words& counter) {
    return random_bits(Tensor(key), Tensor(counter), {4}).to_vector<std::uint32_t>();
  };
  const std::uint32_t ones = 0xffffffff;
  CHECK(words({0, 0}, {0, 0, 0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words({ones, ones}, {ones, ones, ones, ones}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  // What is drawn first is the block of counter 0 under the seed's key, what is drawn next begins a block.
  CHECK(rng::bits(rng::key(0), {4}).to_vector<std::uint32_t>() == words({0, 0}, {0, 0, 0, 0}));
  Generator g(0xffffffff00000001u);
  CHECK(rng::bits(g, {4}).to_vector<std::uint32_t>() == words({1, ones}, {0, 0, 0, 0}));
  rng::bits(g, {5});
  CHECK(rng::bits(g, {4}).to_vector<std::uint32_t>() == words({1, ones}, {3, 0, 0, 0}));
}

TEST_CASE("a generator's stream is one in eager, interpreted and compiled code") {
  std::vector<std::vector<double>> want;
  for (Level level : all_levels) {
    INFO("level " << static_cast<int>(level));
    Generator g(7, "g");
    auto f = function(
        [&](const Tensor& p) {
          std::vector<Tensor> all{rng::uniform(g, {5}), rng::normal(g, {3, 2}), rng::bernoulli(g, p),
                                  rng::normal(g, {3}, f64), rng::uniform(g, {3}, -1, p)};
          all.push_back(rng::categorical(g, Tensor({0.0f, 1.0f, 2.0f}), {4}));
          all.push_back(rng::permutation(g, 6));
          all.push_back(rng::dropout(g, ones({6}), 0.5));
          all.push_back(rng::truncated_normal(g, {3}));
          all.push_back(rng::uniform(g, {3}, bf16));
          all.push_back(g.key());
          return all;
        },
        {.level = level});
    std::vector<std::vector<double>> got;
    for (int call = 0; call < 3; ++call) {
      for (auto& t : f(Tensor({0.2f, 0.5f, 0.8f}))) got.push_back(doubles(t));
      got.push_back(doubles(rng::normal(g, {2})));  // and goes on outside
    }
    if (want.empty()) want = got;
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      for (std::size_t k = 0; k < got[i].size(); ++k) CHECK(got[i][k] == Approx(want[i][k]).epsilon(1e-5).margin(1e-7));
    CHECK(got[0] != got[12]);
    CHECK(f.stats().traces == (level == Level::eager ? 0 : 1));
  }
}

TEST_CASE("a saved function draws from a key what it drew before") {
  auto f = function([](const Tensor& key) { return std::pair(rng::bits(key, {9}), rng::normal(key, {5})); });
  const Tensor k = rng::key(12);
  const auto [words, x] = f(k);
  test::TemporaryFolder folder;
  const std::string file = folder.path / "random.burin";
  f.save(file);
  for (Level level : {Level::graph, Level::full}) {
    const auto out = load(file, level)(k);
    CHECK(out[0].to_vector<std::uint32_t>() == words.to_vector<std::uint32_t>());
    for (std::size_t i = 0; i < 5; ++i) CHECK(out[1].data<float>()[i] == Approx(x.data<float>()[i]));
  }
}

TEST_CASE("draws in loops, branches and nested functions follow the program") {
  std::vector<std::vector<float>> want;
  for (Level level : all_levels) {
    Generator g(11);
    auto inner = function([&](const Tensor& x) { return x + rng::uniform(g, {3}); }, {.level = level});
    auto f = function(
        [&](const Tensor& x) {
          Tensor y = x;
          for_loop(3, [&](const Tensor&) { y = y + rng::uniform(g, {3}); });
          cond(sum(y) > 4, [&] { y = y - rng::uniform(g, {3}); });
          return inner(inner(y));
        },
        {.level = level});
    std::vector<std::vector<float>> got;
    for (int i = 0; i < 4; ++i) got.push_back(f(zeros({3})).to_vector<float>());
    if (want.empty()) want = got;
    for (std::size_t i = 0; i < got.size(); ++i)
      for (std::size_t k = 0; k < 3; ++k) CHECK(got[i][k] == Approx(want[i][k]));
  }
}

TEST_CASE("sizes with names draw what known sizes do") {
  Generator g(3), h(3);
  auto f = function(
      [&](const Tensor& x) {
        Tensor a = rng::normal(g, x.shape(), f64), b = rng::permutation(g, x.shape(0));
        return std::pair(x + cast(a, f32), b);
      },
      {.signature = {spec<f32>({"n"})}});
  for (std::int64_t n : {5, 8, 1}) {
    auto [a, b] = f(zeros({n}));
    const Tensor x = rng::normal(h, {n}, f64), y = rng::permutation(h, n);
    CHECK(b.to_vector<std::int64_t>().size() == static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      CHECK(a.data<float>()[i] == Approx(x.data<double>()[i]).margin(1e-6));
  }
  CHECK(f.stats().traces == 1);
}

TEST_CASE("a call that fails draws nothing, and a seed begins anew") {
  Generator g(5), same(5);
  auto f = function([&](const Tensor& i) { return gather(rng::uniform(g, {4}), i); });
  CHECK_THROWS_AS(f(Tensor({4})), DeviceError);
  CHECK(f(Tensor({0, 1, 2, 3})).to_vector<float>() == rng::uniform(same, {4}).to_vector<float>());
  g.seed(5);
  same.seed(5);
  CHECK(f(Tensor({0, 1, 2, 3})).to_vector<float>() == rng::uniform(same, {4}).to_vector<float>());
  CHECK(f.stats().traces == 2);  // of one index and of four
  Generator copy = g;            // the same stream
  rng::bits(copy, {4});
  rng::bits(same, {4});
  CHECK(rng::bits(g, {4}).to_vector<std::uint32_t>() == rng::bits(same, {4}).to_vector<std::uint32_t>());
}

TEST_CASE("keys that are split, folded and drawn share no words") {
  const Tensor k = rng::key(1);
  std::set<std::uint32_t> seen;
  std::size_t count = 0;
  auto note = [&](const Tensor& key) {
    for (auto w : rng::bits(key, {64}).to_vector<std::uint32_t>()) seen.insert(w), ++count;
  };
  const Tensor keys = rng::split(k, 5);
  note(k);
  for (std::int64_t i = 0; i < 5; ++i) note(gather(keys, i));
  for (std::int64_t i : {0, 1, 2, -1}) note(rng::fold_in(k, i));
  Generator g(k);
  note(g.key());
  note(g.key());
  Generator child = g.split();
  note(child.key());
  CHECK(seen.size() == count);
  CHECK(rng::split(k, 5).to_vector<std::uint32_t>() == keys.to_vector<std::uint32_t>());
  CHECK(rng::fold_in(k, 7).to_vector<std::uint32_t>() == rng::fold_in(k, Tensor(7) + 0).to_vector<std::uint32_t>());
}

// -- distributions -----------------------------------------------------------------------------------------------------

TEST_CASE("uniform numbers are uniform") {
  for (Dtype dtype : {f32, f64, bf16}) {
    const auto x = doubles(rng::uniform(rng::key(101), {40000}, dtype));
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    CHECK(*low >= 0);
    CHECK(*high < 1);
    const double grain = dtype == bf16 ? 0x1p-8 : 0;
    CHECK(distance(x, [&](double v) { return v; }) < 1.95 + 200 * grain);
    const auto m = moments(x);
    CHECK(m.mean == Approx(0.5 - grain / 2).margin(0.006));
    CHECK(m.deviation == Approx(std::sqrt(1 / 12.0)).margin(0.004));
  }
  const auto y = doubles(rng::uniform(rng::key(102), {10000}, -2, 5));
  CHECK(distance(y, [](double v) { return (v + 2) / 7; }) < 1.95);
  const Tensor bounds = rng::uniform(rng::key(103), {2, 3}, Tensor({0.0f, 10.0f, 20.0f}), Tensor({1.0f, 11.0f, 21.0f}));
  for (std::size_t i = 0; i < 6; ++i) CHECK(std::floor(bounds.data<float>()[i]) == static_cast<float>(i % 3) * 10);
}

TEST_CASE("normal numbers are normal") {
  for (Dtype dtype : {f32, f64}) {
    const auto x = doubles(rng::normal(rng::key(104), {40000}, dtype));
    CHECK(distance(x, phi) < 1.95);
    const auto m = moments(x);
    CHECK(m.mean == Approx(0).margin(0.02));
    CHECK(m.deviation == Approx(1).margin(0.015));
    CHECK(m.skew == Approx(0).margin(0.05));
    CHECK(m.kurtosis == Approx(3).margin(0.1));
  }
  const auto y = moments(doubles(rng::normal(rng::key(105), {20000}, 3, 0.5f)));
  CHECK(y.mean == Approx(3).margin(0.015));
  CHECK(y.deviation == Approx(0.5).margin(0.01));
  CHECK(rng::normal(rng::key(1), {3}, bf16).dtype() == bf16);
}

TEST_CASE("a normal number is the quantile of its uniform one") {
  const Tensor k = rng::key(106);
  constexpr std::int64_t n = 20000;
  const auto words = rng::bits(k, {n}).to_vector<std::uint32_t>();
  const auto x = rng::normal(k, {n}).to_vector<float>();
  for (std::size_t i = 0; i < n; ++i) {
    const double u = ((words[i] >> 9) + 0.5) * 0x1p-23;
    // The slope of the quantile turns an error of u into one of x.
    const double slope = std::exp(-0.5 * x[i] * x[i]) / std::sqrt(2 * std::numbers::pi);
    CHECK(std::abs(phi(x[i]) - u) / slope < 2e-6 * std::max(1.0, std::abs(double(x[i]))));
  }
  const auto next = random_bits(k, Tensor(Words{n / 4, 0, 0, 0}), {n}).to_vector<std::uint32_t>();
  const auto y = rng::normal(k, {n}, f64).to_vector<double>();
  for (std::size_t i = 0; i < n; ++i) {
    const double u = ((words[i] >> 6) * 0x1p26 + (next[i] >> 6) + 0.5) * 0x1p-52;
    const double slope = std::exp(-0.5 * y[i] * y[i]) / std::sqrt(2 * std::numbers::pi);
    CHECK(std::abs(phi(y[i]) - u) / slope < 1e-14 * std::max(1.0, std::abs(y[i])) + 4e-16 / slope);
  }
}

TEST_CASE("truncated normal numbers keep their bounds") {
  struct Bounds {
    double low, high;
  };
  for (auto [low, high] : {Bounds{-2, 2}, Bounds{0, 5}, Bounds{1, 1.5}, Bounds{-5, -3}}) {
    const auto x = doubles(rng::truncated_normal(rng::key(107), {10000}, low, high, f64));
    const auto [least, most] = std::minmax_element(x.begin(), x.end());
    CHECK(*least >= low);
    CHECK(*most <= high);
    const double from = phi(low), to = phi(high);
    CHECK(distance(x, [&](double v) { return (phi(v) - from) / (to - from); }) < 1.95);
    for (float v : rng::truncated_normal(rng::key(108), {500}, low, high).to_vector<float>()) {
      CHECK(v >= static_cast<float>(low));
      CHECK(v <= static_cast<float>(high));
    }
  }
}

TEST_CASE("bernoulli and categorical draws have their probabilities") {
  const std::vector<float> p = {0.0f, 0.1f, 0.5f, 0.9f, 1.0f};
  const auto hits = doubles(sum(cast(rng::bernoulli(rng::key(109), Tensor(p), {20000, 5}), f64), 0));
  CHECK(hits[0] == 0);
  CHECK(hits[4] == 20000);
  for (std::size_t i = 1; i < 4; ++i)
    CHECK(std::abs(hits[i] - 20000 * p[i]) < 3.3 * std::sqrt(20000 * p[i] * (1 - p[i])));
  CHECK(rng::bernoulli(rng::key(1), 0.3f).dtype() == boolean);

  const std::vector<double> want = {0.1, 0.2, 0.3, 0.4};
  const Tensor logits = log(Tensor({{0.1, 0.2, 0.3, 0.4}, {4.0, 3.0, 2.0, 1.0}}));
  const Tensor drawn = rng::categorical(rng::key(110), logits, {20000});
  CHECK(drawn.type() == TensorType{i64, {20000, 2}});
  for (std::size_t row = 0; row < 2; ++row) {
    std::vector<double> counts(4), expected(4);
    for (std::size_t i = 0; i < 20000; ++i) ++counts[static_cast<std::size_t>(drawn.data<std::int64_t>()[2 * i + row])];
    for (std::size_t c = 0; c < 4; ++c) expected[c] = 20000 * (row == 0 ? want[c] : want[3 - c]);
    CHECK(surprise(counts, expected) < 3.3);
  }
  CHECK(rng::categorical(rng::key(1), logits).type() == TensorType{i64, {2}});
}

TEST_CASE("permutations hold each number once, each order as often") {
  for (std::int64_t n : {0, 1, 2, 7, 1000, 3000}) {
    auto p = rng::permutation(rng::key(111), n).to_vector<std::int64_t>();
    if (n >= 1000) CHECK_FALSE(std::is_sorted(p.begin(), p.end()));
    std::sort(p.begin(), p.end());
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(p[i] == static_cast<std::int64_t>(i));
    CHECK(p.size() == static_cast<std::size_t>(n));
  }
  Generator g(112);
  auto four = function([&] { return rng::permutation(g, 4); });
  std::vector<double> counts(24), places(16);
  constexpr int trials = 4800;
  for (int t = 0; t < trials; ++t) {
    auto p = four().to_vector<std::int64_t>();
    std::size_t rank = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      std::size_t less = 0;
      for (std::size_t j = i + 1; j < 4; ++j) less += p[j] < p[i];
      rank = rank * (4 - i) + less;
      ++places[4 * i + static_cast<std::size_t>(p[i])];
    }
    ++counts[rank];
  }
  CHECK(surprise(counts, std::vector<double>(24, trials / 24.0)) < 3.3);
  for (double c : places) CHECK(c == Approx(trials / 4.0).margin(3.5 * std::sqrt(trials * 3 / 16.0)));
}

TEST_CASE("dropout keeps the mean, and its gradient what it kept") {
  const Tensor k = rng::key(113), x = ones({20000}) * 3.0f;
  const auto y = doubles(rng::dropout(k, x, 0.25));
  double kept = 0;
  for (double v : y) {
    CHECK((v == 0 || v == 4));
    kept += v != 0;
  }
  CHECK(std::abs(kept - 15000) < 3.3 * std::sqrt(20000 * 0.25 * 0.75));
  const auto g = doubles(grad([&](const Tensor& v) { return sum(rng::dropout(k, v, 0.25)); })(x));
  for (std::size_t i = 0; i < g.size(); ++i) CHECK(g[i] == Approx(y[i] / 3));
  CHECK(rng::dropout(k, x, 0).to_vector<float>() == x.to_vector<float>());
}

TEST_CASE("draws are differentiable in their parameters") {
  Generator g(114);
  auto [y, slope] =
      value_and_grad([&](const Tensor& s) { return sum(rng::normal(g, {5}, s * 2, s, f64)); })(Tensor(3.0));
  g.seed(114);
  CHECK(slope.item<double>() == Approx(10 + sum(rng::normal(g, {5}, f64)).item<double>()));
}

// -- vmap, threads, wrong use ------------------------------------------------------------------------------------------

TEST_CASE("lanes get the same numbers or numbers of their own, as asked") {
  for (Level level : all_levels) {
    Generator g(21), h(21);
    auto noisy = [&](const Tensor& x) {
      const Tensor first = rng::uniform(g, {3}), second = rng::uniform(g, {});
      return x + (first + second);
    };
    auto run = [&](Randomness r) {
      return function([&](const Tensor& xs) { return vmap(noisy, {.randomness = r})(xs); }, {.level = level});
    };
    const Tensor xs = zeros({4, 3});
    const Tensor same = run(Randomness::same)(xs), a = rng::uniform(h, {3}), b = rng::uniform(h, {});
    CHECK(doubles(same) == doubles(broadcast_to(a + b, {4, 3})));
    const Tensor different = run(Randomness::different)(xs), c = rng::uniform(h, {4, 3}), d = rng::uniform(h, {4, 1});
    CHECK(doubles(different) == doubles(c + d));
    // Nested: the outer lanes draw for the inner ones.
    auto twice = vmap(
        [&](const Tensor& rows) {
          return vmap([&](const Tensor& x) { return x + rng::uniform(g, {}); },
                      {.randomness = Randomness::different})(rows);
        },
        {.randomness = Randomness::same});
    CHECK(doubles(twice(zeros({2, 3}))) == doubles(broadcast_to(rng::uniform(h, {3}), {2, 3})));
    CHECK(doubles(rng::uniform(g, {2})) == doubles(rng::uniform(h, {2})));
  }
  Generator g(22);
  const Tensor xs = zeros({4});
  auto lane = [&](const Tensor& x) { return x + rng::uniform(g, {}); };
  CHECK(error_of([&] { vmap(lane)(xs); }).find("randomness: vmap: its function draws from a Generator;") == 0);
  auto looping = [&](const Tensor& x) {
    Tensor y = x;
    for_loop(2, [&](const Tensor&) { y = y + rng::uniform(g, {}); });
    return y;
  };
  CHECK(error_of([&] {
          vmap(looping, {.randomness = Randomness::same})(xs);
        }).find("randomness: vmap: its function draws from a Generator in a branch or loop") == 0);
  auto keyed = vmap([](const Tensor& key) { return rng::normal(key, {3}); });
  const Tensor keys = rng::split(rng::key(23), 4), rows = keyed(keys);
  for (std::int64_t i = 0; i < 4; ++i) CHECK(doubles(gather(rows, i)) == doubles(rng::normal(gather(keys, i), {3})));
}

TEST_CASE("threads that draw from one generator get no number twice") {
  for (Level level : all_levels) {
    Generator g(31);
    auto f = function([&] { return rng::bits(g, {8}); }, {.level = level});
    std::vector<std::vector<std::uint32_t>> got(4);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i)
          for (auto w : f().to_vector<std::uint32_t>()) got[t].push_back(w);
      });
    for (auto& t : threads) t.join();
    std::multiset<std::uint32_t> all, want;
    for (auto& list : got) all.insert(list.begin(), list.end());
    for (auto w : rng::bits(rng::key(31), {800}).to_vector<std::uint32_t>()) want.insert(w);
    CHECK(all == want);
  }
}

TEST_CASE("wrong use of random numbers says what is wrong") {
  Generator g(1);
  const Tensor k = rng::key(1), wide = Tensor(Words{1, 2, 3});
  CHECK(error_of([&] { rng::uniform(wide, {2}); }) == "key: random: the key is u32[3]; expected u32[2]");
  CHECK(error_of([&] { rng::split(Tensor({1, 2})); }) == "key: rng::split: the key is i32[2]; expected u32[2]");
  CHECK(error_of([&] { Generator made(wide); }) == "key: Generator: the key is u32[3]; expected u32[2]");
  CHECK(error_of([&] { rng::fold_in(k, 1.5f); }).find("data: ") == 0);
  CHECK(error_of([&] { rng::normal(g, {2}, i32); }).find("dtype: rng::normal: numbers of i32") == 0);
  CHECK(error_of([&] { rng::bernoulli(g, Tensor({1, 2})); }).find("dtype: rng::bernoulli") == 0);
  CHECK(error_of([&] { rng::truncated_normal(g, {2}, 2, 1); }).find("bounds: ") == 0);
  CHECK(error_of([&] { rng::truncated_normal(g, {2}, 3, 9); }).find("bounds: ") == 0);
  CHECK(error_of([&] { rng::dropout(g, ones({2}), 1); }).find("rate: rng::dropout: the rate is 1.0") == 0);
  CHECK(error_of([&] { rng::categorical(g, Tensor(1.0f)); }).find("rank: ") == 0);
  CHECK(error_of([&] { rng::uniform(g, {-1}); }).find("negative-size: ") == 0);
  CHECK(error_of([&] { function([&] { return g.split().key(); })(); }).find("variable-in-trace: ") == 0);
}
