// Trees: maps over several of them, lists of their tensors with paths, and DESIGN's training step to the letter.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <array>
#include <map>
#include <optional>

using namespace burin;

namespace {

struct Layer {
  Tensor w, b;
  double rate = 0.5;
};
struct Model {
  std::vector<Layer> layers;
  std::map<std::string, Tensor> tables;
  std::optional<Tensor> scale;
  std::pair<Tensor, std::array<Tensor, 2>> rest;
};
Model model() {
  return {{{1.0f, 2.0f}, {3.0f, 4.0f}},
          {{"a", 5.0f}, {"b", Tensor({6.0f, 6.0f})}},
          Tensor(7.0f),
          {8.0f, {Tensor(9.0f), Tensor(10.0f)}}};
}
std::vector<float> firsts(const std::vector<Tensor>& tensors) {
  std::vector<float> out;
  for (const Tensor& t : tensors) out.push_back(t.to_vector<float>()[0]);
  return out;
}
template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const InvalidArgument& e) { return e.error.message + " [" + e.error.tag + "]"; }
  return "no error";
}

struct Params {
  Tensor w1, b1, w2, b2;
};
Tensor mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }

Tensor wave(const Shape& s, float frequency) {
  const Tensor t = reshape(cast(iota({s.num_elements()}), f32), s) * frequency;
  return tanh(t - floor(t) - 0.5f);
}

}  // namespace

