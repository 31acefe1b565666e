// Check mode: NaN and integer division by zero, with the same words eagerly, on the graph and compiled.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <unistd.h>

using namespace burin;

namespace {

template <class F> std::string message_of(F f) {
  try {
    f();
    return "no error";
  } catch (const BurinError& e) {
    CHECK_THAT(e.what(), Catch::Contains("check_mode.cpp:"));
    std::string text = e.what();
    return text.substr(0, text.find('\n'));
  }
}

/// In check mode the call faults with `message` in every mode; outside it nowhere.
template <class F, class... X> void everywhere(F f, const std::string& message, const X&... x) {
  CHECK_NOTHROW(f(x...));
  {
    CheckScope scope;
    CHECK(message_of([&] { f(x...); }) == message);
  }
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    INFO("level " << static_cast<int>(level));
    auto g = function(f, {.level = level});
    CHECK_NOTHROW(g(x...));
    {
      CheckScope scope;
      CHECK(message_of([&] { g(x...); }) == message);
    }
    CHECK_NOTHROW(g(x...));
  }
}

}  // namespace

TEST_CASE("a NaN is reported with the op that made it, the element, and the line") {
  auto f = [](const Tensor& x) { return exp(log(x) + 1.0f) * 2.0f; };
  everywhere(f, "log: NaN at element 2 of the result [nan]", Tensor({1.0f, 2.0f, -3.0f, 4.0f, -5.0f}));
  everywhere(f, "log: NaN at element 2 of the result [nan]", Tensor({1.0, 2.0, -3.0, 4.0, -5.0}));
  everywhere([](const Tensor& x) { return sqrt(cast(x, bf16)); }, "sqrt: NaN at element 1 of the result [nan]",
             Tensor({1.0f, -2.0f}));
  everywhere([](const Tensor& x) { return x / x; }, "div: NaN at element 0 of the result [nan]",
             Tensor({0.0f, 1.0f, 0.0f}));
}

TEST_CASE("a long tensor's first NaN is the one reported") {
  std::vector<float> v(300000, 1.0f);
  v[299999] = v[123456] = -1.0f;
  everywhere([](const Tensor& x) { return log(x); }, "log: NaN at element 123456 of the result [nan]", Tensor(v));
}

TEST_CASE("a reduction and a product report NaN too") {
  const float inf = std::numeric_limits<float>::infinity();
  everywhere([](const Tensor& x) { return sum(x, 1); }, "reduce_sum: NaN at element 1 of the result [nan]",
             Tensor({{1.0f, 2.0f}, {inf, -inf}}));
  everywhere([](const Tensor& x) { return matmul(x, x); }, "matmul: NaN at element 2 of the result [nan]",
             Tensor({{0.0f, 1.0f}, {inf, 2.0f}}));
}

TEST_CASE("an op that only moves values passes a NaN on") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto f = [](const Tensor& x) { return transpose(concatenate({x, x}, 0)); };
  CheckScope scope;
  CHECK_NOTHROW(f(Tensor({{1.0f, nan}})));
  for (Level level : {Level::graph, Level::no_fuse, Level::full})
    CHECK_NOTHROW(function(f, {.level = level})(Tensor({{1.0f, nan}})));
}

TEST_CASE("an integer division by zero is reported at the element of the result") {
  auto f = [](const Tensor& a, const Tensor& b) { return a / b + 1; };
  everywhere(f, "div: division by zero at element 1 of the result [division-by-zero]", Tensor({6, 7, 8}),
             Tensor({3, 0, 0}));
  everywhere(f, "div: division by zero at element 2 of the result [division-by-zero]", Tensor({{1, 2, 3}, {4, 5, 6}}),
             Tensor({1, 2, 0}));
  everywhere(f, "div: division by zero at element 3 of the result [division-by-zero]", Tensor({1, 2, 3}),
             Tensor(std::vector<int>{5, 0}, {2, 1}));
  everywhere([](const Tensor& a) { return a / 0; },
             "div: division by zero at element 0 of the result [division-by-zero]", Tensor({1, 2}));
  everywhere([](const Tensor& a) { return a / cast(a, u8); },
             "div: division by zero at element 1 of the result [division-by-zero]", cast(Tensor({1, 0}), u8));
}

