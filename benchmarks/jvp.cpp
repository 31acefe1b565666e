// What a forward-mode derivative along one direction costs above the value: an mlp's output and its change with the weights.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {
namespace {

struct Params {
  Tensor w1, b1, w2, b2;
};

Tensor mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }

}  // namespace

void suite(Rows& rows) {
  Params p{full({256, 128}, 0.01f), full({128}, 0.01f), full({128, 10}, 0.01f), full({10}, 0.01f)};
  Tensor x = full({128, 256}, 0.01f);
  auto both = burin::function([](const Params& q, const Params& v, const Tensor& xs) {
    return jvp([&](const Params& r) { return mlp(r, xs); }, q, v);
  });
  auto value = burin::function(mlp);
  keep(both(p, p, x).second.defined());
  keep(value(p, x).defined());
  rows.add({.name = "mlp",
            .ours = [=] { keep(both(p, p, x).second.defined()); },
            .peer_name = "the value alone",
            .peer = [=] { keep(value(p, x).defined()); }});
}

}  // namespace burin::bench
