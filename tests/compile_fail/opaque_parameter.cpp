// A parameter that burin cannot look into is refused with the remedy.
// expect: burin cannot see into this type: use an aggregate, or specialise burin::tree_traits
#include <burin/function.h>

class Model {
 public:
  explicit Model(burin::Tensor w) : w_(w) {}
#if !BURIN_MISUSE
  burin::Tensor& w() { return w_; }
#endif
 private:
  burin::Tensor w_;
};
#if !BURIN_MISUSE
template <> struct burin::tree_traits<Model> {
  static void visit(auto& field, Model& m) { field("w", m.w()); }
};
#endif

burin::Tensor run(const Model& m, const burin::Tensor& x) {
  static auto f = burin::function([](const Model&, const burin::Tensor& t) { return t; });
  return f(m, x);
}
