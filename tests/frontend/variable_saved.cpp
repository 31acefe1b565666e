// Variables in saved functions: constants where nothing assigns them, else state of each loaded function.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

using namespace burin;
using test::TemporaryFolder;

namespace {
constexpr Level levels[] = {Level::graph, Level::full};
}

TEST_CASE("a loaded function has variables of its own, which begin as they were saved") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  Variable total(full({2}, 1.0f), "total"), rate(Tensor(10.0f), "rate");
  Variable big(full({100}, 3.0f));
  auto f = function([&](const Tensor& x) {
    total += x * rate;
    big.assign(big * 2);
    return reduce_sum(total) + reduce_sum(big);
  });
  f(Tensor({1.0f, 2.0f}));  // total is 11, 21; big 6
  f.trace(spec<f32>({"n"}));
  f.save(file);
  f(Tensor({5.0f, 5.0f}));
  rate = 0.0f;
  for (Level level : levels) {
    auto g = load(file, level), other = load(file, level);
    auto copy = g;
    CHECK(g(Tensor({1.0f, 1.0f})).size() == 1);
    CHECK(copy(Tensor({0.0f, 0.0f}))[0].item<float>() == 11 + 21 + 20 + 100 * 24);
    CHECK(other(Tensor({0.0f, 0.0f}))[0].item<float>() == 11 + 21 + 100 * 12);
    // Under a tape, and as part of another function, the same variables go on.
    CHECK(grad([&](const Tensor& x) { return g(x)[0]; })(Tensor({0.0f, 1.0f})).to_vector<float>() ==
          std::vector<float>{10, 10});
    auto around = function([&](const Tensor& x) { return g(x)[0] * 1; }, {.level = level});
    const float before = 11 + 21 + 20 + 10;
    CHECK(around(Tensor({0.0f, 0.0f})).item<float>() == before + 100 * 96);
    CHECK(around(Tensor({1.0f, 0.0f})).item<float>() == before + 10 + 100 * 192);
    CHECK(g(Tensor({0.0f, 0.0f}))[0].item<float>() == before + 10 + 100 * 384);
  }
  CHECK(total.to_vector<float>() == std::vector<float>{61, 71});
}

TEST_CASE("variables that are only read are constants of the file") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  Variable w(full({3}, 2.0f), "w");
  Tensor captured = full({3}, 1.0f);
  auto f = function([&](const Tensor& x) { return x * w + captured; }, {.signature = {spec<f32>({"n", 3})}});
  f.save(file);
  w = full({3}, 100.0f);
  for (Level level : levels)
    CHECK(load(file, level)(full({1, 3}, 5.0f))[0].to_vector<float>() == std::vector<float>(3, 11));
  f.save(file);
  CHECK(load(file)(full({1, 3}, 5.0f))[0].to_vector<float>() == std::vector<float>(3, 501));
}

TEST_CASE("a call that fails leaves a loaded function's variables as they were") {
  TemporaryFolder folder;
  const std::string file = folder.path / "f.burin";
  Variable count(0.0f, "count");
  auto f = function([&](const Tensor& i) {
    count += 1;
    return gather(Tensor({1.0f, 2.0f}), i) + count;
  });
  f.trace(spec<i64>({1}));
  f.save(file);
  for (Level level : levels) {
    auto g = load(file, level);
    CHECK_THROWS_AS(g(Tensor({std::int64_t{7}})), BurinError);
    CHECK(g(Tensor({std::int64_t{1}}))[0].to_vector<float>() == std::vector<float>{3});
  }
}

TEST_CASE("parameters and an optimiser's state are saved by a function that gives them, and put back") {
  struct Params {
    std::vector<Tensor> w;
    float rate;
  };
  TemporaryFolder folder;
  Adam adam;
  Params p{{Tensor({1.0f, 2.0f}), Tensor({3.0f})}, 0.5f};
  auto state = adam.init(p);
  auto save = [&](const std::string& file) {
    auto all = function([&] { return std::pair(p, state); }, {.name = "checkpoint", .level = Level::graph});
    all.trace();
    all.save(folder.path / file);
  };
  save("0");
  adam.update(p, p, state);
  save("1");
  const auto later = p.w[0].to_vector<float>();
  adam.update(p, p, state);
  const auto structure = std::pair(p, state);
  std::tie(p, state) = tree_unflatten(structure, load(folder.path / "1")());
  CHECK(p.w[0].to_vector<float>() == later);
  CHECK(p.rate == 0.5f);
  CHECK(state.step.item<std::int64_t>() == 1);
  std::tie(p, state) = tree_unflatten(structure, load(folder.path / "0")());
  CHECK(p.w[0].to_vector<float>() == std::vector<float>{1, 2});
  CHECK(state.step.item<std::int64_t>() == 0);
}
