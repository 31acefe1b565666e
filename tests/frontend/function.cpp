// Functions: traced per signature, called from the cache.
#include "tests/support/catch.h"

#include "compiler/graph/graph.h"
#include <burin/burin.h>

#include <map>
#include <optional>
#include <tuple>

using namespace burin;

namespace {
struct Params {
  Tensor w, b;
};
Tensor layer(const Params& p, const Tensor& x) { return relu(matmul(x, p.w) + p.b); }
const FunctionOptions graph_level{.level = Level::graph};
}  // namespace

TEST_CASE("a function is traced once per signature and gives what the callable gives") {
  auto f = function(layer, graph_level);
  Params p{{{1.0f, -1.0f}, {2.0f, 1.0f}}, {0.5f, 0.5f}};
  Tensor x = {{1.0f, 1.0f}};
  CHECK(f(p, x).to_vector<float>() == layer(p, x).to_vector<float>());
  f(p, x);
  CHECK(f.stats().traces == 1);
  CHECK(f.stats().calls == 2);
  Tensor x2 = {{1.0f, 1.0f}, {2.0f, 2.0f}};
  CHECK(f(p, x2).to_vector<float>() == layer(p, x2).to_vector<float>());
  CHECK(f.stats().traces == 2);
  INFO(f.explain());
  CHECK(f.explain().find("arg1: f32[1,2] -> f32[2,2]") != std::string::npos);
  CHECK(f.graphs()[0]->inputs()[1].name == "arg0.b");
}

TEST_CASE("captures, scalars, statics and references") {
  Tensor k = {1.0f, 2.0f};
  auto f = function(
      [&](Tensor& acc, const Tensor& x, Scalar<float> lr, int times) {
        for (int i = 0; i < times; ++i) acc = acc + x * lr * k;
        return std::vector<Tensor>{acc, x};
      },
      graph_level);
  Tensor acc = {0.0f, 0.0f};
  auto r = f(acc, Tensor({1.0f, 1.0f}), 0.5f, 2);
  CHECK(acc.to_vector<float>() == std::vector<float>{1, 2});
  CHECK(r.size() == 2);
  f(acc, Tensor({1.0f, 1.0f}), 0.25f, 2);
  CHECK(f.stats().traces == 1);
  f(acc, Tensor({1.0f, 1.0f}), 0.25f, 3);
  CHECK(f.stats().traces == 2);
}

TEST_CASE("a generic callable takes numbers as tensors") {
  auto f = function([](auto x, auto y) { return x * y + 1; }, graph_level);
  CHECK(f(2.0f, 3.0f).template item<float>() == 7);
  CHECK(f(4.0f, 3.0f).template item<float>() == 13);
  CHECK(f.stats().traces == 1);
}

TEST_CASE("named sizes share one trace") {
  auto f = function([](const Tensor& x) { return mean(x, 0); },
                    {.level = Level::graph, .signature = {spec<f32>({"batch", 2})}});
  CHECK(f(Tensor({{1.0f, 2.0f}})).to_vector<float>() == std::vector<float>{1, 2});
  CHECK(f(Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}})).to_vector<float>() == std::vector<float>{2, 3});
  CHECK(f.stats().traces == 1);
}

TEST_CASE("a function called in a function joins its graph") {
  auto inner = function([](const Tensor& x) { return x * 2; }, graph_level);
  auto outer = function([&](const Tensor& x) { return inner(x) + inner(x + 1); }, graph_level);
  CHECK(outer(Tensor({1.0f})).to_vector<float>() == std::vector<float>{6});
  CHECK(inner.stats().traces == 1);
}

TEST_CASE("cond and while_loop give the same eagerly and traced") {
  auto collatz = [](Tensor n) {
    Tensor count = 0;
    while_loop([&] { return n != 1; },
               [&] {
                 Tensor half = cast(floor(cast(n, f64) / 2), i32);
                 cond(half * 2 == n, [&] { n = half; }, [&] { n = 3 * n + 1; });
                 count += 1;
               });
    return count;
  };
  auto f = function(collatz, graph_level);
  for (int n : {1, 6, 27}) CHECK(f(n).item<int>() == collatz(n).item<int>());
  CHECK(collatz(27).item<int>() == 111);
  INFO(to_string(f));
  CHECK(f.stats().traces == 1);
}

