// Objects that outlive what the library keeps for their thread: their destructors may still make tensors, trace and run.
#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <burin/burin.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

using namespace burin;

namespace {

void trace_and_run() {
  auto f = function(
      [](const Tensor& x) {
        Tensor y = x;
        while_loop([&] { return y < 100.0f; }, [&] { y = y * 2.0f; });
        return y + grad([](const Tensor& t) { return t * t; })(x);
      },
      {.level = Level::graph});
  if (f(Tensor(3.0f)).item<float>() != 198.0f) std::abort();
  if (f(Tensor(3.0f)).item<float>() != 198.0f) std::abort();
  std::puts("ran late");
}

/// Calls what it holds when it goes: made before the thread's first tensor, it goes after all that the library made.
struct Late {
  std::function<void()> what;
  ~Late() {
    if (what) what();
  }
};
Late at_exit;
thread_local Late at_thread_end;

}  // namespace

TEST_CASE("late destructors in a process of their own", "[.late]") {
  std::thread([] {
    at_thread_end.what = trace_and_run;
    Tensor x = Tensor({1.0f, 2.0f}) * 2.0f;
    trace_and_run();
  }).join();
  at_thread_end.what = trace_and_run;
  at_exit.what = trace_and_run;
  trace_and_run();
}

TEST_CASE("a static or thread_local object may trace when it is destroyed") {
  const std::string out = test::run_child("late destructors in a process of their own", {});
  std::size_t times = 0;
  for (std::size_t at = out.find("ran late"); at != std::string::npos; at = out.find("ran late", at + 1)) ++times;
  CHECK(times == 5);  // two bodies, two thread_local objects, the static one
}
