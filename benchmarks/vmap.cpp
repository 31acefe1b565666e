// An mlp written for one row, over a batch by vmap, against the same mlp batched by hand.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {
namespace {

struct Params {
  Tensor w1, b1, w2, b2;
};

Tensor row_mlp(const Params& p, const Tensor& x) {
  auto apply = [](const Tensor& v, const Tensor& w) { return reshape(matmul(reshape(v, {1, -1}), w), {-1}); };
  return apply(relu(apply(x, p.w1) + p.b1), p.w2) + p.b2;
}
Tensor batch_mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }

}  // namespace

void suite(Rows& rows) {
  Params p{full({256, 128}, 0.01f), full({128}, 0.01f), full({128, 10}, 0.01f), full({10}, 0.01f)};
  Tensor x = full({128, 256}, 0.01f);
  auto lanes = burin::function(
      [](const Params& q, const Tensor& xs) { return vmap([&](const Tensor& row) { return row_mlp(q, row); })(xs); });
  auto by_hand = burin::function(batch_mlp);
  keep(lanes(p, x).defined());
  keep(by_hand(p, x).defined());
  rows.add({.name = "batched_mlp",
            .ours = [=] { keep(lanes(p, x).defined()); },
            .peer_name = "batched by hand",
            .peer = [=] { keep(by_hand(p, x).defined()); }});
}

}  // namespace burin::bench
