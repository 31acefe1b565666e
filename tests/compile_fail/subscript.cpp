// A Tensor has no subscripts; the message names what takes a part of it.
// expect: operator\[\].* = delete;.*use slice
#include <burin/ops.h>

burin::Tensor first(const burin::Tensor& x) {
#if BURIN_MISUSE
  return x[0];
#else
  return slice(x, {0}, {1});
#endif
}
