// The checks of docs/tracing-checks.md that no other file holds: identity, keys, aliases of results, odd sizes of graphs,
// loops at their edges, composition of transforms with loaded functions.
#include "tests/support/catch.h"

#include "compiler/graph/graph.h"
#include <burin/burin.h>

#include <burin/rt/rt.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

using namespace burin;

namespace {

const FunctionOptions graph_level{.level = Level::graph};
const std::vector<Level> levels = {Level::graph, Level::no_fuse, Level::full};
const Tensor x = {1.0f, 2.0f};

std::vector<float> floats(const Tensor& t) { return t.to_vector<float>(); }
Tensor twice(const Tensor& t) { return t * 2; }

std::size_t carried_by_loops(const Graph& g) {
  std::size_t n = 0;
  auto visit = [&](auto& self, BlockId b) -> void {
    for (OpId o : g.block(b).ops) {
      if (g.op(o).kind == OpKind::while_) n += g.op(o).num_operands;
      for (BlockId r : g.op(o).regions) self(self, r);
    }
  };
  visit(visit, BlockId::top);
  return n;
}

}  // namespace

// ---- Capture and identity --------------------------------------------------------------------------------------------

TEST_CASE("each function object has its own traces, copies share them") {
  auto f = function(twice, graph_level), g = function(twice, graph_level), copy = f;
  f(x);
  copy(x);
  g(x);
  CHECK(f.stats().traces == 1);
  CHECK(copy.stats().calls == 2);
  CHECK(g.stats().traces == 1);
}

TEST_CASE("a function outlives the scope of its lambda and of what that captured by value") {
  auto make = [] {
    const Tensor k = {10.0f, 20.0f};
    auto f = function([k](const Tensor& t) { return t + k; }, {.level = Level::full});
    f(x);
    return f;
  };
  auto f = make();
  CHECK(floats(f(x)) == std::vector<float>{11, 22});
  CHECK(floats(f(Tensor({{1.0f, 1.0f}}))) == std::vector<float>{11, 21});
  CHECK(f.stats().traces == 2);
}

// ---- Keys ------------------------------------------------------------------------------------------------------------

TEST_CASE("a dtype, a rank and a shape are a trace each, and going back is a hit") {
  auto f = function(twice, graph_level);
  const std::vector<Tensor> kinds = {x, cast(x, f64), Tensor({1, 2}), Tensor({{1.0f, 2.0f}}),
                                     Tensor({1.0f, 2.0f, 3.0f})};
  for (int round = 0; round < 2; ++round)
    for (const Tensor& t : kinds) CHECK(f(t).type() == t.type());
  CHECK(f.stats().traces == kinds.size());
  CHECK(f.stats().calls == 2 * kinds.size());
}

namespace {
template <class T> struct Static {
  T value;
  Tensor t;
};
}  // namespace

TEST_CASE("static 1, true and 1.0 are three keys") {
  auto f = function([](const auto& s) { return s.t * static_cast<float>(s.value); }, graph_level);
  for (int round = 0; round < 2; ++round) {
    f(Static<int>{1, x});
    f(Static<bool>{true, x});
    f(Static<double>{1.0, x});
    f(Static<float>{1.0f, x});
    f(Static<long>{1, x});
  }
  CHECK(f.stats().traces == 5);
}

TEST_CASE("static values are compared whole, not by their hash") {
  auto f = function([](const Tensor& t, const std::string& s) { return t + static_cast<float>(s.size()); },
                    {.level = Level::graph, .max_entries = 5000});
  std::string name(3, ' ');
  for (int i = 0; i < 4000; ++i) {
    for (int k = 0, v = i; k < 3; ++k, v /= 16) name[static_cast<std::size_t>(k)] = static_cast<char>('a' + v % 16);
    f(x, name);
  }
  CHECK(f.stats().traces == 4000);
  f(x, "aaa");
  CHECK(f.stats().traces == 4000);
}

