// Arguments moved into parameters by value: their memory serves results, where nobody else holds them.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

using namespace burin;

namespace {

// The reference kernels of level graph make new values.
bool in_place(Level level) { return level != Level::graph; }
constexpr Level levels[] = {Level::graph, Level::no_fuse, Level::full};
Tensor ramp(std::int64_t n) { return cumsum(full({n}, 1.0f), 0); }

}  // namespace

TEST_CASE("a tensor moved into a parameter by value gives its memory to a result made of it") {
  for (Level level : levels) {
    INFO("level " << static_cast<int>(level));
    auto f = function([](Tensor x, const Tensor& g) { return x - 0.5f * g; }, {.level = level});
    const Tensor g = full({1000}, 2.0f);
    Tensor x = ramp(1000);
    const float* memory = x.data<float>();
    for (int i = 1; i <= 3; ++i) {
      x = f(std::move(x), g);
      if (in_place(level)) CHECK(x.data<float>() == memory);
      CHECK(x.to_vector<float>()[7] == 8.0f - static_cast<float>(i));
    }
    CHECK(f.stats().traces == 1);
    CHECK(to_string(f).find("donated \"arg0\"") != std::string::npos);
  }
}

TEST_CASE("what somebody else holds is not overwritten") {
  for (Level level : levels) {
    auto f = function([](Tensor x) { return x * 2; }, {.level = level});
    const Tensor kept = ramp(100);
    CHECK(f(kept).to_vector<float>()[9] == 20);
    CHECK(kept.to_vector<float>()[9] == 10);
    Tensor copy = kept;
    CHECK(f(std::move(copy)).to_vector<float>()[9] == 20);
    CHECK(kept.to_vector<float>()[9] == 10);
    Tensor lone = ramp(100), shape = reshape(lone, {10, 10});
    CHECK(f(std::move(lone)).to_vector<float>()[9] == 20);
    CHECK(shape.to_vector<float>()[9] == 10);
    auto g = function([](Tensor x, Tensor y) { return x * 2 + y; }, {.level = level});
    Tensor both = ramp(4);
    CHECK(g(both, both).to_vector<float>() == std::vector<float>{3, 6, 9, 12});
    CHECK(both.to_vector<float>() == std::vector<float>{1, 2, 3, 4});
    // A tape reads the old value later.
    Tensor watched = ramp(3);
    CHECK(grad([&](const Tensor& v) {
            Tensor moved = v * 1;
            return reduce_sum(f(std::move(moved)) * v);
          })(watched)
              .to_vector<float>() == std::vector<float>{4, 8, 12});
    std::vector<float> foreign{1, 2, 3};
    CHECK(f(Tensor::view(std::span<const float>(foreign), {3})).to_vector<float>() == std::vector<float>{2, 4, 6});
    CHECK(foreign == std::vector<float>{1, 2, 3});
  }
}

TEST_CASE("results that are not made element by element, or twice, have memory of their own") {
  for (Level level : levels) {
    Tensor x = ramp(4);
    auto twice = function([](Tensor v) { return std::pair(v + 1, v + 2); }, {.level = level});
    auto [a, b] = twice(std::move(x));
    CHECK(a.to_vector<float>() == std::vector<float>{2, 3, 4, 5});
    CHECK(b.to_vector<float>() == std::vector<float>{3, 4, 5, 6});
    auto reads_all = function([](Tensor v) { return v - reduce_sum(v); }, {.level = level});
    CHECK(reads_all(ramp(4)).to_vector<float>() == std::vector<float>{-9, -8, -7, -6});
    auto reversed = function([](Tensor v, const Tensor& i) { return gather(v, i); }, {.level = level});
    CHECK(reversed(ramp(3), Tensor({std::int64_t{2}, std::int64_t{1}, std::int64_t{0}})).to_vector<float>() ==
          std::vector<float>{3, 2, 1});
    auto same = function([](Tensor v) { return v; }, {.level = level});
    CHECK(same(ramp(2)).to_vector<float>() == std::vector<float>{1, 2});
    auto chain = function([](Tensor v) { return exp(log(v) + 0.0f) * v; }, {.level = level});
    CHECK(chain(ramp(2)).to_vector<float>()[1] == Approx(4.0f));
    auto looped = function(
        [](Tensor v) {
          Tensor sum = v * 0;
          for_loop(3, [&](const Tensor&) { sum = sum + v; });
          return std::pair(v * 2, sum);
        },
        {.level = level});
    auto [doubled, sum] = looped(ramp(2));
    CHECK(doubled.to_vector<float>() == std::vector<float>{2, 4});
    CHECK(sum.to_vector<float>() == std::vector<float>{3, 6});
  }
}

TEST_CASE("trees, named sizes and saved functions take donated arguments") {
  struct Pair {
    Tensor a, b;
  };
  test::TemporaryFolder folder;
  for (Level level : levels) {
    auto f = function([](Pair p, Scalar<float> s) { return Pair{p.a * s, p.b + s}; }, {.level = level});
    Pair p{ramp(64), ramp(8)};
    const float *a = p.a.data<float>(), *b = p.b.data<float>();
    p = f(std::move(p), 2.0f);
    if (in_place(level)) {
      CHECK(p.a.data<float>() == a);
      CHECK(p.b.data<float>() == b);
    }
    CHECK(p.a.to_vector<float>()[3] == 8);
    CHECK(p.b.to_vector<float>()[3] == 6);
    auto sized = function([](Tensor x) { return x * 3; }, {.level = level, .signature = {spec<f32>({"n"})}});
    for (std::int64_t n : {3, 300, 0}) {
      Tensor x = ramp(n);
      const float* memory = x.data<float>();
      x = sized(std::move(x));
      CHECK(x.to_vector<float>().size() == static_cast<std::size_t>(n));
      if (n && in_place(level)) CHECK(x.data<float>() == memory);
    }
    const std::string file = folder.path / "f.burin";
    sized.save(file);
    CHECK(load(file, level)(ramp(2))[0].to_vector<float>() == std::vector<float>{3, 6});
  }
}
