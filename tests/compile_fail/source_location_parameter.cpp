// An op without operands takes its caller's line, which is no argument.
// expect: burin::function: a std::source_location is its caller's; hand the function over in a lambda
#include <burin/burin.h>

using burin::Tensor;

Tensor count(burin::Dim n) {
#if BURIN_MISUSE
  static auto f = burin::function(burin::arange);
  return f(n, burin::i64, std::source_location::current());
#else
  static auto f = burin::function([](burin::Dim m) { return burin::arange(m); });
  return f(n);
#endif
}