TEST_CASE("the order in which a map was filled is no part of the key, its keys are") {
  auto f = function([](const std::map<std::string, Tensor>& m) { return m.begin()->second - m.rbegin()->second; },
                    graph_level);
  std::map<std::string, Tensor> one, other;
  one["a"] = x;
  one["b"] = x * 2;
  other["b"] = x * 2;
  other["a"] = x;
  CHECK(floats(f(one)) == std::vector<float>{-1, -2});
  CHECK(floats(f(other)) == std::vector<float>{-1, -2});
  CHECK(f.stats().traces == 1);
  other["c"] = x;
  f(other);
  one.erase("b");
  one["z"] = x;
  f(one);
  CHECK(f.stats().traces == 3);
}

TEST_CASE("an unordered map filled in another order gives the same result") {
  auto f = function([](const std::unordered_map<int, Tensor>& m) { return m.at(1) - m.at(2) * m.at(33); }, graph_level);
  const Tensor a = {5.0f}, b = {2.0f}, c = {3.0f};
  std::unordered_map<int, Tensor> one{{1, a}, {2, b}, {33, c}}, other{{33, c}, {2, b}, {1, a}};
  CHECK(floats(f(one)) == std::vector<float>{-1});
  CHECK(floats(f(other)) == std::vector<float>{-1});
}

TEST_CASE("an absent optional is another key than a present one") {
  auto f =
      function([](const Tensor& t, const std::optional<Tensor>& bias) { return bias ? t + *bias : t; }, graph_level);
  for (int round = 0; round < 2; ++round) {
    CHECK(floats(f(x, std::nullopt)) == std::vector<float>{1, 2});
    CHECK(floats(f(x, x)) == std::vector<float>{2, 4});
  }
  CHECK(f.stats().traces == 2);
}

TEST_CASE("one tensor may be given twice, and the trace does not rely on it") {
  for (Level level : levels) {
    auto f = function([](const Tensor& a, const Tensor& b) { return a * 10 + b; }, {.level = level});
    CHECK(floats(f(x, x)) == std::vector<float>{11, 22});
    CHECK(floats(f(x, x * 2)) == std::vector<float>{12, 24});
    CHECK(f.stats().traces == 1);
  }
}

// ---- Results ---------------------------------------------------------------------------------------------------------

TEST_CASE("two results of one value, and results fed back, stay apart") {
  for (Level level : levels) {
    auto f = function(
        [](const Tensor& t) {
          Tensor y = t + 1;
          return std::pair(y, y);
        },
        {.level = level});
    auto [a, b] = f(x);
    std::vector<Tensor> kept{a};
    for (int i = 0; i < 3; ++i) {
      auto [c, d] = f(kept.back());
      CHECK(floats(c) == floats(d));
      kept.push_back(c);
    }
    for (std::size_t i = 0; i < kept.size(); ++i)
      CHECK(floats(kept[i]) == std::vector<float>{2 + static_cast<float>(i), 3 + static_cast<float>(i)});
    CHECK(floats(b) == std::vector<float>{2, 3});
    auto g = function(
        [](Tensor& state) {
          state = state * 2;
          return state;
        },
        {.level = level});
    Tensor s = a;
    const Tensor first = g(s), second = g(s);
    CHECK(floats(first) == std::vector<float>{4, 6});
    CHECK(floats(second) == std::vector<float>{8, 12});
    CHECK(floats(a) == std::vector<float>{2, 3});
  }
}

TEST_CASE("a result may be an input, a constant, or nothing; and there may be no input") {
  for (Level level : levels) {
    CHECK(floats(function([](const Tensor& t) { return t; }, {.level = level})(x)) == std::vector<float>{1, 2});
    CHECK(floats(function([](const Tensor&) { return Tensor({7.0f}); }, {.level = level})(x)) == std::vector<float>{7});
    auto none = function([] { return Tensor({1.0f}) + 2; }, {.level = level});
    CHECK(floats(none()) == std::vector<float>{3});
    CHECK(floats(none()) == std::vector<float>{3});
    CHECK(none.stats().traces == 1);
    function([](const Tensor&) {}, {.level = level})(x);
    CHECK(function([](const Tensor&) { return std::vector<Tensor>(); }, {.level = level})(x).empty());
  }
}

