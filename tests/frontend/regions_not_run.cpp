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

TEST_CASE("sizes that only a branch needs to be equal may differ where it is not taken") {
  const Tensor two({1.0f, 2.0f}), three({4.0f, 5.0f, 6.0f});
  auto both = [](auto f, Level level) {
    return function([f](const Tensor& x, const Tensor& y) { return Tensor(f(x, y)); },
                    {.level = level, .signature = {spec<f32>({"n"}), spec<f32>({"m"})}});
  };
  // Values and refusals of a call on the host, at each level.
  auto agree = [&](auto f, const Tensor& x, const Tensor& y) {
    auto outcome = [&](auto&& call) {
      try {
        return std::pair(call(x, y).template to_vector<float>(), std::string());
      } catch (const InvalidArgument& e) { return std::pair(Numbers(), e.error.tag); }
    };
    const auto eager = outcome(f);
    for (Level level : {Level::eager, Level::graph, Level::full}) CHECK(outcome(both(f, level)) == eager);
    return eager;
  };
  auto same = [](const Tensor& x, const Tensor& y) { return size_of(x.shape(0)) == size_of(y.shape(0)); };
  auto added = [&](const Tensor& x, const Tensor& y) {
    return cond(same(x, y), [&] { return sum(x + y); }, [&] { return sum(x); });
  };
  CHECK(agree(added, two, three) == std::pair(Numbers{3}, std::string()));
  CHECK(agree(added, two, two) == std::pair(Numbers{6}, std::string()));
  auto always = [&](const Tensor& x, const Tensor& y) {
    return cond(sum(x) < 9.0f, [&] { return sum(x + y); }, [&] { return sum(x); });
  };
  CHECK(agree(always, two, three) == std::pair(Numbers(), std::string("shape-mismatch")));
  CHECK(agree(always, three, two) == std::pair(Numbers{15}, std::string()));
  auto in_loop = [&](const Tensor& x, const Tensor& y) {
    Tensor z = x * 1.0f, i = 0;
    while_loop([&] { return (i < 2) & same(x, y); },
               [&] {
                 z = z + slice(y, {0}, {x.shape(0)});
                 i += 1;
               });
    return z;
  };
  CHECK(agree(in_loop, three, two) == std::pair(Numbers{4, 5, 6}, std::string()));
  CHECK(agree(in_loop, two, two) == std::pair(Numbers{3, 6}, std::string()));
  auto least = [&](const Tensor& x, const Tensor& y) {
    return cond(size_of(x.shape(0)) > 0, [&] { return cast(argmin(x, 0), f32) + sum(y); }, [&] { return sum(y); });
  };
  CHECK(agree(least, zeros({0}), two) == std::pair(Numbers{3}, std::string()));
  CHECK(agree(least, two, two) == std::pair(Numbers{3}, std::string()));
  auto one_of = [&](const Tensor& x, const Tensor& y) {
    return switch_case(cast(same(x, y), i32), [&] { return sum(y); }, [&] { return sum(x * y); });
  };
  CHECK(agree(one_of, two, three) == std::pair(Numbers{15}, std::string()));
  CHECK(agree(one_of, two, two) == std::pair(Numbers{5}, std::string()));
  // What an op outside relies on as well is refused at the entry.
  auto outside = [&](const Tensor& x, const Tensor& y) {
    return cond(same(x, y), [&] { return sum(x + y); }, [&] { return sum(x); }) + sum(x * y);
  };
  for (Level level : {Level::graph, Level::full}) CHECK_THROWS_AS(both(outside, level)(two, three), InvalidArgument);
}

TEST_CASE("a call that the referee runs updates state as any other") {
  for (Level level : {Level::graph, Level::full}) {
    Variable total(zeros({}));
    auto f = function(
        [&](Tensor& last, const Tensor& x, const Tensor& y) {
          Tensor some =
              cond(size_of(x.shape(0)) == size_of(y.shape(0)), [&] { return sum(x + y); }, [&] { return sum(x); });
          total += some;
          last = y * 1.0f;
          return some;
        },
        {.level = level, .signature = {spec<f32>({"n"}), spec<f32>({"n"}), spec<f32>({"m"})}});
    Tensor last = zeros({2});
    CHECK(f(last, ones({2}), ones({3})).template item<float>() == 2);
    CHECK(last.shape() == Shape{3});
    CHECK(total.value().item<float>() == 2);
  }
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