TEST_CASE("an op that nobody uses is looked at") {
  everywhere(
      [](const Tensor& x) {
        (void)log(x);
        return x + 1.0f;
      },
      "log: NaN at element 0 of the result [nan]", Tensor({-1.0f}));
}

TEST_CASE("check mode looks into branches and loops, and names the earliest trip's op") {
  auto f = [](const Tensor& x) {
    Tensor y = x, i = 0;
    while_loop([&] { return i < 4; },
               [&] {
                 cond(reduce_max(y) > 1.0f, [&] { y = sqrt(y - 4.0f); }, [&] { y = log(y - 1.0f) * 0.0f + 3.0f; });
                 i += 1;
               });
    return y;
  };
  // 8 -> 2, then sqrt(-2)
  everywhere(f, "sqrt: NaN at element 0 of the result [nan]", Tensor({8.0f}));
  everywhere(f, "log: NaN at element 0 of the result [nan]", Tensor({0.5f}));
}

TEST_CASE("named sizes are checked as they come") {
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function([](const Tensor& a, const Tensor& b) { return a / b; },
                      {.level = level, .signature = {spec<i32>({"n", "m"}), spec<i32>({"m"})}});
    CheckScope scope;
    CHECK(message_of([&] { f(Tensor({{1, 2}, {3, 4}, {5, 6}}), Tensor({1, 0})); }) ==
          "div: division by zero at element 1 of the result [division-by-zero]");
    CHECK(f(Tensor({{6, 8}}), Tensor({2, 4})).to_vector<int>() == std::vector<int>{3, 2});
  }
}

TEST_CASE("check mode is part of the key: functions are traced for it, and keep what they had") {
  auto f = function([](const Tensor& x) { return log(x); });
  f(Tensor({1.0f}));
  {
    CheckScope scope;
    f(Tensor({1.0f}));
    f(Tensor({2.0f}));
    CHECK(f.stats().traces == 2);
    CHECK_THAT(f.explain(), Catch::Contains("check mode: off -> on"));
    CheckScope off(false);
    CHECK(std::isnan(f(Tensor({-1.0f})).item<float>()));
  }
  CHECK(std::isnan(f(Tensor({-1.0f})).item<float>()));
  CHECK(f.stats().traces == 2);
}

TEST_CASE("a failed check leaves state as it was") {
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function([](Tensor& s, const Tensor& x) { s = s + log(x); }, {.level = level});
    Tensor s({1.0f, 1.0f});
    CheckScope scope;
    CHECK_THROWS_AS(f(s, Tensor({1.0f, -1.0f})), DeviceError);
    CHECK(s.to_vector<float>() == std::vector<float>{1, 1});
    f(s, Tensor({1.0f, 1.0f}));
    CHECK(s.to_vector<float>() == std::vector<float>{1, 1});
  }
}

TEST_CASE("a saved function is checked like the one that it was") {
  auto f = function([](const Tensor& x) { return log(x); });
  f(Tensor({1.0f}));
  const auto file = std::filesystem::temp_directory_path() / ("burin_check_" + std::to_string(::getpid()) + ".burin");
  f.save(file.string());
  for (Level level : {Level::graph, Level::full}) {
    auto g = load(file.string(), level);
    CHECK(std::isnan(g(Tensor({-1.0f}))[0].item<float>()));
    CheckScope scope;
    CHECK(message_of([&] { g(Tensor({-1.0f})); }) == "log: NaN at element 0 of the result [nan]");
  }
  std::filesystem::remove(file);
}
