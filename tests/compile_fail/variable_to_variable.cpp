// `v = w` could mean the value or the place; the message says how to write either.
// expect: v.assign.w. takes the value of w
#include <burin/variable.h>

void follow(burin::Variable v, burin::Variable w) {
#if BURIN_MISUSE
  v = w;
#else
  v.assign(w);
#endif
}
