// Wrong use of losses and optimisers: the same words eagerly and traced, naming the parameter.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

using namespace burin;

namespace {

const Tensor logits = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};

struct Params {
  Tensor w, b;
};
Params params() { return {Tensor({{1.0f, 2.0f}}), Tensor({3.0f, 4.0f})}; }
template <class Optimizer, class Change> std::string update_error(const Optimizer& o, Change change) {
  return error_of([&] {
    Params p = params(), g = params();
    auto state = o.init(p);
    change(p, g, state);
    o.update(p, g, state);
  });
}

}  // namespace

TEST_CASE("a loss refuses targets that are not its logits'") {
  const std::string wanted = "; expected classes, i32[2], or probabilities, f32[2,3] [shape-mismatch]";
  CHECK(error_in_both([](const Tensor& x) { return softmax_cross_entropy(x, Tensor({1, 2, 0})); }, logits) ==
        "softmax_cross_entropy: logits is f32[2,3], targets is i32[3]" + wanted);
  CHECK(error_in_both([](const Tensor& x) { return softmax_cross_entropy(x, Tensor({{1}, {2}})); }, logits) ==
        "softmax_cross_entropy: logits is f32[2,3], targets is i32[2,1]" + wanted);
  CHECK(error_in_both([](const Tensor& x) { return softmax_cross_entropy(x, Tensor({1.0f, 2.0f})); }, logits) ==
        "softmax_cross_entropy: logits is f32[2,3], targets is f32[2]" + wanted);
  CHECK(error_in_both([](const Tensor& x) { return softmax_cross_entropy(cast(x, i32), Tensor({0, 1})); }, logits) ==
        "softmax_cross_entropy: logits is i32[2,3]; expected dtype bf16|f16|f32|f64 [dtype]");
  CHECK(error_in_both([](const Tensor& x) { return softmax_cross_entropy(sum(x), Tensor(0)); }, logits) ==
        "softmax_cross_entropy: logits is f32[]; expected an axis of classes [rank]");
  CHECK(error_in_both([](const Tensor& x) { return sigmoid_cross_entropy(x, Tensor({1.0f, 0.0f, 1.0f})); }, logits) ==
        "sigmoid_cross_entropy: logits is f32[2,3], targets is f32[3]; expected bools or f32[2,3] [shape-mismatch]");
  CHECK(error_in_both([](const Tensor& x) { return one_hot(x, 3); }, logits) ==
        "one_hot: labels is f32[2,3]; expected integers [dtype]");
  CHECK(error_in_both([](const Tensor& x) { return argmax(x, 2); }, logits) ==
        "argmax: axis 2 is out of range: x is f32[2,3]; expected -2 to 1 [axis]");
}

TEST_CASE("a label that is no class is a fault, eagerly and compiled, and a step that meets it changes nothing") {
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto step = function(
        [](Tensor& w, const Tensor& labels) {
          auto [loss, g] =
              value_and_grad([&](const Tensor& v) { return softmax_cross_entropy(logits * v, labels); })(w);
          w = w - g;
          return loss;
        },
        {.level = level});
    Tensor w = Tensor({1.0f, 1.0f, 1.0f}) + 0;
    step(w, Tensor({0, 2}));
    const std::vector<float> before = w.to_vector<float>();
    for (const Tensor& labels : {Tensor({0, 3}), Tensor({-1, 0})}) {
      CHECK(error_of<DeviceError>([&] { step(w, labels); }).find("softmax_cross_entropy: index") == 0);
      CHECK(w.to_vector<float>() == before);
    }
  }
}

TEST_CASE("a label out of range is told with the loss, the label and the classes, at each level") {
  for (Level level : {Level::eager, Level::graph, Level::full}) {
    auto f = function([](const Tensor& x, const Tensor& labels) { return softmax_cross_entropy(x, labels); },
                      {.level = level});
    try {
      f(logits, Tensor({1, 3}));
      FAIL("no error");
    } catch (const DeviceError& e) {
      CHECK(e.error.message == "softmax_cross_entropy: index 3 is out of range, at element 1 of the indices");
      CHECK(e.error.hint == "positions along that axis are 0 to 2");
    }
  }
}

TEST_CASE("an optimiser names the parameter whose gradient or state does not fit") {
  const auto nothing = [](Params&, Params&, auto&) {};
  CHECK(update_error(Sgd(), nothing) == "no error");
  CHECK(update_error(Adam(), nothing) == "no error");
  CHECK(update_error(Sgd(), [](Params&, Params& g, auto&) { g.b = Tensor({1.0f}); }) ==
        "Sgd::update: the gradient of params.b is f32[1]; expected f32[2] [shape-mismatch]");
  CHECK(update_error(Momentum(), [](Params&, Params& g, auto&) { g.w = cast(g.w, f64); }) ==
        "Momentum::update: the gradient of params.w is f64[1,2]; expected f32[1,2] [shape-mismatch]");
  CHECK(update_error(Adam(), [](Params&, Params& g, auto&) { g.w = Tensor(); }) ==
        "Adam::update: the gradient of params.w is undefined; expected f32[1,2] [undefined]");
  CHECK(update_error(AdamW(), [](Params&, Params&, auto& s) { s.variance.b = Tensor(); }) ==
        "AdamW::update: the variance of params.b is undefined; expected f32[2] [undefined]");
  CHECK(update_error(Adam(), [](Params&, Params&, auto& s) { s = {}; }) ==
        "Adam::update: the state's step is undefined; expected i64[] [state]");
  CHECK(update_error(Momentum(), [](Params&, Params&, auto& s) { s.step = Tensor(1.0f); }) ==
        "Momentum::update: the state's step is f32[]; expected i64[] [state]");
  CHECK(error_of([] {
          std::vector<Tensor> p{1.0f, 2.0f}, g{1.0f};
          auto state = Sgd().init(p);
          Sgd().update(p, g, state);
        }) == "Sgd::update: the trees differ: tree 1 has 2 elements, tree 2 has 1 element [tree]");
}
