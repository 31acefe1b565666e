// A loss beside other results is told where those go.
// expect: grad: the function returns one Tensor; .*what else is wanted is assigned
#include <burin/burin.h>

using burin::Tensor;

Tensor use(const Tensor& x) {
#if BURIN_MISUSE
  return burin::grad([](const Tensor& t) { return std::pair(sum(t), t); })(x);
#else
  Tensor square;
  return burin::grad([&](const Tensor& t) {
    square = t * t;
    return sum(square);
  })(x);
#endif
}
