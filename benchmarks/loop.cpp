// What a trip of a compiled loop costs: one that is a kernel by itself, against the C++ loop; one of the host program; and a
// scan, whose stacked results must not make a trip dearer the more of them there are.
#include "benchmarks/bench.h"

#include <burin/burin.h>

#include <vector>

namespace burin::bench {
namespace {

constexpr std::int64_t trips = 1'000'000;

Tensor decay(const Tensor& x, const Tensor& n, LoopOptions options) {
  Tensor y = x, i = std::int64_t{0};
  while_loop([&] { return i < n; },
             [&] {
               y = y * 0.999f + 0.001f;
               i = i + 1;
             },
             options);
  return y;
}

[[gnu::noinline]] float decay_loop(float y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y = y * 0.999f + 0.001f;
  return y;
}

Tensor running_mean(const Tensor& xs) {
  return scan(
             [](const Tensor& c, const Tensor& x) {
               Tensor next = c * 0.9f + x * 0.1f;
               return std::pair(next, next);
             },
             zeros({64}), xs)
      .second;
}

Tensor filled(const Shape& shape) {
  return Tensor(std::vector<float>(static_cast<std::size_t>(shape.num_elements().value()), 0.5f), shape);
}

}  // namespace

void suite(Rows& rows) {
  Tensor x = 2.0f, n = trips;
  auto free = burin::function([](const Tensor& y, const Tensor& count) { return decay(y, count, {}); });
  auto peer = [] { keep(decay_loop(2.0f, trips)); };
  rows.add({.name = "trivial_iteration",
            .ours = [=] { keep(free(x, n).defined()); },
            .peer_name = "g++ -O3 -march=native loop",
            .peer = peer,
            .operations = trips});
  auto bounded =
      burin::function([](const Tensor& y, const Tensor& count) { return decay(y, count, {.max_trips = 2 * trips}); });
  rows.add({.name = "trivial_iteration_bounded",
            .ours = [=] { keep(bounded(x, n).defined()); },
            .peer_name = "g++ -O3 -march=native loop",
            .peer = peer,
            .operations = trips});
  // 64 elements are no scalars: the host program runs the loop, two kernels a trip.
  Tensor v = filled({64});
  rows.add({.name = "vector_iteration", .ours = [=] { keep(free(v, n).defined()); }, .operations = trips});

  auto scanned = burin::function(running_mean);
  for (std::int64_t length : {1000, 16000}) {
    Tensor xs = filled({length, 64});
    keep(scanned(xs).defined());
    rows.add({.name = "scan_stack_" + std::to_string(length / 1000) + "k",
              .ours = [=] { keep(scanned(xs).defined()); },
              .operations = static_cast<double>(length)});
  }
}

}  // namespace burin::bench
