// A C array is no parameter by itself: C++ neither copies nor returns one.
// expect: burin::function: a parameter is no C array by itself; declare std::array, or a struct that holds it
#include <burin/function.h>

#include <array>

using burin::Tensor;
#if BURIN_MISUSE
using Three = Tensor[3];
#else
using Three = std::array<Tensor, 3>;
#endif

Tensor first(Three& w) {
  static auto f = burin::function([](Three& t) { return t[0]; });
  return f(w);
}
