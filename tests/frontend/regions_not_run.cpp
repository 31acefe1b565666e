// Regions that do not run refuse nothing: what they would miss is a fault of the run that comes to it.
#include "tests/support/catch.h"

#include <burin/burin.h>

using namespace burin;

namespace {

const Tensor none = zeros({0, 2}), three = ones({3, 2});
using Numbers = std::vector<float>;

template <class F> auto of_any_length(F f, Level level) {
  return function([f](const Tensor& x) { return Tensor(f(x)); }, {.level = level, .signature = {spec<f32>({"n", 2})}});
}
template <class F> auto of_each_length(F f, Level level) {
  return function([f](const Tensor& x) { return Tensor(f(x)); }, {.level = level});
}
/// f of no rows and of three, with a named size, and traced for each size.
template <class F> void check(F f, const Numbers& of_none, const Numbers& of_three) {
  for (Level level : {Level::graph, Level::full}) {
    auto any = of_any_length(f, level);
    CHECK(any(none).template to_vector<float>() == of_none);
    CHECK(any(three).template to_vector<float>() == of_three);
    auto each = of_each_length(f, level);
    CHECK(each(none).template to_vector<float>() == of_none);
    CHECK(each(three).template to_vector<float>() == of_three);
  }
}

}  // namespace

TEST_CASE("a branch that looks into an empty tensor is no error where it is not taken") {
  const Tensor row({5.0f, 6.0f}), rows({{1.0f, 2.0f}, {3.0f, 4.0f}});
  auto some = [](const Tensor& x) { return size_of(x.shape(0)) > 0; };
  check([&](const Tensor& x) { return cond(some(x), [&] { return gather(x, 0); }, [] { return full({2}, 7.0f); }); },
        {7, 7}, {1, 1});
  check([&](const Tensor& x) { return sum(cond(some(x), [&] { return scatter(x, 0, row); }, [&] { return x; }), 0); },
        {0, 0}, {7, 8});
  check(
      [&](const Tensor& x) {
        return sum(cond(some(x), [&] { return scatter_add(x, Tensor({0, 0}), rows); }, [&] { return x; }), 0);
      },
      {0, 0}, {7, 9});
}

TEST_CASE("loops over nothing give nothing") {
  check([](const Tensor& x) { return sum(map([](const Tensor& row) { return row * 2.0f; }, x), 0); }, {0, 0}, {6, 6});
  check(
      [](const Tensor& x) {
        auto step = [](const Tensor& c, const Tensor& row) { return std::pair(c + row, c * 1.0f); };
        return scan(step, zeros({2}), x).first;
      },
      {0, 0}, {3, 3});
  check(
      [](const Tensor& x) {
        Tensor y = zeros({2});
        for_loop(x.shape(0), [&](const Tensor& i) { y = y + gather(x, i); });
        return y;
      },
      {0, 0}, {3, 3});
  check(
      [](const Tensor& x) {
        return grad([&](const Tensor& w) { return sum(map([&](const Tensor& row) { return row * w; }, x)); })(
            ones({2}));
      },
      {0, 0}, {3, 3});
  check([](const Tensor& x) { return cast(sum(rng::permutation(rng::key(1), x.shape(0))), f32); }, {0}, {3});
}

TEST_CASE("a region that runs into an empty tensor is an error of that call, and the next one works") {
  auto first = [](const Tensor& x) {
    return cond(sum(x) < 9.0f, [&] { return gather(x, 0); }, [] { return zeros({2}); });
  };
  auto adds = [](const Tensor& x) {
    return cond(sum(x) < 9.0f, [&] { return scatter_add(x, Tensor({1, 0}), ones({2, 2})); }, [&] { return x; });
  };
  for (Level level : {Level::graph, Level::full}) {
    auto f = of_any_length(first, level);
    CHECK_THROWS_AS(f(none), BurinError);
    CHECK(f(three).to_vector<float>() == Numbers{1, 1});
    auto g = of_any_length(adds, level);
    CHECK_THROWS_AS(g(none), BurinError);
    CHECK(sum(g(three), 0).to_vector<float>() == Numbers{5, 5});
  }
  try {
    of_any_length(first, Level::full)(none);
    FAIL("no error");
  } catch (const DeviceError& e) {
    CHECK(e.error.message == "gather: index 0 is out of range, at element 0 of the indices");
  }
}
