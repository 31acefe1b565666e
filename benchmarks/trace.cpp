// What recording one op costs: traces of a thousand ops that are given up at their end, so that nothing is compiled or run.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {

void suite(Rows& rows) {
  constexpr int ops = 1000;
  Tensor x = {1.0f, 2.0f, 3.0f};
  rows.add({.name = "op",
            .ours =
                [=] {
                  struct Recorded {};
                  auto f = burin::function([](const Tensor& t) -> Tensor {
                    Tensor y = t;
                    for (int i = 0; i < ops; ++i) y = y + t;
                    throw Recorded();
                  });
                  try {
                    f(x);
                  } catch (const Recorded&) {
                  }
                },
            .baseline = {},
            .operations = ops});
}

}  // namespace burin::bench
