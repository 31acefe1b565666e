// A parameter T&& cannot be traced, since tracing works on a copy; the message says what to declare.
// expect: a parameter T&& cannot be traced; declare T, const T& or T&
#include <burin/function.h>

#if BURIN_MISUSE
using Parameter = burin::Tensor&&;
#else
using Parameter = burin::Tensor;
#endif

burin::Tensor run(burin::Tensor x) {
  auto f = burin::function([](Parameter t) { return t; });
  return f(static_cast<Parameter>(x));
}
