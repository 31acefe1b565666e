// Members beside those of a base are not to be seen: refused with both remedies, of which the second compiles.
// expect: C\+\+20 does not show the members of a struct whose base has members too: make the base a member, or specialise
#include <burin/function.h>

using burin::Tensor;
struct Base {
  Tensor w;
};
struct Derived : Base {
  Tensor b;
};
#if !BURIN_MISUSE
template <> struct burin::tree_traits<Derived> {
  static void visit(auto& field, Derived& x) {
    field("base", static_cast<Base&>(x));
    field("b", x.b);
  }
};
#endif

std::size_t count(Derived& d) { return burin::detail::leaves_of(d).tensors.size(); }