TEST_CASE("NaN and infinities are constants like others") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (Level level : levels) {
    const auto y =
        floats(function([&](const Tensor& t) { return concatenate({t * inf, t + nan, t - inf, max(t, -inf)}, 0); },
                        {.level = level})(x));
    CHECK(y[0] == inf);
    CHECK(std::isnan(y[2]));
    CHECK(y[4] == -inf);
    CHECK(y[7] == 2);
  }
}

TEST_CASE("many inputs and results, a deep graph and a long name are no trouble") {
  std::vector<Tensor> many;
  for (int i = 0; i < 80; ++i) many.push_back(Tensor({static_cast<float>(i)}));
  for (Level level : levels) {
    auto f = function(
        [](const std::vector<Tensor>& ts) {
          std::vector<Tensor> out;
          for (std::size_t i = 0; i < ts.size(); ++i) out.push_back(ts[i] + ts[ts.size() - 1 - i] * 2);
          return out;
        },
        {.name = std::string(600, 'n'), .level = level});
    const auto out = f(many);
    REQUIRE(out.size() == many.size());
    for (int i = 0; i < 80; ++i)
      CHECK(out[static_cast<std::size_t>(i)].item<float>() == static_cast<float>(i + 2 * (79 - i)));
    auto deep = function(
        [](const Tensor& t) {
          Tensor y = t;
          for (int i = 0; i < 300; ++i) y = (i % 2 ? y - 1 : y * 1.0f + 2);
          return y;
        },
        {.level = level});
    CHECK(floats(deep(x)) == std::vector<float>{151, 152});
  }
}

// ---- Control flow ----------------------------------------------------------------------------------------------------

TEST_CASE("a loop of no trips gives what it began with") {
  auto f = [](const Tensor& t) {
    Tensor y = t;
    for_loop(0, [&](const Tensor&) { y = y * 3; });
    for_loop(cast(sum(t), i32) - 5, [&](const Tensor&) { y = y * 5; });  // a negative count
    while_loop([&] { return sum(y) < 0; }, [&] { y = y * 7; });
    return y;
  };
  CHECK(floats(f(x)) == std::vector<float>{1, 2});
  for (Level level : levels) CHECK(floats(function(f, {.level = level})(x)) == std::vector<float>{1, 2});
  auto empty = [](const Tensor& t) {
    auto [c, ys] = scan([](const Tensor& s, const Tensor& v) { return std::pair(s + v, s); }, Tensor(1.0f), t);
    return concatenate({expand_dims(c, 0), ys}, 0);
  };
  for (Level level : levels) CHECK(floats(function(empty, {.level = level})(zeros({0}))) == std::vector<float>{1});
  auto counted = [](const Tensor& t) {
    auto step = [&](const Tensor& c, const std::tuple<>&) { return std::pair(c * 2, c + t); };
    return scan(step, Tensor(1.0f), std::tuple<>(), {.length = 3}).second;
  };
  for (Level level : levels)
    CHECK(floats(function(counted, {.level = level})(x)) == std::vector<float>{2, 3, 3, 4, 5, 6});
}

TEST_CASE("what the body does happens once a trip, whatever it stands in") {
  static int printed;
  printed = 0;
  burin_rt_set_print_sink(
      [](void*, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*, const void*) { ++printed; },
      nullptr);
  auto f = [](const Tensor& t) {
    Tensor y = t;
    for_loop(2, [&](const Tensor& i) {
      for_loop(2, [&](const Tensor& j) {
        cond(i == j, [&] { print(i * 10 + j, "same"); });
        y = y + 1;
      });
    });
    return y;
  };
  int recorded = 0;
  auto counted = [&](const Tensor& t) {
    ++recorded;
    return f(t);
  };
  CHECK(floats(f(x)) == std::vector<float>{5, 6});
  for (Level level : levels) {
    recorded = 0;
    auto g = function(counted, {.level = level});
    CHECK(floats(g(x)) == std::vector<float>{5, 6});
    CHECK(floats(g(x)) == std::vector<float>{5, 6});
    CHECK(recorded == 1);
  }
  burin_rt_set_print_sink(nullptr, nullptr);
  CHECK(printed == 2 * (1 + 2 * static_cast<int>(levels.size())));
}

