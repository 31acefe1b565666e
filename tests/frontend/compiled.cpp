// Functions at their default level: compiled, and called from the cache.
#include "tests/support/catch.h"

#include "runtime/core/allocator.h"

#include <burin/burin.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>
#include <thread>

using namespace burin;

namespace {
constinit thread_local long allocations = 0;
}
void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n ? n : 1)) return p;
  throw std::bad_alloc();
}
// The forms that libraries use besides, so that whoever allocates and whoever frees are the same under sanitizers too.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(n ? n : 1);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace {

struct Params {
  Tensor w1, b1, w2, b2;
};
Tensor mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }
Tensor ramp(const Shape& s) { return cast(reshape(iota({s.num_elements()}), s), f32) * 0.25f - 1.0f; }
Params params() { return {ramp({3, 5}), ramp({5}), ramp({5, 2}), ramp({2})}; }

void same_at_all_levels(auto callable, const auto&... arguments) {
  auto want = callable(arguments...).template to_vector<float>();
  for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
    auto got = function(callable, {.level = level})(arguments...).template to_vector<float>();
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      INFO("level " << static_cast<int>(level) << ", element " << i);
      CHECK(got[i] == Approx(want[i]).epsilon(1e-5).margin(1e-6));
    }
  }
}

}  // namespace

TEST_CASE("every level gives the same") {
  same_at_all_levels(mlp, params(), ramp({4, 3}));
  same_at_all_levels([](const Tensor& x) { return softmax(exp(x) * 2 + mean(x)); }, ramp({3, 7}));
  same_at_all_levels([](const Tensor& x) { return where(x > 0, log(x + 1), -x); }, ramp({33}));
}

TEST_CASE("compiled control flow gives the same") {
  auto newton = [](const Tensor& x) {
    Tensor y = x + 1, steps = 0;
    while_loop([&] { return (reduce_max(abs(y * y - x)) > 1e-5f) & (steps < 50); },
               [&] {
                 y = (y + x / y) / 2;
                 steps += 1;
               });
    return y;
  };
  same_at_all_levels(newton, Tensor({2.0f, 9.0f, 81.0f}));
  auto choose = [](const Tensor& x) {
    Tensor y = x;
    cond(sum(x) > 0, [&] { y = y * 2; }, [&] { y = -y; });
    return y + cond(sum(y) > 5, [&] { return x; }, [&] { return y; });
  };
  same_at_all_levels(choose, ramp({9}));
  same_at_all_levels(choose, -ramp({9}));
}

TEST_CASE("one compiled trace serves every size of a named one") {
  auto f = function([](const Tensor& x, const Tensor& w) { return relu(matmul(x, w)) + 1; },
                    {.signature = {spec<f32>({"n", 3}), spec<f32>({3, 4})}});
  for (int n : {1, 2, 17, 64, 0}) {
    Tensor x = ramp({n, 3}), w = ramp({3, 4});
    auto want = (relu(matmul(x, w)) + 1).to_vector<float>();
    auto got = f(x, w).to_vector<float>();
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(got[i] == Approx(want[i]));
  }
  CHECK(f.stats().traces == 1);
}

TEST_CASE("a hit allocates nothing but results, and those from the cache of buffers") {
  auto f = function([](const Tensor& a, const Tensor& b, const Tensor& c) { return a * b + c; });
  Tensor a = ramp({2}), b = ramp({2}), c = ramp({2});
  for (int i = 0; i < 3; ++i) f(a, b, c);
  long before = allocations;
  for (int i = 0; i < 100; ++i) f(a, b, c);
  CHECK(allocations - before == 0);
  CHECK(f.stats().calls == 103);
}

TEST_CASE("a step in place allocates nothing at all") {
  auto step = function([](Params& p, const Tensor& x, Scalar<float> lr) {
    p.w1 = p.w1 - lr * x;
    p.b1 = p.b1 * 0.5f + lr;
  });
  Params p = {ramp({300, 500}) + 0, ramp({5}) + 0, ramp({5, 2}) + 0, ramp({2}) + 0};
  Tensor x = ramp({300, 500});
  Scalar<float> lr = 0.1f;
  for (int i = 0; i < 3; ++i) step(p, x, lr);
  const float* at[] = {p.w1.data<float>(), p.b1.data<float>(), p.w2.data<float>(), p.b2.data<float>()};
  long before = allocations;
  auto system = rt::memory_stats().system_allocations;
  for (int i = 0; i < 100; ++i) step(p, x, lr);
  CHECK(allocations - before == 0);
  CHECK(rt::memory_stats().system_allocations == system);
  const float* now[] = {p.w1.data<float>(), p.b1.data<float>(), p.w2.data<float>(), p.b2.data<float>()};
  for (int i = 0; i < 4; ++i) CHECK(at[i] == now[i]);
}

TEST_CASE("a step over variables in place allocates nothing at all") {
  Variable w(ramp({300, 50}) + 0), b(ramp({5}) + 0), rate(0.5f);
  auto step = function([&](const Tensor& x) {
    w -= rate * x;
    b = b * rate;
  });
  Tensor x = ramp({300, 50});
  for (int i = 0; i < 3; ++i) step(x);
  const long before = allocations;
  for (int i = 0; i < 100; ++i) step(x);
  CHECK(allocations - before == 0);
}