TEST_CASE("a function with named sizes joins one with others") {
  auto inner = function([](const Tensor& t) { return mean(t, 0) + zeros({t.shape(1)}); },
                        {.level = Level::graph, .signature = {spec<f32>({"rows", "columns"})}});
  auto outer = function([&](const Tensor& t) { return inner(concatenate({t, t}, 0)); },
                        {.level = Level::graph, .signature = {spec<f32>({"n", 2})}});
  Tensor t = {{1.0f, 2.0f}, {3.0f, 4.0f}};
  CHECK(outer(t).to_vector<float>() == std::vector<float>{2, 3});
  INFO(to_string(outer));
  CHECK(outer(Tensor({{5.0f, 6.0f}})).to_vector<float>() == std::vector<float>{5, 6});
  CHECK(outer.stats().traces == 1);
}

TEST_CASE("what a trace relies on is checked at each call") {
  auto f =
      function([](const Tensor& a, const Tensor& b) { return matmul(a, b); },
               {.name = "product", .level = Level::graph, .signature = {spec<f32>({2, "n"}), spec<f32>({"m", 1})}});
  Tensor a = {{1.0f, 2.0f}, {3.0f, 4.0f}};
  CHECK(f(a, Tensor({{1.0f}, {1.0f}})).to_vector<float>() == std::vector<float>{3, 7});
  CHECK_THROWS_AS(f(a, Tensor({{1.0f}})), InvalidArgument);
}

TEST_CASE("trees of every kind are arguments and results") {
  enum class Mode { plain, doubled };
  struct Leafy {
    Tensor a;
    std::optional<Tensor> b;
    std::map<std::string, Tensor> m;
    Mode mode = Mode::plain;
    std::array<Tensor, 2> pair;
  };
  auto f = function(
      [](const Leafy& l, std::tuple<Tensor, Tensor> t) {
        Leafy r = l;
        r.a = l.a + (l.b ? *l.b : Tensor(0.0f)) + std::get<1>(t);
        for (auto& [k, v] : r.m) v = v * 2;
        if (l.mode == Mode::doubled) r.a = r.a * 2;
        return std::pair(r, r.m.size());
      },
      graph_level);
  Leafy l{1.0f, Tensor(2.0f), {{"x", 3.0f}, {"y", 4.0f}}, Mode::doubled, {5.0f, 6.0f}};
  auto [r, n] = f(l, std::tuple<Tensor, Tensor>(7.0f, 8.0f));
  CHECK(r.a.item<float>() == 22);
  CHECK(r.m.at("y").item<float>() == 8);
  CHECK(r.pair[1].item<float>() == 6);
  CHECK(n == 2);
  l.mode = Mode::plain;
  CHECK(f(l, std::tuple<Tensor, Tensor>(7.0f, 8.0f)).first.a.item<float>() == 11);
  CHECK(f.stats().traces == 2);
  INFO(f.explain());
  CHECK(f.explain().find("arg0.mode: 1 (") != std::string::npos);
}

TEST_CASE("functions called in branches and loops carry what they read") {
  auto step = function([](const Tensor& y, Scalar<float> k) { return y * 2 + k; }, graph_level);
  auto f = function(
      [&](const Tensor& x) {
        Tensor y = x, n = 0;
        while_loop([&] { return n < 3; },
                   [&] {
                     y = step(y, 1.0f);
                     n += 1;
                   });
        return y;
      },
      graph_level);
  CHECK(f(1.0f).item<float>() == 15);
}

TEST_CASE("a by-reference parameter changes in loops of the function and nested functions") {
  struct State {
    Tensor count, total;
  };
  auto add = function(
      [](State& s, const Tensor& x) {
        s.count += 1;
        s.total = s.total + x;
      },
      graph_level);
  auto f = function(
      [&](State& s, const Tensor& x) {
        add(s, x);
        add(s, x * 2);
        return s.total / s.count;
      },
      graph_level);
  State s{0.0f, 0.0f};
  CHECK(f(s, 3.0f).item<float>() == 4.5f);
  CHECK(s.count.item<float>() == 2);
  CHECK(f(s, 3.0f).item<float>() == 4.5f);
  CHECK(s.total.item<float>() == 18);
}

TEST_CASE("a callable that returns a reference gives a value") {
  struct Layer {
    Tensor w, b;
  };
  auto f = function([](const Layer& l) -> const Tensor& { return l.b; });
  const Tensor b = {3.0f, 4.0f};
  CHECK(f(Layer{Tensor(1.0f), b}).to_vector<float>() == std::vector<float>{3, 4});
}
