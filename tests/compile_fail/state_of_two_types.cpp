// The state that a loop hands on keeps its type.
// expect: while_loop: body.state. returns the next state
#include <burin/burin.h>

using burin::Tensor;

Tensor use(const Tensor& x) {
#if BURIN_MISUSE
  return burin::while_loop(
      x, [](const Tensor& s) { return sum(s) < 3; }, [](const Tensor& s) { return std::pair(s, s); });
#else
  return burin::while_loop(x, [](const Tensor& s) { return sum(s) < 3; }, [](const Tensor& s) { return s + 1; });
#endif
}