TEST_CASE("two functions with one body share its code") {
  auto make = [] { return function([](const Tensor& x) { return exp(x) * 3 + 7; }); };
  auto f = make(), g = make();
  Tensor x = ramp({11});
  f(x);
  g(x);
  CHECK(f.stats().compiles == 1);
  CHECK(g.stats().compiles == 0);
  CHECK(g.stats().memory_hits == 1);
}

TEST_CASE("a fault of compiled code has the words and the line of an eager one") {
  const int line = __LINE__ + 1;
  auto f = [](const Tensor& x, const Tensor& i) { return gather(x, i); };
  Tensor x = ramp({4}), bad = {0, 9};
  auto g = function(f);
  auto text = [&](auto& callable) -> std::string {
    try {
      callable(x, bad);
    } catch (const DeviceError& e) {
      CHECK(e.error.where.find("at tests/frontend/compiled.cpp:" + std::to_string(line)) != std::string::npos);
      return e.error.message;
    }
    return "no error";
  };
  CHECK(text(f) == "gather: index 9 is out of range, at element 1 of the indices");
  CHECK(text(g) == text(f));
  CHECK(g(x, Tensor({0, 3})).to_vector<float>()[0] == -1);
}

TEST_CASE("compiled functions update by-reference parameters and may be called from several threads") {
  auto step = function([](Params& p, const Tensor& x) {
    Tensor y = mlp(p, x);
    p.b2 = p.b2 + sum(y, 0);
    return y;
  });
  auto plain = [](Params& p, const Tensor& x) {
    Tensor y = mlp(p, x);
    p.b2 = p.b2 + sum(y, 0);
    return y;
  };
  Params p = params(), q = params();
  Tensor x = ramp({4, 3});
  for (int i = 0; i < 3; ++i) {
    step(p, x);
    plain(q, x);
  }
  CHECK(p.b2.to_vector<float>()[1] == Approx(q.b2.to_vector<float>()[1]));
  auto f = function(mlp);
  auto want = mlp(params(), x).to_vector<float>();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      Params own = params();
      for (int i = 0; i < 100; ++i) right += f(own, x).to_vector<float>()[0] == Approx(want[0]);
    });
  for (auto& t : threads) t.join();
  CHECK(right == 300);
  CHECK(f.stats().traces == 1);
}

TEST_CASE("a sum over no axes leaves -0 as it is; a sum of -0 alone is +0") {
  auto bits = [](const Tensor& t) {
    std::vector<bool> signs;
    for (double v : cast(t, f64).to_vector<double>()) signs.push_back(std::signbit(v));
    return signs;
  };
  auto sums = [](const Tensor& x) { return std::pair(reduce_sum(x, std::vector<std::int64_t>{}), reduce_sum(x, 1)); };
  for (Dtype t : {f32, f64, bf16}) {
    const Tensor x = cast(Tensor({{-0.0f}, {0.0f}, {-1.0f}}), t);
    auto check = [&](const std::pair<Tensor, Tensor>& made) {
      CHECK(bits(made.first) == std::vector<bool>{true, false, true});
      CHECK(bits(made.second) == std::vector<bool>{false, false, true});
    };
    check(sums(x));
    for (Level level : {Level::graph, Level::no_fuse, Level::full}) check(function(sums, {.level = level})(x));
  }
}

TEST_CASE("a reduction of what is the same everywhere, and what is computed from it") {
  for (Dtype dtype : {f32, f64, bf16, i32}) {
    auto f = [&](const Tensor& x) {
      const Tensor rows = broadcast_to(cast(Tensor(2.0), dtype), {3, x.shape(0)});
      return reduce_sum(rows, 1) * 3 + reduce_sum(rows * cast(x, dtype), 1);
    };
    const std::vector<double> values{1, 2, 3, 4};
    for (std::size_t n : {0u, 1u, 4u}) {
      const Tensor x(std::vector<double>(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n)));
      const auto want = cast(f(x), f64).to_vector<double>();
      for (Level level : {Level::no_fuse, Level::full})
        for (const auto& signature : {std::vector<Spec>{}, std::vector<Spec>{spec<Dtype::f64>({"n"})}})
          CHECK(cast(function(f, {.level = level, .signature = signature})(x), f64).to_vector<double>() == want);
    }
  }
}

TEST_CASE("a function tells what memory a call takes before it runs") {
  auto body = [](const Tensor& x) { return cumsum(cumsum(x, 0), 0); };
  auto f = function(body, {.name = "f"});
  f(full({1000}, 1.0f));
  CHECK(f.stats().planned_bytes == 4032);  // what is between the sums, at a multiple of 64
  f(full({10}, 1.0f));
  CHECK(f.stats().planned_bytes == 4032);  // the most of all traces
  auto in_place = function([](const Tensor& x) { return exp(x) + 1.0f; });
  in_place(full({1000}, 1.0f));
  CHECK(in_place.stats().planned_bytes == 0);
  auto named = function(body, {.name = "named", .signature = {spec<f32>({"n"})}});
  named(full({10}, 1.0f));
  CHECK(named.stats().planned_bytes == 64);
  named(full({1000}, 1.0f));
  named(full({100}, 1.0f));
  CHECK(named.stats().planned_bytes == 4032);
  auto product = function([](const Tensor& x) { return matmul(x, x); });
  product(full({40, 40}, 1.0f));
  CHECK(product.stats().planned_bytes > 0);  // workspace
  auto referee = function(body, {.level = Level::graph});
  referee(full({1000}, 1.0f));
  CHECK(referee.stats().planned_bytes == 0);
}
