// A named size that stands among tensors.
#include "tests/support/catch.h"

#include <burin/burin.h>

using namespace burin;

TEST_CASE("a named size among tensors is one number, whatever it is") {
  auto f = function([](const Tensor& t) { return size_of(t.shape(0)) + t.shape(0) * 2; },
                    {.signature = {spec<f32>({"n", 0})}});
  const std::int64_t many = std::int64_t{1} << 40;  // counting would not end
  CHECK(f(zeros({many, 0})).item<std::int64_t>() == 3 * many);
  CHECK(f(zeros({0, 0})).item<std::int64_t>() == 0);
}
