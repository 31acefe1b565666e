// By-reference parameters: updated in place where nobody else holds the value, and never seen to change by who does.
#include "tests/support/catch.h"

#include "frontend/library/dlpack.h"
#include "frontend/value/node.h"

#include <burin/burin.h>

#include <atomic>
#include <random>
#include <thread>

using namespace burin;

namespace {

Tensor ramp(const Shape& s, float from = 0) { return cast(reshape(iota({s.num_elements()}), s), f32) * 0.5f + from; }
const void* memory(const Tensor& t) { return t.data<float>(); }
std::uint64_t version(const Tensor& t) { return detail::HandleAccess::node(t).get()->value.buffer.version(); }

const auto add_to = [](Tensor& acc, const Tensor& x) { acc = acc + x; };
const Level compiled_levels[] = {Level::no_fuse, Level::full};
const Level traced_levels[] = {Level::graph, Level::no_fuse, Level::full};

struct Moments {
  Tensor w, m, v, step;
};
Tensor update(Moments& s, const Tensor& g) {
  s.step = s.step + 1.0f;
  s.m = s.m * 0.9f + g * 0.1f;
  s.v = s.v * 0.99f + g * g * 0.01f;
  s.w = s.w - s.m / (s.v + 1.0f) / s.step;
  return sum(s.w * s.w);
}

}  // namespace

TEST_CASE("state that nobody else holds is overwritten where it is") {
  for (Level level : compiled_levels) {
    auto f = function(update, {.level = level});
    Moments a{ramp({50}), ramp({50}, 1), ramp({50}, 2), Tensor(0.0f)}, plain = a;
    plain = {a.w + 0, a.m + 0, a.v + 0, a.step + 0};
    a = {a.w + 0, a.m + 0, a.v + 0, a.step + 0};
    Tensor g = ramp({50}, -3);
    const void* at[] = {memory(a.w), memory(a.m), memory(a.v), memory(a.step)};
    std::uint64_t before = version(a.w);
    for (int i = 0; i < 4; ++i) {
      float loss = f(a, g).item<float>();
      CHECK(loss == Approx(update(plain, g).item<float>()));
    }
    const void* now[] = {memory(a.w), memory(a.m), memory(a.v), memory(a.step)};
    for (int i = 0; i < 4; ++i) CHECK(at[i] == now[i]);
    CHECK(version(a.w) == before + 4);
    CHECK(a.step.item<float>() == 4);
    for (std::size_t i = 0; i < 50; ++i) CHECK(a.w.data<float>()[i] == Approx(plain.w.data<float>()[i]));
  }
}

TEST_CASE("who holds the old value keeps it") {
  for (Level level : traced_levels) {
    INFO("level " << static_cast<int>(level));
    auto f = function(add_to, {.level = level});
    const std::vector<float> old = ramp({6}).to_vector<float>();
    Tensor x = Tensor(std::vector<float>(6, 1.0f));
    // A step on `state`, which `holder` looks at before and after.
    auto keeps = [&](Tensor state, auto make_holder, auto values) {
      f(state, x);
      f(state, x - 2);  // back to the old value, and from now on in place
      REQUIRE(state.to_vector<float>() == old);
      auto holder = make_holder(state);
      f(state, x);
      CHECK(values(holder) == old);
      CHECK(state.to_vector<float>() == (ramp({6}) + x).to_vector<float>());
    };
    auto read = [](const Tensor& t) { return t.to_vector<float>(); };
    keeps(ramp({6}), [](const Tensor& t) { return t; }, read);
    keeps(ramp({6}), [](const Tensor& t) { return reshape(t, {2, 3}); }, read);
    struct Release {
      void operator()(DLManagedTensor* m) const { m->deleter(m); }
    };
    keeps(
        ramp({6}), [](const Tensor& t) { return std::unique_ptr<DLManagedTensor, Release>(t.to_dlpack()); },
        [](auto& m) {
          auto* p = static_cast<const float*>(m->dl_tensor.data);
          return std::vector<float>(p, p + 6);
        });
    std::vector<float> mine = old;
    keeps(
        ramp({6}),
        [&](Tensor& t) {
          t = Tensor::view(std::span<const float>(mine), {6});
          return &mine;
        },
        [](auto* v) { return *v; });

    Tensor one = ramp({6}) + 0;
    auto captures = function([one](Tensor& acc) { acc = acc + one * 0 + 1; }, {.level = level});
    captures(one);
    captures(one);
    CHECK(one.to_vector<float>()[0] == old[0] + 2);
    Tensor both = ramp({6}) + 0;
    Tensor y = function(
        [](Tensor& acc, const Tensor& v) {
          acc = acc + 1;
          acc = acc * 2;
          acc = acc - v - (v + 2);
          return v * 1;
        },
        {.level = level})(both, both);  // one handle, by reference and by value
    CHECK(y.to_vector<float>() == old);
    CHECK(both.to_vector<float>() == std::vector<float>(6, 0.0f));
  }
}

