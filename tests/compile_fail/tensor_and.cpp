// `&&` of tensors cannot stop early, so it does not compile; the message says what to write.
// expect: operator&&.* = delete;.*use &, or burin::cond
#include <burin/tensor.h>

burin::Tensor inside(const burin::Tensor& x) {
#if BURIN_MISUSE
  return x > 0 && x < 1;
#else
  return (x > 0) & (x < 1);
#endif
}
