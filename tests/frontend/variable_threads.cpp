// Variables under threads: calls that update them run one after the other, reads see whole values, tracing disturbs nobody.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <atomic>
#include <thread>

using namespace burin;

namespace {

const Level traced_levels[] = {Level::graph, Level::no_fuse, Level::full};

// Catch is not for threads: each counts what is wrong.
template <class F> int wrong_in(int threads, F&& work) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> list;
  for (int t = 0; t < threads; ++t)
    list.emplace_back([&, t] {
      try {
        wrong += work(t);
      } catch (const std::exception&) { ++wrong; }
    });
  for (auto& t : list) t.join();
  return wrong;
}

}  // namespace

TEST_CASE("concurrent calls of one function lose no update") {
  for (Level level : traced_levels) {
    Variable count(std::int64_t{0}), sums(zeros({64}));
    auto f = function(
        [&](const Tensor& x) {
          count += 1;
          sums = sums + x;
          return count.value();
        },
        {.level = level});
    const Tensor one = ones({64});
    std::vector<std::atomic<int>> seen(401);
    CHECK(wrong_in(4, [&](int) {
            for (int i = 0; i < 100; ++i) ++seen[static_cast<std::size_t>(f(one).item<std::int64_t>())];
            return 0;
          }) == 0);
    CHECK(count.item<std::int64_t>() == 400);
    CHECK(sums.to_vector<float>() == std::vector<float>(64, 400.0f));
    for (std::size_t i = 1; i <= 400; ++i) CHECK(seen[i] == 1);  // each call was at a time of its own
  }
}

TEST_CASE("functions that take the same variables in other orders do not wait for each other for ever") {
  for (Level level : traced_levels) {
    Variable a(1.0f), b(2.0f);
    auto f = function(
        [&] {
          a = a + b * 0.0f + 1;
          b = b + 1;
        },
        {.level = level});
    auto g = function(
        [&] {
          b = b + a * 0.0f + 1;
          a = a + 1;
        },
        {.level = level});
    CHECK(wrong_in(4, [&](int t) {
            for (int i = 0; i < 100; ++i) t % 2 ? f() : g();
            return 0;
          }) == 0);
    CHECK(a.item<float>() == 401);
    CHECK(b.item<float>() == 402);
  }
  Variable a(1.0f), b(0.0f);  // eager steps take one lock at a time
  CHECK(wrong_in(4, [&](int t) {
          for (int i = 0; i < 100; ++i) t % 2 ? a += b* 0.0f + 1 : b += a * 0.0f + 1;
          return 0;
        }) == 0);
  CHECK(a.item<float>() == 201);
  CHECK(b.item<float>() == 200);
  CHECK(wrong_in(2, [&](int t) {
          for (int i = 0; i < 100; ++i) t % 2 ? a += b : b += a;
          return 0;
        }) == 0);
}

TEST_CASE("a reader sees values of one call, never half of an update") {
  for (Level level : traced_levels) {
    Variable a(zeros({256})), b(zeros({256}));
    auto step = function(
        [&](const Tensor& x) {
          a = a + x;
          b = b + x;
        },
        {.level = level});
    auto both = function([&] { return std::vector<Tensor>{a, b}; }, {.level = level});
    auto difference = function([&] { return sum(abs(a - b)); }, {.level = level});
    const Tensor one = ones({256});
    CHECK(wrong_in(4, [&](int t) {
            int wrong = 0;
            for (int i = 0; i < 60; ++i) {
              if (t == 0) {
                step(one);
              } else if (t == 1) {
                auto seen = both();
                wrong += seen[0].to_vector<float>() != seen[1].to_vector<float>();
              } else if (t == 2) {
                wrong += difference().item<float>() != 0;
              } else {
                auto v = a.to_vector<float>();
                wrong += v.front() != v.back();
                wrong += (a * 2.0f).shape(0) != 256;
              }
            }
            return wrong;
          }) == 0);
    CHECK(a.to_vector<float>()[0] == 60);
  }
}

TEST_CASE("while one thread traces with a variable others read, assign and trace with it") {
  for (int round = 0; round < 5; ++round) {
    Variable v(1.0f), w(zeros({8}));
    CHECK(wrong_in(4, [&](int t) {
            int wrong = 0;
            for (int i = 0; i < 5; ++i) {
              if (t < 2) {
                auto f = function(
                    [&](const Tensor& x) {
                      Tensor old = v;
                      v = v * 0.0f + 1;
                      cond(v > 0, [&] { w += x; });
                      return old + v;
                    },
                    {.level = Level::graph});
                wrong += f(ones({8})).item<float>() != 2;
              } else {
                wrong += v.item<float>() != 1;
                if (t == 2) v = 1.0f;
                else w += 1.0f;
              }
            }
            return wrong;
          }) == 0);
    CHECK(w.to_vector<float>() == std::vector<float>(8, 15.0f));
  }
}