TEST_CASE("what is not computed is handed on, not copied") {
  for (Level level : traced_levels) {
    Tensor a = ramp({5}), b = ramp({5}, 9);
    const void *was_a = memory(a), *was_b = memory(b);
    function([](Tensor& x, Tensor& y) { std::swap(x, y); }, {.level = level})(a, b);
    CHECK(memory(a) == was_b);
    CHECK(memory(b) == was_a);
    Tensor old = function(
        [](Tensor& x, Tensor& y) {
          Tensor before = x;
          x = x + 1;
          (void)y;
          return before;
        },
        {.level = level})(a, b);
    CHECK(memory(b) == was_a);
    CHECK(memory(old) == was_b);
    CHECK(old.to_vector<float>()[0] == 9);
    CHECK(a.to_vector<float>()[0] == 10);
  }
}

TEST_CASE("two by-reference parameters may share a value, not a handle") {
  for (Level level : traced_levels) {
    auto f = function(
        [](Tensor& x, Tensor& y) {
          x = x + 1;
          y = y * 2 + x;
        },
        {.level = level});
    Tensor a = ramp({5}), b = a, keep = a;
    f(a, b);
    CHECK(a.to_vector<float>() == (keep + 1).to_vector<float>());
    CHECK(b.to_vector<float>() == (keep * 3 + 1).to_vector<float>());
    CHECK_THROWS_AS(f(a, a), InvalidArgument);
    std::vector<Tensor> many;
    for (int i = 0; i < 40; ++i) many.push_back(ramp({3}, static_cast<float>(i)));
    auto g = function(
        [](std::vector<Tensor>& list, const Tensor& x) {
          for (auto& t : list) t = t + 1;
          return x * 1;
        },
        {.level = level});
    CHECK(g(many, many[7]).to_vector<float>()[0] == 7);
    CHECK(many[7].to_vector<float>()[0] == 8);
    CHECK(g(many, many[39]).to_vector<float>()[0] == 40);
    CHECK(many[39].to_vector<float>()[0] == 41);
  }
}

TEST_CASE("a failed call leaves state as it was") {
  for (Level level : traced_levels) {
    const std::string name = "level " + std::to_string(static_cast<int>(level));
    auto check = [&](auto callable) {
      auto f = function(callable, {.level = level});
      Tensor a = ramp({4}), b = ramp({4}, 3), good = {0, 3}, bad = {0, 4};
      f(a, b, good);
      auto was_a = a.to_vector<float>(), was_b = b.to_vector<float>();
      const void* at = memory(a);
      CHECK_THROWS_AS(f(a, b, bad), DeviceError);
      CHECK(a.to_vector<float>() == was_a);
      CHECK(b.to_vector<float>() == was_b);
      CHECK(memory(a) == at);
      Tensor c = a + 0, d = b + 0;
      f(a, b, good);  // works on
      callable(c, d, good);
      CHECK(a.to_vector<float>() == c.to_vector<float>());
      CHECK(b.to_vector<float>() == d.to_vector<float>());
    };
    INFO(name);
    check([](Tensor& x, Tensor& y, const Tensor& i) {  // before the updates
      Tensor picked = sum(gather(y, i));
      x = x + picked;
      y = y - picked;
    });
    check([](Tensor& x, Tensor& y, const Tensor& i) {  // behind them
      x = x + 1;
      y = y * 2 + sum(gather(x, i));
    });
    check([](Tensor& x, Tensor& y, const Tensor& i) {  // the update itself
      x = scatter_add(x, i, Tensor({1.0f, 2.0f}));
      y = y + x;
    });
    check([](Tensor& x, Tensor& y, const Tensor& i) {  // on one path of a branch only
      cond(sum(y) > -1000, [&] { x = x + sum(gather(y, i)); }, [&] { x = x * 2; });
      y = y + 1;
    });
    auto throws = function(
        [](Tensor& x, int n) {
          x = x + 1;
          if (n > 1) throw std::runtime_error("from the callable");
        },
        {.level = level});
    Tensor t = ramp({4});
    auto was = t.to_vector<float>();
    CHECK_THROWS_AS(throws(t, 2), std::runtime_error);
    CHECK(t.to_vector<float>() == was);
  }
}

