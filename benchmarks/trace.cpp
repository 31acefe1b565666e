// What recording one op costs: traces of a thousand ops, never compiled.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {

void suite(Rows& rows) {
  constexpr int ops = 1000;
  Tensor x = {1.0f, 2.0f, 3.0f};
  rows.add({.name = "op",
            .ours =
                [=] {
                  auto f = burin::function(
                      [](const Tensor& t) {
                        Tensor y = t;
                        for (int i = 0; i < ops; ++i) y = y + t;
                        return y;
                      },
                      {.level = Level::graph});
                  keep(f(x).defined());
                },
            .baseline = {},
            .operations = ops});
}

}  // namespace burin::bench
