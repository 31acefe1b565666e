// Branches that return different types are refused by name.
// expect: cond: both branches must return the same type
#include <burin/control.h>

using burin::Tensor;
struct Pair {
  Tensor a, b;
};

Tensor pick(const Tensor& c, const Tensor& x) {
#if BURIN_MISUSE
  auto r = burin::cond(c, [&] { return x; }, [&] { return Pair{x, x}; });
  return x;
#else
  return burin::cond(c, [&] { return Pair{x, x}; }, [&] { return Pair{x, x}; }).a;
#endif
}
