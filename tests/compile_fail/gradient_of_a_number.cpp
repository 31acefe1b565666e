// A loss that was read into a number has lost its derivative: that would be a gradient of zeros.
// expect: grad: the function returns one Tensor; a number has no derivative
#include <burin/burin.h>

using burin::Tensor;

Tensor use(const Tensor& x) {
#if BURIN_MISUSE
  return burin::grad([](const Tensor& t) { return sum(t * t).item<float>(); })(x);
#else
  return burin::grad([](const Tensor& t) { return sum(t * t); })(x);
#endif
}
