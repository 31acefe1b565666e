// A class derived from Tensor would lose what it adds.
// expect: a class derived from burin::Tensor with members of its own: make the Tensor a member
#include <burin/function.h>

using burin::Tensor;
#if BURIN_MISUSE
struct Named : Tensor {
  int number;
};
#else
struct Named {
  Tensor value;
  int number;
};
#endif

std::size_t count(Named& d) { return burin::detail::leaves_of(d).tensors.size(); }
