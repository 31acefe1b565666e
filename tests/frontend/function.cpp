// Functions: traced per signature, called from the cache.
#include "tests/support/catch.h"

#include <burin/burin.h>
#include "compiler/graph/graph.h"

using namespace burin;

namespace {
struct Params { Tensor w, b; };
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
  INFO(to_string(f));
}

TEST_CASE("captures, scalars, statics and references") {
  Tensor k = {1.0f, 2.0f};
  auto f = function([&](Tensor& acc, const Tensor& x, Scalar<float> lr, int times) {
    for (int i = 0; i < times; ++i) acc = acc + x * lr * k;
    return std::vector<Tensor>{acc, x};
  }, graph_level);
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
  auto f = function([](const Tensor& x) { return mean(x, 0); }, {.level = Level::graph, .signature = {spec<f32>({"batch", 2})}});
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
    while_loop([&] { return n != 1; }, [&] {
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
