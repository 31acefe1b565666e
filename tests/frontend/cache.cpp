// The cache of a function: hits, retraces and their reasons, bounds, threads, saving.
#include "runtime/core/allocator.h"
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <new>
#include <thread>
#include <unistd.h>

using namespace burin;

namespace {

const FunctionOptions graph_level{.name = "f", .level = Level::graph};
const Tensor x = {1.0f, 2.0f};

long resident_pages() {
  std::ifstream f("/proc/self/statm");
  long all = 0, resident = 0;
  f >> all >> resident;
  return resident;
}

std::string warnings;
struct CatchWarnings {
  CatchWarnings() {
    warnings.clear();
    burin_rt_set_warning_sink([](void*, const char* s, std::size_t n) { warnings.append(s, n) += '\n'; }, nullptr);
  }
  ~CatchWarnings() { burin_rt_set_warning_sink(nullptr, nullptr); }
};

}  // namespace

TEST_CASE("a static argument is a trace for each value, with its type, and its second retrace names Scalar") {
  CatchWarnings caught;
  auto f = function([](const Tensor& t, float rate, int n) { return t * rate + n; }, graph_level);
  f(x, 0.5f, 1);
  f(x, 0.25f, 1);
  CHECK(warnings.empty());
  f(x, 0.125f, 1);
  CHECK(f.stats().traces == 3);
  CHECK(warnings ==
        "f: the static argument arg1 caused its second retrace (0.25 (float) -> 0.125 (float)); declare it "
        "Scalar<float> where its value need not "
        "be known while tracing\n");
  auto g = function([](const Tensor& t, Scalar<float> rate) { return t * rate; }, graph_level);
  CHECK(g(x, 0.5f).to_vector<float>()[1] == 1);
  CHECK(g(x, 2.0f).to_vector<float>()[1] == 4);
  CHECK(g.stats().traces == 1);
}

TEST_CASE("every retrace says what changed and what to do") {
  auto f = function([](const std::vector<Tensor>& ts, bool flip) { return flip ? ts[0] : -ts[0]; }, graph_level);
  f({x}, true);
  f({x}, false);
  f({x, x}, false);
  f({Tensor({1.0f, 2.0f, 3.0f})}, false);
  CHECK(f.explain() ==
        "trace of \"f\": the first one\n"
        "retrace of \"f\": arg1: true -> false\n"
        "retrace of \"f\": arg0: 1 element -> 2 elements; arg0[1]: new, f32[2]\n"
        "  hint: a container's length is part of the key; one stacked tensor whose first size has a name needs one "
        "trace\n"
        "retrace of \"f\": arg0[0]: f32[2] -> f32[3]\n  hint: name the size in an input signature: "
        ".signature = {spec<f32>(\"arg0[0]\", {\"n0\"})}\n");
}

TEST_CASE("the number of traces kept is bounded, and what left is traced again") {
  auto f =
      function([](const Tensor& t, int n) { return t + n; }, {.name = "f", .level = Level::graph, .max_entries = 2});
  for (int n : {0, 1, 2, 0}) CHECK(f(x, n).to_vector<float>()[0] == 1.0f + static_cast<float>(n));
  CHECK(f.stats().traces == 4);
  CHECK(f.stats().evictions == 2);
  CHECK(f.stats().entries == 2);
}

TEST_CASE("weakly typed numbers take the tensor's dtype, and are part of the key") {
  auto f = function([](const Tensor& a, const Tensor& b) { return a * b; }, graph_level);
  CHECK(f(x, 2.0).dtype() == f32);
  CHECK(f(x, Tensor({2.0})).dtype() == f64);
  CHECK(f.stats().traces == 2);
}

TEST_CASE("captured tensors keep the value that they had while tracing") {
  Tensor k = 2.0f;
  auto f = function([&](const Tensor& t) { return t * k; }, graph_level);
  CHECK(f(x).to_vector<float>()[0] == 2);
  k = Tensor(5.0f);
  CHECK(f(x).to_vector<float>()[0] == 2);
}

TEST_CASE("a member function takes its object as a tree of arguments") {
  struct Model {
    Tensor w;
    Tensor forward(const Tensor& t) const { return t * w; }
    void scale(const Tensor& by) { w = w * by; }
  };
  Model m{{2.0f, 3.0f}};
  auto forward = function(&Model::forward, graph_level);
  CHECK(forward(m, x).to_vector<float>() == std::vector<float>{2, 6});
  auto scale = function(&Model::scale, graph_level);
  scale(m, 10.0f);
  CHECK(m.w.to_vector<float>() == std::vector<float>{20, 30});
  CHECK(forward(m, x).to_vector<float>() == std::vector<float>{20, 60});
  CHECK(forward.stats().traces == 1);
}

TEST_CASE("memory stays flat over 10,000 traces") {
  auto trace = [](int n) {
    auto f = function(
        [](const Tensor& t, int k) {
          Tensor y = t;
          while_loop([&] { return sum(y) < k; }, [&] { y = y * 2 + k; });
          return y;
        },
        graph_level);
    f(x, n);
  };
  for (int i = 0; i < 1000; ++i) trace(i);
  malloc_trim(0);
  long before = resident_pages();
  for (int i = 0; i < 10000; ++i) trace(i % 100);
  malloc_trim(0);
#ifdef BURIN_SANITIZED
  (void)before;  // a sanitizer keeps freed memory; the leak checker looks at the end instead
#else
  CHECK(resident_pages() - before < 1024);  // 4 MiB
#endif
}

