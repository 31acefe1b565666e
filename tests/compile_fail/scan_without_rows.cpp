// A scan whose function forgets the rows.
// expect: scan: f\(carry, x\) returns std::pair\(next carry, y\)
#include <burin/burin.h>

using burin::Tensor;

Tensor use(const Tensor& x) {
#if BURIN_MISUSE
  return burin::scan([](const Tensor& c, const Tensor& t) { return c + t; }, Tensor(0.0f), x).first;
#else
  auto add = [](const Tensor& c, const Tensor& t) { return std::pair(c + t, std::tuple<>()); };
  return burin::scan(add, Tensor(0.0f), x).first;
#endif
}
