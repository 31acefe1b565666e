// Tracing without a call: for specs, for the input signature when a function is saved; what such a trace then serves.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

using namespace burin;
using test::TemporaryFolder;

namespace {

struct Layer {
  Tensor w, b;
};
Tensor affine(const Layer& p, const Tensor& x) { return matmul(x, p.w) + p.b; }

template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.text(); }
  return "nothing was thrown";
}

const Layer layer{Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}}), Tensor({10.0f, 20.0f})};

}  // namespace

TEST_CASE("a function with an input signature is saved without a call") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  auto f =
      function(affine, {.name = "affine", .signature = {spec<f32>({2, 2}), spec<f32>({2}), spec<f32>({"batch", 2})}});
  f.save(file);
  CHECK(f.stats().traces == 1);
  CHECK(f.stats().compiles + f.stats().memory_hits + f.stats().disk_hits == 0);
  for (Level level : {Level::graph, Level::full}) {
    auto g = load(file, level);
    CHECK(g(layer, Tensor({{1.0f, 1.0f}}))[0].to_vector<float>() == std::vector<float>{14, 26});
    CHECK(g(layer, Tensor({{1.0f, 1.0f}, {0.0f, 1.0f}}))[0].to_vector<float>() == std::vector<float>{14, 26, 13, 24});
  }
  CHECK(f(layer, Tensor({{1.0f, 1.0f}})).to_vector<float>() == std::vector<float>{14, 26});  // the same trace
  CHECK(f.stats().traces == 1);
}

TEST_CASE("trace makes the trace that a call finds, and runs nothing") {
  int ran = 0;
  auto f = function(
      [&](Tensor& state, const Tensor& x, int times) {
        ++ran;
        state = state + x * times;
        return state * 2;
      },
      {.level = Level::graph});
  Tensor state = zeros({3});
  auto graph = f.trace(state, spec<f32>({3}), 2);
  CHECK(ran == 1);
  CHECK(f.stats().calls == 0);
  CHECK(state.to_vector<float>() == std::vector<float>{0, 0, 0});
  REQUIRE(graph);
  CHECK(graph == f.graphs().at(0));
  CHECK(f.trace(state, spec<f32>({3}), 2) == graph);
  CHECK(f(state, Tensor({1.0f, 2.0f, 3.0f}), 2).to_vector<float>() == std::vector<float>{4, 8, 12});
  CHECK(state.to_vector<float>() == std::vector<float>{2, 4, 6});
  CHECK(ran == 1);
  f(state, state, 3);
  CHECK(ran == 2);
}

TEST_CASE("named sizes of a spec serve all sizes, beside traces of other types, and all are saved") {
  auto f = function([](auto x) { return x * 2 + 1; }, {.name = "f"});
  f.trace(spec<f32>({"n"}));
  f.trace(spec<f64>({"n", 2}));
  CHECK(f(Tensor({1.0f})).to_vector<float>() == std::vector<float>{3});
  CHECK(f(Tensor({1.0f, 2.0f})).to_vector<float>() == std::vector<float>{3, 5});
  CHECK(f(Tensor({{1.0, 2.0}})).to_vector<double>() == std::vector<double>{3, 5});
  CHECK(f.stats().traces == 2);
  f(Tensor({1, 2}));
  CHECK(f.stats().traces == 3);
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  f.save(file);
  auto g = load(file);
  CHECK(g.graphs().size() == 3);
  CHECK(g(Tensor({4.0f, 5.0f, 6.0f}))[0].to_vector<float>() == std::vector<float>{9, 11, 13});
  CHECK(g(Tensor({{4.0, 5.0}}))[0].to_vector<double>() == std::vector<double>{9, 11});
}

TEST_CASE("a trace for named sizes serves what its guards allow; another trace serves the rest") {
  auto f = function([](const Tensor& a, const Tensor& b) { return a + b; }, {.name = "f", .level = Level::graph});
  f.trace(spec<f32>({"n"}), spec<f32>({"m"}));
  CHECK(f(Tensor({1.0f, 2.0f}), Tensor({1.0f, 1.0f})).to_vector<float>() == std::vector<float>{2, 3});
  CHECK(f.stats().traces == 1);
  CHECK(f(Tensor({1.0f, 2.0f}), Tensor({1.0f})).to_vector<float>() == std::vector<float>{2, 3});
  CHECK(f.stats().traces == 2);
  CHECK(f(Tensor({5.0f}), Tensor({1.0f})).to_vector<float>() == std::vector<float>{6});
  CHECK(f.stats().traces == 2);
  CHECK(message([&] { f(Tensor({1.0f, 2.0f}), Tensor({1.0f, 1.0f, 1.0f})); }).find("add: ") == 0);
}

TEST_CASE("what cannot be traced ahead says why") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  auto with_static =
      function([](const Tensor& x, int n) { return x * n; }, {.name = "scaled", .signature = {spec<f32>({"n"})}});
  CHECK(message([&] { with_static.save(file); })
            .find("save: \"scaled\" has not been traced yet, and its input signature does not tell all: a parameter "
                  "holds a "
                  "static value or a container [no-trace]") == 0);
  CHECK_FALSE(std::filesystem::exists(file));
  with_static.trace(spec<f32>({"n"}), 3);
  with_static.save(file);
  CHECK(load(file)(Tensor({2.0f}))[0].to_vector<float>() == std::vector<float>{6});

  auto two = function([](const Tensor& x, const Tensor& y) { return x + y; },
                      {.name = "two", .signature = {spec<f32>({"n"})}});
  CHECK(message([&] {
          two.save(file);
        }).find("two: the arguments hold 2 tensors; the input signature names 1 [signature]") == 0);
  auto any = function([](const Tensor& x) { return x; }, {.name = "any"});
  CHECK(message([&] {
          any.trace(spec<f32>({-1}));
        }).find("any: tensor 0 of the arguments has the negative size -1 [signature]") == 0);
  CHECK(message([&] { any.trace(Tensor()); }).find("any: arg0 is undefined; nothing was assigned to it [undefined]") ==
        0);
  CHECK(any.stats().traces == 0);
}