TEST_CASE("what a loop only reads is not carried, and what it exchanges is") {
  auto f = function(
      [](const Tensor& t) {
        Tensor a = t, b = t * 2, k = t * 3, n = 0;
        while_loop([&] { return n < 3; },
                   [&] {
                     Tensor old = a;
                     a = b + k * 0;
                     b = old;
                     n += 1;
                   });
        return a - b;
      },
      graph_level);
  CHECK(floats(f(x)) == std::vector<float>{1, 2});
  CHECK(carried_by_loops(*f.graphs()[0]) == 3);
}

TEST_CASE("at level eager, control flow runs on the host with the same values") {
  int trips = 0;
  auto f = function([&](const Tensor& t) {
    Tensor y = t;
    while_loop([&] { return sum(y) < 50; },
               [&] {
                 ++trips;
                 y = cond(sum(y) > 10, [&] { return y * 2; }, [&] { return y + 3; });
               });
    return scan([](const Tensor& c, const Tensor& v) { return std::pair(c + v, c * v); }, sum(y), y).second;
  });
  const auto compiled = floats(f(x));
  CHECK(trips == 1);
  trips = 0;
  LevelScope scope(Level::eager);
  CHECK(floats(f(x)) == compiled);
  CHECK(trips == 4);
}

// ---- Transforms ------------------------------------------------------------------------------------------------------

TEST_CASE("the gradient of a compiled function, compiled or not, is the compiled gradient") {
  const Tensor w({0.3, -0.8});
  auto loss = [w](const Tensor& t) { return sum(tanh(t * w) * t); };
  const Tensor at({0.5, 1.5});
  const auto want = grad(loss)(at).to_vector<double>();
  auto same = [&](const Tensor& g) {
    const auto got = g.to_vector<double>();
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-12));
  };
  auto compiled = function(loss);
  same(function(grad(loss))(at));
  same(grad(compiled)(at));
  same(function([&](const Tensor& t) { return grad(compiled)(t); })(at));
  auto outer = function([&](const Tensor& t) { return compiled(t) * 2; });
  same(grad([&](const Tensor& t) { return outer(t) * 0.5; })(at));
}

TEST_CASE("gradients reach parameters that a compiled call captured") {
  auto loss = [](const Tensor& w) {
    auto layer = function([&](const Tensor& t) { return sum(t * w * w); }, graph_level);
    return layer(Tensor({2.0, 3.0}));
  };
  CHECK(grad(loss)(Tensor({0.5, 1.0})).to_vector<double>() == std::vector<double>{2, 6});
}

TEST_CASE("a loaded function composes with gradients, lanes and function") {
  const std::string file = "/tmp/burin-checks-" + std::to_string(getpid()) + ".burin";
  auto f =
      function([](const Tensor& t) { return t * t * 3.0; }, {.level = Level::graph, .signature = {spec<f64>({"n"})}});
  f(Tensor({1.0}));
  f.save(file);
  auto g = load(file);
  std::remove(file.c_str());
  auto loss = [&](const Tensor& t) { return sum(g(t)[0]); };
  const Tensor at({0.5, 2.0});
  CHECK(grad(loss)(at).to_vector<double>() == std::vector<double>{3, 12});
  CHECK(function(grad(loss))(at).to_vector<double>() == std::vector<double>{3, 12});
  CHECK(vmap([&](const Tensor& t) { return g(t)[0]; })(Tensor({{1.0, 2.0}, {3.0, 4.0}})).to_vector<double>() ==
        std::vector<double>{3, 12, 27, 48});
}
