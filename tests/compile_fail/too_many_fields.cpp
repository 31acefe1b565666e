// An aggregate of more than 32 fields is refused with the remedy.
// expect: an aggregate with more than 32 fields: group some in a struct, or specialise burin::tree_traits
#include <burin/tree.h>

using burin::Tensor;
struct Sixteen {
  Tensor a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p;
};
struct Wide {
#if BURIN_MISUSE
  Tensor a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, a1, b1, c1, d1, e1, f1, g1, h1, i1, j1, k1, l1, m1, n1, o1, p1,
      q1;
#else
  Sixteen first, second;
#endif
};

std::size_t count(Wide& w) { return burin::detail::leaves_of(w).tensors.size(); }
