// A braced list is no operand: its outer braces would count for the operand, not for an axis. A Tensor of it says the rank.
// expect: use of deleted function .*Arg.*initializer_list(.|\n)*write Tensor\{\{1, 2\}\}
#include <burin/composites.h>

burin::Tensor total() {
#if BURIN_MISUSE
  return burin::sum({{1, 2}}, 0);
#else
  return burin::sum(burin::Tensor{{1, 2}}, 0);
#endif
}
