// What one eager op costs on a tiny tensor: dispatch, shape rule, allocation, reference kernel.
#include "benchmarks/bench.h"

#include <burin/burin.h>

namespace burin::bench {

void suite(Rows& rows) {
  Tensor x = {1.0f, 2.0f, 3.0f}, y = {4.0f, 5.0f, 6.0f};
  rows.add({.name = "op", .ours = [=] { keep((x + y).defined()); }});
}

}  // namespace burin::bench
