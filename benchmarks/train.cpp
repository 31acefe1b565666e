// One step of training a 784-256-128-10 perceptron on a batch of 128: forward, backward and the optimiser's update in place,
// one compiled call. The peer is libtorch where it is installed, with as many threads. And the memory that the step takes
// besides parameters, state and batch.
#include "benchmarks/bench.h"
#include "benchmarks/peer/torch_mlp.h"
#include "runtime/core/allocator.h"

#include <burin/burin.h>

#include <memory>
#include <random>
#include <thread>

namespace burin::bench {
namespace {

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;

Tensor mlp(const Params& p, const Tensor& x) {
  Tensor h = x;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) h = relu(matmul(h, p[i].w) + p[i].b);
  return matmul(h, p.back().w) + p.back().b;
}

Tensor random(const Shape& shape, float scale, std::mt19937& generator) {
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<std::size_t>(shape.num_elements().value()));
  for (float& v : values) v = normal(generator);
  return Tensor(values, shape);
}

template <class Optimizer> void add_step(Rows& rows, const char* name, const Optimizer& optimizer, bool adam) {
  std::mt19937 generator(1);
  using State = decltype(optimizer.init(Params()));
  struct Session {
    Params p;
    State state;
    Tensor x, labels;
  };
  auto s = std::make_shared<Session>();
  for (auto [in, out] : {std::pair<std::int64_t, std::int64_t>{784, 256}, {256, 128}, {128, 10}})
    s->p.push_back({random({in, out}, 0.05f, generator), zeros({out})});
  s->state = optimizer.init(s->p);
  s->x = random({128, 784}, 1, generator);
  std::vector<std::int32_t> labels(128);
  for (auto& l : labels) l = static_cast<std::int32_t>(generator() % 10);
  s->labels = Tensor(labels);

  auto step = burin::function([](Params& p, State& state, const Optimizer& o, const Tensor& x, const Tensor& t) {
    auto [loss, g] = value_and_grad([&](const Params& q) { return softmax_cross_entropy(mlp(q, x), t); })(p);
    o.update(p, g, state);
    return loss;
  });
  step(s->p, s->state, optimizer, s->x, s->labels);  // the trace; from here on all is in place
  Row row{.name = name, .threads = static_cast<int>(std::thread::hardware_concurrency()), .ours = [=] {
            keep(step(s->p, s->state, optimizer, s->x, s->labels).defined());
          }};
  row.trim = rt::trim_memory;
  if (auto peer = torch_mlp(adam, row.threads); peer.step) {
    row.peer_name = peer.name;
    row.peer = peer.step;
  }
  rows.add(row);
}

}  // namespace

void suite(Rows& rows) {
  add_step(rows, "mlp_step", Momentum{.learning_rate = 1e-4}, false);
  add_step(rows, "mlp_step_adam", Adam{.learning_rate = 1e-5}, true);
}

}  // namespace burin::bench
