// A struct that holds a Variable is captured, not passed.
// expect: capture it .or what holds it. by reference
#include <burin/function.h>
#include <burin/variable.h>

struct Layer {
  burin::Variable w;
};

burin::Tensor run(const Layer& layer, const burin::Tensor& x) {
#if BURIN_MISUSE
  return burin::function([](const Layer& l, const burin::Tensor& t) { return l.w + t; })(layer, x);
#else
  return burin::function([&](const burin::Tensor& t) { return layer.w + t; })(x);
#endif
}