TEST_CASE("gradients see the values that were read, not the new ones") {
  auto f = function([](Tensor& acc, const Tensor& x) {
    acc = acc * x;
    return sum(acc);
  });
  Tensor x = ramp({3}, 1), start = ramp({3}, 2);
  auto loss = [&](auto& step) {
    return [&](const Tensor& q) {
      Tensor acc = start + 0;
      Tensor first = step(acc, q);
      return first + step(acc, q) + sum(acc * acc);
    };
  };
  auto plain = [](Tensor& acc, const Tensor& y) {
    acc = acc * y;
    return sum(acc);
  };
  auto [got, g] = value_and_grad(loss(f))(x);
  auto [want, h] = value_and_grad(loss(plain))(x);
  CHECK(got.item<float>() == Approx(want.item<float>()));
  for (std::size_t i = 0; i < 3; ++i) CHECK(g.data<float>()[i] == Approx(h.data<float>()[i]));
}

TEST_CASE("an eager loop that calls a function with state computes what plain C++ does") {
  auto f = function(add_to);
  Tensor acc = ramp({4}), x = ramp({4}, 1), i = 0;
  auto want = (acc + x * 5).to_vector<float>();
  while_loop([&] { return i < 5; },
             [&] {
               f(acc, x);
               i += 1;
             });
  CHECK(acc.to_vector<float>() == want);
}

TEST_CASE("threads that start from one value each update their own") {
  auto f = function(update);
  Moments start{ramp({64}), ramp({64}, 1), ramp({64}, 2), Tensor(0.0f)};
  Tensor g = ramp({64}, -3);
  auto was = start.w.to_vector<float>();
  Moments plain = start;
  for (int i = 0; i < 50; ++i) update(plain, g);
  auto want = plain.w.to_vector<float>();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, own = start]() mutable {
      for (int i = 0; i < 50; ++i) f(own, g);
      auto got = own.w.to_vector<float>();
      bool same = true;
      for (std::size_t i = 0; i < want.size(); ++i) same &= got[i] == Approx(want[i]).epsilon(1e-4);
      right += same;
    });
  for (auto& t : threads) t.join();
  CHECK(right == 4);
  CHECK(start.w.to_vector<float>() == was);
}

TEST_CASE("random steps over handles that share values go as plain calls do") {
  auto step = [](Tensor& p, Tensor& q, Tensor& r, const Tensor& x, const Tensor& y) {
    Tensor old = p;
    p = p * 0.5f + x;
    q = q + sum(old) * 0.01f + y * r;
    std::swap(r, old);
    return sum(q) + sum(old);
  };
  for (Level level : traced_levels) {
    auto f = function(step, {.level = level});
    std::mt19937 random(7);
    auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::vector<Tensor> a, b;
    for (int i = 0; i < 6; ++i) a.push_back(ramp({7}, static_cast<float>(i) - 3)), b.push_back(a.back());
    for (int trial = 0; trial < 300; ++trial) {
      std::size_t i = pick(6), j = (i + 1 + pick(5)) % 6, k = pick(6);
      if (k == i || k == j) continue;
      std::size_t x = pick(6), y = pick(6), to = pick(6), from = pick(6);
      float got = f(a[i], a[j], a[k], a[x], a[y]).item<float>();
      // The callable itself, with the arguments that a call copies.
      Tensor bx = b[x], by = b[y];
      float want = step(b[i], b[j], b[k], bx, by).item<float>();
      CHECK(got == Approx(want).epsilon(1e-3).margin(1e-3));
      a[to] = a[from] * 0.125f;
      b[to] = b[from] * 0.125f;
      if (pick(2)) a[pick(6)] = a[from], b = a;
      else
        for (std::size_t n = 0; n < 6; ++n)
          for (std::size_t e = 0; e < 7; ++e)
            CHECK(a[n].data<float>()[e] == Approx(b[n].data<float>()[e]).epsilon(1e-3).margin(1e-3));
      if (trial % 5 == 0) b = a;
      if (trial % 7 == 0)
        for (std::size_t n = 0; n < 6; ++n) a[n] = a[n] * 0.25f, b[n] = b[n] * 0.25f;
    }
  }
}
