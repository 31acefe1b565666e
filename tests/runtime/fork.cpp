// Locks over fork(): what is short is waited for and open in a child, what is long is open unless the forking thread has it.
#include "runtime/core/fork.h"
#include "runtime/core/print.h"
#include "runtime/core/warning.h"

#include "tests/support/catch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace burin::rt;

namespace {

/// Whether a child in which `body` runs ends well and in time.
template <class F> bool child_is_well(F body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20);
    ::_exit(body() ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

}  // namespace

TEST_CASE("a child forked while other threads are in short sections finds them over") {
  Mutex outer, inner;
  int a = 0, b = 0;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!stop.load()) {
        std::lock_guard one(outer);
        ++a;
        std::lock_guard two(inner);
        ++b;
      }
    });
  for (int i = 0; i < 50; ++i)
    CHECK(child_is_well([&] {
      std::lock_guard one(outer);
      std::lock_guard two(inner);
      return a == b;
    }));
  stop = true;
  for (std::thread& t : threads) t.join();
}

TEST_CASE("a turn is taken again by the thread that has it, and is open in a child of another") {
  Turn turn;
  std::lock_guard first(turn);
  {
    std::lock_guard second(turn);
    CHECK(turn.mine());
  }
  CHECK(turn.mine());
  CHECK(child_is_well([&] {  // the forking thread has it: still so
    bool other = false;
    std::thread([&] { other = turn.mine(); }).join();
    return turn.mine() && !other;
  }));
  std::atomic<int> state{0};
  Turn held;
  std::thread holder([&] {
    std::lock_guard lock(held);
    state = 1;
    state.notify_all();
    state.wait(1);
  });
  state.wait(0);
  CHECK_FALSE(held.mine());
  const std::uint32_t before = fork_generation();
  CHECK(child_is_well([&] {
    if (fork_generation() != before + 1) return false;
    bool taken = false;
    std::thread([&] {  // perhaps at the address that the lost thread had
      std::lock_guard lock(held);
      taken = held.mine();
    })
        .join();
    std::lock_guard lock(held);
    return taken && held.mine();
  }));
  CHECK(fork_generation() == before);
  state = 2;
  state.notify_all();
  holder.join();
}

TEST_CASE("threads take turns") {
  Turn turn;
  int n = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        std::lock_guard lock(turn);
        ++n;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(n == 20'000);
}

TEST_CASE("fork waits for long work, and the child is told nothing is lost") {
  std::atomic<bool> working{false}, done{false};
  std::thread worker([&] {
    LongWork work;
    working = true;
    working.notify_all();
    ::usleep(30'000);
    done = true;
  });
  working.wait(false);
  CHECK(child_is_well([&] { return done.load() && !forked_during_work(); }));
  worker.join();
  LongWork own;
  CHECK(child_is_well([] { return !forked_during_work(); }));  // what this thread does, the child goes on with
}

TEST_CASE("a sink that prints or warns itself, or removes itself, does not wait for itself") {
  static std::vector<std::string> got;
  got.clear();
  burin_rt_set_print_sink(
      [](void*, const char* label, std::int64_t size, std::int32_t, std::int32_t, const std::int64_t*, const void*) {
        got.emplace_back(label, static_cast<std::size_t>(size));
        const std::int32_t n = 1;
        print_value("inner", 5, BURIN_RT_I32, 0, nullptr, &n);  // on stdout
        burin_rt_set_print_sink(nullptr, nullptr);
      },
      nullptr);
  const std::int32_t n = 1;
  print_value("outer", 5, BURIN_RT_I32, 0, nullptr, &n);
  CHECK(got == std::vector<std::string>{"outer"});
  burin_rt_set_warning_sink(
      [](void*, const char* text, std::size_t size) {
        got.emplace_back(text, size);
        warn("a warning of a sink");  // on stderr
        burin_rt_set_warning_sink(nullptr, nullptr);
      },
      nullptr);
  warn("first");
  CHECK(got == std::vector<std::string>{"outer", "first"});
}
