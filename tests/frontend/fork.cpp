// fork() while other threads trace, compile and call: the child, which has one thread, can do all of it.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <atomic>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace burin;

namespace {

template <class F> bool child_is_well(F body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    bool good = false;
    try {
      good = body();
    } catch (...) {}
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

/// A function of its own, traced at each first call.
float traced(int n, Level level) {
  auto f = function(
      [n](const Tensor& x) {
        Tensor y = x;
        while_loop([&] { return sum(y) < n; }, [&] { y = y * 2 + n; });
        return y;
      },
      {.name = "f", .level = level});
  return f(Tensor({1.0f, 2.0f})).to_vector<float>()[0];
}

}  // namespace

TEST_CASE("a child forked while other threads trace traces itself") {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int n = t; !stop.load(); n += 2) {
        traced(n % 50, Level::graph);
        const Dim d(("n" + std::to_string(n % 1000)).c_str());
        static_cast<void>(d * 2 + 1);
      }
    });
  const float want = traced(30, Level::graph);
  for (int i = 0; i < 40; ++i) CHECK(child_is_well([&] { return traced(30, Level::graph) == want; }));
  stop = true;
  for (std::thread& t : threads) t.join();
}

TEST_CASE("a child forked while other threads compile compiles itself") {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (int n = 100; !stop.load(); ++n) traced(n, Level::full);
  });
  const float want = traced(30, Level::graph);
  for (int i = 0; i < 4; ++i) CHECK(child_is_well([&] { return traced(30, Level::full) == want; }));
  stop = true;
  other.join();
}

TEST_CASE("a child makes the trace that another thread was making when it was forked, and waits for no call of one") {
  std::atomic<int> state{0};
  const std::thread::id main = std::this_thread::get_id();
  auto pause = [&] {
    if (std::this_thread::get_id() == main) return;
    state = 1;
    state.notify_all();
    state.wait(1);
  };
  auto f = function(
      [&](const Tensor& x) {
        pause();
        return x + 1;
      },
      {.name = "f", .level = Level::graph});
  Variable total(Tensor(10.0f));
  std::thread tracing([&] { CHECK(f(Tensor(1.0f)).item<float>() == 2); });
  state.wait(0);
  CHECK(child_is_well([&] { return f(Tensor(1.0f)).item<float>() == 2 && f.stats().traces == 1; }));
  state = 2;
  state.notify_all();
  tracing.join();

  state = 0;
  auto g = function(
      [&](const Tensor& x) {
        print(x, "x");
        total = total + x;
      },
      {.name = "g", .level = Level::graph});
  burin_rt_set_print_sink([](void* user, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*,
                             const void*) { (*static_cast<decltype(pause)*>(user))(); },
                          &pause);
  std::thread calling([&] { g(Tensor(1.0f)); });  // prints, and so pauses, with the variable's lock
  state.wait(0);
  CHECK(child_is_well([&] {
    burin_rt_set_print_sink(nullptr, nullptr);
    g(Tensor(5.0f));
    return total.value().item<float>() == 15;
  }));
  state = 2;
  state.notify_all();
  calling.join();
  burin_rt_set_print_sink(nullptr, nullptr);
  CHECK(total.value().item<float>() == 11);
}
