// A name of several functions: C++ cannot tell which one is meant; a lambda can.
// expect: no matching function for call to .*function\(<unresolved overloaded function type>\)
#include <burin/burin.h>

using burin::Tensor;

Tensor ones_of(const Tensor& like) {
#if BURIN_MISUSE
  static auto f = burin::function(burin::full);
#else
  static auto f = burin::function([](const Tensor& x) { return burin::full(x.shape(), 1.0f); });
#endif
  return f(like);
}
