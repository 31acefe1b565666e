// Forward and backward through a small recurrent network written as a scan: the time of one trip of both loops together,
// for a short and a long sequence, and of the forward loop alone.
#include "benchmarks/bench.h"

#include <burin/burin.h>

#include <vector>

namespace burin::bench {
namespace {

constexpr std::int64_t batch = 8, in = 16, hidden = 32;

struct Params {
  Tensor w, u, b;
};

Tensor loss(const Params& p, const Tensor& xs) {
  Tensor last = scan(
                    [&](const Tensor& h, const Tensor& x) {
                      Tensor next = tanh(matmul(x, p.w) + matmul(h, p.u) + p.b);
                      return std::pair(next, std::tuple<>());
                    },
                    zeros({batch, hidden}), xs)
                    .first;
  return mean(last * last);
}

Tensor filled(const Shape& shape, float scale) {
  std::vector<float> values(static_cast<std::size_t>(shape.num_elements().value()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * (static_cast<float>(i * 37 % 101) / 50.0f - 1.0f);
  return Tensor(values, shape);
}

}  // namespace

void suite(Rows& rows) {
  Params p{filled({in, hidden}, 0.2f), filled({hidden, hidden}, 0.2f), filled({1, hidden}, 0.1f)};
  auto step = burin::function([](const Params& q, const Tensor& xs) {
    return value_and_grad([&](const Params& r) { return loss(r, xs); })(q);
  });
  auto forward = burin::function(loss);
  for (std::int64_t length : {100, 1000}) {
    Tensor xs = filled({length, batch, in}, 1.0f);
    std::string suffix = "_" + std::to_string(length);
    keep(step(p, xs).first.defined());
    keep(forward(p, xs).defined());
    rows.add({.name = "scan_rnn_step" + suffix,
              .ours = [=] { keep(step(p, xs).first.defined()); },
              .operations = static_cast<double>(length)});
    rows.add({.name = "scan_rnn_forward" + suffix,
              .ours = [=] { keep(forward(p, xs).defined()); },
              .operations = static_cast<double>(length)});
  }
  // The input's gradient is a sum of slices, one a trip.
  auto inputs = burin::function(
      [](const Params& q, const Tensor& xs) { return grad([&](const Tensor& ys) { return loss(q, ys); })(xs); });
  for (std::int64_t length : {100, 1000}) {
    Tensor xs = filled({length, batch, in}, 1.0f);
    keep(inputs(p, xs).defined());
    rows.add({.name = "scan_rnn_inputs_" + std::to_string(length),
              .ours = [=] { keep(inputs(p, xs).defined()); },
              .operations = static_cast<double>(length)});
  }
}

}  // namespace burin::bench
