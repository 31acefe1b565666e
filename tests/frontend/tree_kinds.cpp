// C arrays and structs with a base are trees as other aggregates are: as arguments, results, state, in transforms and loops.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <array>

using namespace burin;

namespace {

struct Layer {
  Tensor w, b;
};
struct Net {
  Layer layers[2];
  Tensor scales[2][2];
  char name[8] = "net";
  int repeat = 1;
};
struct Tag {};
struct Tagged : Tag {
  Tensor a, b;
};
struct Renamed : Net {};
struct Wide {
  Tensor all[40];
};
struct Base {
  Tensor w;
};
struct Derived : Base {
  Tensor b;
};

}  // namespace

template <> struct burin::tree_traits<Derived> {
  static void visit(auto& field, Derived& x) {
    field("base", static_cast<Base&>(x));
    field("b", x.b);
  }
};

namespace {

template <class T = Net> T net() {
  T n;
  float next = 1;
  tree_for_each([&](Tensor& t) { t = full({}, next++); }, n);
  return n;
}
template <class T> std::vector<float> values(const T& tree) {
  std::vector<float> out;
  for (const Tensor& t : tree_leaves(tree)) out.push_back(t.item<float>());
  return out;
}
const std::vector<float> one_to_eight{1, 2, 3, 4, 5, 6, 7, 8}, doubled{2, 4, 6, 8, 10, 12, 14, 16};

Net twice(const Net& n) {
  return tree_map([](const Tensor& t) { return t * 2; }, n);
}
Tensor cost(const Net& n) {
  Tensor sum = 0.0f;
  float weight = 1;
  tree_for_each([&](const Tensor& t) { sum = sum + t * t * (weight++ / 2); }, n);
  return sum;
}

}  // namespace

TEST_CASE("the elements of a C array are leaves, in every dimension, with their paths") {
  const auto [leaves, paths] = tree_flatten(net());
  CHECK(paths == std::vector<std::string>{"layers[0].w", "layers[0].b", "layers[1].w", "layers[1].b", "scales[0][0]",
                                          "scales[0][1]", "scales[1][0]", "scales[1][1]"});
  CHECK(values(net()) == one_to_eight);
  CHECK(values(twice(net())) == doubled);
  CHECK(values(tree_unflatten(twice(net()), leaves)) == one_to_eight);
  CHECK(tree_leaves(Wide()).size() == 40);
  const Tensor alone[3] = {1.0f, 2.0f, 3.0f};
  CHECK(values(alone) == std::vector<float>{1, 2, 3});
  const std::array<Tensor, 3> other{4.0f, 5.0f, 6.0f};  // of the same structure
  std::vector<float> sums;
  tree_for_each([&](const Tensor& a, const Tensor& b) { sums.push_back((a + b).item<float>()); }, alone, other);
  CHECK(sums == std::vector<float>{5, 7, 9});
}

TEST_CASE("a struct that adds nothing to its base, or has an empty one, is a tree of its members") {
  CHECK(tree_flatten(Tagged{{}, 1.0f, 2.0f}).paths == std::vector<std::string>{"a", "b"});
  CHECK(values(Tagged{{}, 1.0f, 2.0f}) == std::vector<float>{1, 2});
  CHECK(tree_flatten(net<Renamed>()).paths == tree_flatten(net()).paths);
  CHECK(values(tree_map([](const Tensor& t) { return t * 2; }, net<Renamed>())) == doubled);
  const Derived d{{1.0f}, 2.0f};
  CHECK(tree_flatten(d).paths == std::vector<std::string>{"base.w", "b"});
}

TEST_CASE("trees of C arrays and bases go into functions and come out, by value, by reference and as state") {
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto f = function(twice, {.level = level});
    CHECK(values(f(net())) == doubled);
    CHECK(values(f(f(net()))) == std::vector<float>{4, 8, 12, 16, 20, 24, 28, 32});
    CHECK(f.stats().traces == (level == Level::eager ? 0 : 1));
    Net other = net();
    other.name[0] = 'b';  // static, as any text
    f(other);
    CHECK(f.stats().traces == (level == Level::eager ? 0 : 2));
    CHECK(values(function([](const Renamed& r) { return r; }, {.level = level})(net<Renamed>())) == one_to_eight);
    CHECK(values(function([](auto d) { return d; }, {.level = level})(Derived{{1.0f}, 2.0f})) ==
          std::vector<float>{1, 2});
    auto step = function(
        [](Net& n, Tagged& t) {
          n = tree_map([](const Tensor& v) { return v * 2; }, n);
          t.b = t.a + t.b;
        },
        {.level = level});
    Net n = tree_map([](const Tensor& v) { return v * 1; }, net());
    Tagged t{{}, 1.0f, 2.0f};
    step(n, t);
    CHECK(values(n) == doubled);
    CHECK(values(t) == std::vector<float>{1, 3});
  }
}

TEST_CASE("derivatives by trees of C arrays and bases have the same trees") {
  const auto want = std::vector<float>{1, 4, 9, 16, 25, 36, 49, 64};
  CHECK(values(grad(cost)(net())) == want);
  CHECK(values(function([](const Net& n) { return grad(cost)(n); })(net())) == want);
  CHECK(values(grad([](const Renamed& r) { return cost(r); })(net<Renamed>())) == want);
  auto [loss, g] = value_and_grad([](const Derived& d) { return d.w * d.b; })(Derived{{3.0f}, 5.0f});
  CHECK(values(g) == std::vector<float>{5, 3});
}

TEST_CASE("loops carry trees of C arrays, branches give them, lanes map over them") {
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto f = function(
        [](Net n, const Tensor& trips) {
          for_loop(trips, [&](const Tensor&) { n = twice(n); });
          return cond(trips > 1, [&] { return twice(n); }, [&] { return n; });
        },
        {.level = level});
    CHECK(values(f(net(), 1)) == doubled);
    CHECK(values(f(net(), 2)) == std::vector<float>{8, 16, 24, 32, 40, 48, 56, 64});
  }
  struct Pair {
    Tensor x[2];
  };
  const Pair lanes{{Tensor({1.0f, 2.0f}), Tensor({3.0f, 4.0f})}};
  const Pair swapped = vmap([](const Pair& p) { return Pair{{p.x[1], p.x[0] * 10}}; })(lanes);
  CHECK(swapped.x[0].to_vector<float>() == std::vector<float>{3, 4});
  CHECK(swapped.x[1].to_vector<float>() == std::vector<float>{10, 20});
}