TEST_CASE("a function that is gone has given back what it captured, though threads remember it") {
  const std::int64_t before = (rt::trim_memory(), rt::memory_stats().live_bytes);
  {
    Tensor large = cast(iota({1 << 18}), f32);
    auto f = function([&](const Tensor& t) { return t + sum(large); }, graph_level);
    f(x);
    std::thread([&] { f(x); }).join();
  }
  rt::trim_memory();
  CHECK(rt::memory_stats().live_bytes - before < 1 << 16);
}

TEST_CASE("one thread traces, the others wait, and all get the result") {
  std::atomic<int> runs{0}, right{0};
  auto f = function(
      [&](const Tensor& t) {
        ++runs;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return t + 1;
      },
      graph_level);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) right += f(x).to_vector<float>() == std::vector<float>{2, 3};
    });
  for (auto& t : threads) t.join();
  CHECK(runs == 1);
  CHECK(right == 200);
}

TEST_CASE("two functions that call each other, traced by two threads, are a recursion on both and no wait for ever") {
  std::function<Tensor(const Tensor&)> call_a, call_b;
  std::atomic<int> begun{0};
  auto meet = [&] {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  };
  auto a = function(
      [&](const Tensor& t) {
        meet();
        return call_b(t) + 1;
      },
      {.name = "a", .level = Level::graph});
  auto b = function(
      [&](const Tensor& t) {
        meet();
        return call_a(t) + 1;
      },
      {.name = "b", .level = Level::graph});
  call_a = [&](const Tensor& t) { return a(t); };
  call_b = [&](const Tensor& t) { return b(t); };
  std::string texts[2];
  auto caught = [&](int i, auto& call) {
    try {
      call(x);
    } catch (const TraceError& e) { texts[i] = e.error.message + " [" + e.error.tag + "]"; }
  };
  std::thread other([&] { caught(1, call_b); });
  caught(0, call_a);
  other.join();
  for (const std::string& text : texts) {
    CHECK(text.find("[recursion]") != std::string::npos);
    CHECK((text.find("calls itself while it is being traced") != std::string::npos ||
           text.find("they call each other") != std::string::npos));
  }
  CHECK(a.stats().entries == 0);
  CHECK(b.stats().entries == 0);
}

TEST_CASE("threads that fail to trace let the next one try") {
  std::atomic<int> runs{0}, failed{0};
  auto f = function(
      [&](const Tensor& t) {
        if (++runs <= 2) throw std::runtime_error("not yet");
        return t;
      },
      graph_level);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      try {
        f(x);
      } catch (const std::runtime_error&) { ++failed; }
    });
  for (auto& t : threads) t.join();
  CHECK(failed == 2);
}

TEST_CASE("a saved function gives the same when loaded") {
  std::string file = "/tmp/burin-test-" + std::to_string(getpid()) + ".burin";
  struct P {
    Tensor w, b;
  };
  P p{{{1.0f, 2.0f}, {3.0f, 4.0f}}, {1.0f, 1.0f}};
  Tensor bias = {10.0f, 20.0f};
  auto f = function(
      [&](const P& q, const Tensor& t) { return matmul(t, q.w) + q.b + bias; },
      {.name = "affine", .level = Level::graph, .signature = {spec<f32>({2, 2}), spec<f32>({2}), spec<f32>({"n", 2})}});
  Tensor t = {{1.0f, 1.0f}};
  auto want = f(p, t).to_vector<float>();
  f.save(file);
  auto g = load(file, Level::graph);
  CHECK(g.name() == "affine");
  CHECK(g(p, t)[0].to_vector<float>() == want);
  CHECK(g(p, Tensor({{1.0f, 1.0f}, {2.0f, 2.0f}}))[0].rank() == 2);
  CHECK_THROWS_AS(g(p, Tensor({1.0f})), InvalidArgument);
  auto h = function([&](const P& q, const Tensor& u) { return g(q, u)[0] * 2; }, graph_level);
  CHECK(h(p, t).to_vector<float>()[0] == 2 * want[0]);
  std::ofstream(file, std::ios::trunc) << "burin";
  CHECK_THROWS_AS(load(file), InvalidArgument);
  std::remove(file.c_str());
  CHECK_THROWS_AS(load(file), InvalidArgument);
}

TEST_CASE("a function first called inside another is called from threads afterwards") {
  auto inner = function([](const Tensor& t) { return t * 2; }, graph_level);
  auto outer = function([&](const Tensor& t) { return inner(t) + 1; }, graph_level);
  CHECK(outer(x).to_vector<float>() == std::vector<float>{3, 5});
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] { right += inner(x).to_vector<float>() == std::vector<float>{2, 4}; });
  for (auto& t : threads) t.join();
  CHECK(right == 3);
  CHECK(inner.stats().traces == 1);
}

TEST_CASE("more traces than allowed are an error with what this call changed") {
  auto f =
      function([](const Tensor& t, int n) { return t + n; }, {.name = "f", .level = Level::graph, .max_traces = 2});
  f(x, 1);
  f(x, 2);
  try {
    f(x, 3);
    FAIL();
  } catch (const TraceError& e) {
    CHECK(e.error.message == "\"f\" needs another trace; max_traces is 2");
    CHECK(e.error.hint.find("arg1: 2 -> 3") != std::string::npos);
  }
  CHECK(f(x, 1).to_vector<float>()[0] == 2);
}
