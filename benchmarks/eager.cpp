// What one eager op costs on a tiny tensor: dispatch, shape rule, allocation, reference kernel; and what a tape adds to it.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {

void suite(Rows& rows) {
  Tensor x = {1.0f, 2.0f, 3.0f}, y = {4.0f, 5.0f, 6.0f};
  rows.add({.name = "op", .ours = [=] { keep((x + y).defined()); }});
  // What a tape adds to each op that it notes; the same ops without one are taken away.
  constexpr int ops = 1000;
  const auto chain = [=](const Tensor& t) {
    Tensor z = t;
    for (int i = 0; i < ops; ++i) z = z + y;
    return z;
  };
  rows.add({.name = "tape_overhead",
            .ours = [=] { keep(vjp(chain, x).first.defined()); },
            .baseline = [=] { keep(chain(x).defined()); },
            .operations = ops});
}

}  // namespace burin::bench
