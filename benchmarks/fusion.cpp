// Ten elementwise ops over memory that no cache holds, as one kernel, against the loop that a C++ programmer would write.
#include "benchmarks/bench.h"

#include <burin/burin.h>

#include <memory>
#include <thread>
#include <vector>

namespace burin::bench {
namespace {

constexpr std::int64_t elements = std::int64_t{1} << 24;  // 64 MB in, 64 MB out

Tensor chain(const Tensor& x) {
  Tensor y = x * 1.5f + 0.5f;
  y = max(y, 0.25f) - 2.0f;
  y = y * y + x;
  return (y * 0.125f - 1.0f) * y;
}

void loop(const float* __restrict x, float* __restrict out, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    float y = x[i] * 1.5f + 0.5f;
    y = (y > 0.25f ? y : 0.25f) - 2.0f;
    y = y * y + x[i];
    out[i] = (y * 0.125f - 1.0f) * y;
  }
}

}  // namespace

void suite(Rows& rows) {
  auto f = burin::function(chain);
  auto host = std::make_shared<std::vector<float>>(elements), out = std::make_shared<std::vector<float>>(elements);
  for (std::size_t i = 0; i < host->size(); ++i) (*host)[i] = static_cast<float>(i % 1000) * 0.01f;
  Tensor x(*host, {elements});
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  keep(f(x).defined());
  rows.add({.name = "chain10",
            .threads = static_cast<int>(threads),
            .ours = [=] { keep(f(x).defined()); },
            .peer_name = "g++ -O3 -march=native loop",
            .peer =
                [=] {
                  std::vector<std::thread> workers;
                  for (unsigned t = 0; t < threads; ++t)
                    workers.emplace_back(loop, host->data(), out->data(), elements * t / threads,
                                         elements * (t + 1) / threads);
                  for (auto& w : workers) w.join();
                  keep(out->data());
                }});
}

}  // namespace burin::bench
