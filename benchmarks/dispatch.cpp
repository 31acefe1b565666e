// What a call of a compiled function costs above the kernel's own time, from one thread and from two.
#include "benchmarks/bench.h"

#include <burin/burin.h>

#include <thread>

namespace burin::bench {

void suite(Rows& rows) {
  auto f = burin::function([](const Tensor& a, const Tensor& b, const Tensor& c) { return a * b + c; });
  Tensor a = {1.0f, 2.0f}, b = {3.0f, 4.0f}, c = {5.0f, 6.0f};
  keep(f(a, b, c).defined());
  rows.add({.name = "cached_call_3args", .ours = [=] { keep(f(a, b, c).defined()); }});
  constexpr int calls = 20'000;
  auto many = [=] {
    for (int i = 0; i < calls; ++i) keep(f(a, b, c).defined());
  };
  rows.add({.name = "cached_call_3args_two_threads",
            .threads = 2,
            .ours =
                [=] {
                  std::thread other(many);
                  many();
                  other.join();
                },
            .peer_name = "one thread, twice",
            .peer =
                [=] {
                  many();
                  many();
                },
            .operations = 2 * calls});
}

}  // namespace burin::bench