TEST_CASE("flattening gives the tensors in order, each with its path") {
  const auto [leaves, paths] = tree_flatten(model());
  CHECK(firsts(leaves) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(paths == std::vector<std::string>{"layers[0].w", "layers[0].b", "layers[1].w", "layers[1].b", "tables.a",
                                          "tables.b", "scale", "rest[0]", "rest[1][0]", "rest[1][1]"});
  CHECK(firsts(tree_leaves(model())) == firsts(leaves));
  CHECK(tree_flatten(Tensor(1.0f)).paths == std::vector<std::string>{""});
  CHECK(tree_flatten(std::pair(1, 2.0)).leaves.empty());
}

TEST_CASE("unflattening undoes flattening, and says where the number of tensors is wrong") {
  std::vector<Tensor> leaves = tree_leaves(model());
  for (Tensor& t : leaves) t = t * 2;
  const Model twice = tree_unflatten(model(), leaves);
  CHECK(twice.layers[1].b.item<float>() == 8);
  CHECK(twice.rest.second[1].item<float>() == 20);
  CHECK(twice.layers[0].rate == 0.5);
  leaves.pop_back();
  CHECK(error_of([&] { (void)tree_unflatten(model(), leaves); }) ==
        "tree_unflatten: 9 tensors for a tree that has 10 [tree]");
}

TEST_CASE("tree_map works on one tree or several, of one type or several") {
  CHECK(firsts(tree_leaves(tree_map([](const Tensor& t) { return -t; }, model()))) ==
        std::vector<float>{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10});
  const std::vector<Tensor> three{1.0f, 2.0f, 3.0f};
  const auto fused =
      tree_map([](const Tensor& a, const Tensor& b, const Tensor& c) { return a + b * c; }, three, three, three);
  CHECK(firsts(fused) == std::vector<float>{2, 6, 12});
  const std::pair<Tensor, Tensor> two{1.0f, 2.0f};
  struct Both {
    Tensor a, b;
  };
  const Both both = tree_map([](const Tensor& a, const Tensor& b) { return a * b; }, Both{3.0f, 4.0f}, two);
  CHECK(both.b.item<float>() == 8);
}

TEST_CASE("tree_for_each assigns to the trees that are not const") {
  Model p = model();
  const Model d = model();
  tree_for_each([](Tensor& v, const Tensor& g) { v = v - g; }, p, d);
  CHECK(firsts(tree_leaves(p)) == std::vector<float>(10, 0.0f));
  CHECK(firsts(tree_leaves(d))[3] == 4);
}

TEST_CASE("zeros like a tree have its types") {
  const Model z = tree_zeros_like(model());
  CHECK(z.tables.at("b").to_vector<float>() == std::vector<float>{0, 0});
  CHECK(tree_zeros_like(Tensor({1, 2})).to_vector<std::int32_t>() == std::vector<std::int32_t>{0, 0});
}

TEST_CASE("trees that differ are an error that names the place") {
  const auto add = [](const Tensor& a, const Tensor& b) { return a + b; };
  const auto told = [&](auto change) {
    Model other = model();
    change(other);
    return error_of([&] { (void)tree_map(add, model(), other); });
  };
  CHECK(told([](Model& m) { m.layers.pop_back(); }) ==
        "tree_map: the trees differ at layers: tree 1 has 2 elements, tree 2 has 1 element [tree]");
  CHECK(told([](Model& m) { m.layers[1].rate = 0.25; }) ==
        "tree_map: the trees differ at layers[1].rate: tree 1 has 0.5, tree 2 has 0.25 [tree]");
  CHECK(told([](Model& m) { m.scale.reset(); }) ==
        "tree_map: the trees differ at scale: tree 1 has 1 element, tree 2 has 0 elements [tree]");
  CHECK(told([](Model& m) { m.tables = {{"a", 1.0f}, {"c", 1.0f}}; }) ==
        "tree_map: the trees differ at tables[1]: tree 1 has 'b', tree 2 has 'c' [tree]");
  CHECK(told([](Model&) {}) == "no error");
  const std::vector<Tensor> one{1.0f}, two{1.0f, 2.0f};
  CHECK(error_of([&] { (void)tree_map([](const auto& a, const auto&, const auto&) { return a; }, one, one, two); }) ==
        "tree_map: the trees differ: tree 1 has 1 element, tree 3 has 2 elements [tree]");
  CHECK(error_of([&] { (void)tree_map(add, std::pair(Tensor(1.0f), Tensor(1.0f)), std::tuple(Tensor(1.0f), 2.0)); }) ==
        "tree_map: the trees differ at [1]: tree 1 has a tensor, tree 2 has 2.0 [tree]");
}

TEST_CASE("the design's training step compiles to the letter, updates in place and follows the eager one") {
  auto step = burin::function([](Params& p, const Tensor& x, const Tensor& t, Scalar<float> lr) {
    auto [loss, g] = value_and_grad([&](const Params& q) { return softmax_cross_entropy(mlp(q, x), t); })(p);
    p = tree_map([&](const Tensor& v, const Tensor& d) { return v - lr * d; }, p, g);  // updated in place
    return loss;
  });
  const auto eager = [](Params& p, const Tensor& x, const Tensor& t, Scalar<float> lr) {
    auto [loss, g] = value_and_grad([&](const Params& q) { return softmax_cross_entropy(mlp(q, x), t); })(p);
    p = tree_map([&](const Tensor& v, const Tensor& d) { return v - lr * d; }, p, g);
    return loss;
  };
  const Params start{wave({12, 16}, 0.37f), wave({16}, 0.11f), wave({16, 5}, 0.23f), wave({5}, 0.7f)};
  const Tensor x = wave({8, 12}, 0.53f), labels = Tensor(std::vector<std::int32_t>{0, 1, 2, 3, 4, 0, 1, 2}, {8});
  for (const Tensor& t : {labels, one_hot(labels, 5) * 0.9f + 0.02f}) {
    Params p = tree_map([](const Tensor& v) { return v + 0.0f; }, start), q = start;
    std::vector<const void*> memory;
    float first = 0, last = 0;
    for (int i = 0; i < 5; ++i) {
      last = step(p, x, t, 0.5f).item<float>();
      CHECK(last == Approx(eager(q, x, t, 0.5f).item<float>()).epsilon(1e-5));
      if (i == 0) first = last;
      std::vector<const void*> now;
      tree_for_each([&](const Tensor& v) { now.push_back(v.data<float>()); }, p);
      if (i > 0) CHECK(now == memory);
      memory = now;
    }
    CHECK(last < 0.95f * first);
    tree_for_each(
        [](const Tensor& a, const Tensor& b) {
          const auto u = a.to_vector<float>(), v = b.to_vector<float>();
          for (std::size_t i = 0; i < u.size(); ++i) CHECK(u[i] == Approx(v[i]).margin(1e-5));
        },
        p, q);
  }
  CHECK(step.stats().traces == 2);  // classes and probabilities; the rate is no reason
}
