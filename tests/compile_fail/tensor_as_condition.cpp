// A tensor in a boolean context does not compile, and the message names what to use instead.
// expect: operator bool.. const = delete;.*burin::cond or burin::while_loop
#include <burin/tensor.h>

int sign(const burin::Tensor& x) {
#if BURIN_MISUSE
  if (x) return 1;
#else
  if (x.item<bool>()) return 1;
#endif
  return 0;
}
