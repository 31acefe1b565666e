// The body of a counted loop takes the index.
// expect: for_loop: the body takes the index
#include <burin/burin.h>

using burin::Tensor;

Tensor use(const Tensor& x) {
#if BURIN_MISUSE
  Tensor y = x;
  burin::for_loop(3, [&] { y = y + 1; });
  return y;
#else
  Tensor y = x;
  burin::for_loop(3, [&](const Tensor&) { y = y + 1; });
  return y;
#endif
}
