// A struct derived from a container would lose what it adds.
// expect: burin cannot see the members that a struct adds to a container: make the container a member
#include <burin/function.h>

#include <vector>

using burin::Tensor;
struct List : std::vector<Tensor> {
#if BURIN_MISUSE
  Tensor last;
#endif
};

std::size_t count(List& d) { return burin::detail::leaves_of(d).tensors.size(); }
