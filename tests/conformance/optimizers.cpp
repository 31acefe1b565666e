// The optimisers against runs that NumPy made from the papers' formulas (make_optimizer_goldens.py): eagerly, recorded and
// compiled, in f64 and f32.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace burin;

namespace {

using Numbers = std::vector<double>;

struct Layer {
  Tensor w;
  std::vector<Tensor> biases;
};
Layer layer(const Numbers& x, Dtype t) {
  const Tensor all = cast(Tensor(x), t);
  return {reshape(slice(all, {0}, {6}), {2, 3}), {slice(all, {6}, {3})}};
}
Numbers numbers(const Layer& l) {
  Numbers out = cast(l.w, f64).to_vector<double>();
  for (double b : cast(l.biases[0], f64).to_vector<double>()) out.push_back(b);
  return out;
}

struct Run {
  std::string title;
  std::map<std::string, double> options;
  Numbers params;
  std::vector<std::pair<Numbers, Numbers>> steps;  // gradients; parameters after them
};
std::vector<Run> runs() {
  std::ifstream file("tests/conformance/optimizers.txt");
  std::vector<Run> out;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    const auto nine = [&] {
      Numbers x(9);
      for (double& v : x) REQUIRE(in >> v);
      return x;
    };
    if (word == "run") {
      Run run;
      in >> run.title;
      for (std::string key; in >> key;) REQUIRE(in >> run.options[key]);
      out.push_back(run);
    } else if (word == "params") {
      out.back().params = nine();
    } else if (word == "step") {
      Numbers gradients = nine();
      out.back().steps.emplace_back(gradients, nine());
    }
  }
  return out;
}

/// Follows the run with `update`, which may be a compiled function.
template <class Optimizer, class Update>
void follow(const Run& run, const Optimizer& optimizer, const Update& update, Dtype t, double tolerance) {
  Layer p = layer(run.params, t);
  auto state = optimizer.init(p);
  std::int64_t count = 0;
  for (const auto& [gradients, expected] : run.steps) {
    update(p, layer(gradients, t), state);
    CHECK(state.step.template item<std::int64_t>() == ++count);
    const Numbers got = numbers(p);
    for (std::size_t i = 0; i < 9; ++i) {
      INFO("step " << count << ", number " << i);
      CHECK(got[i] == Approx(expected[i]).epsilon(tolerance).margin(tolerance));
    }
  }
  CHECK(p.w.dtype() == t);
  CHECK(p.w.shape() == Shape{2, 3});
}

template <class Optimizer> void check(const Run& run, const Optimizer& optimizer) {
  using State = decltype(optimizer.init(Layer()));
  const auto eager = [&](Layer& p, const Layer& g, State& s) { optimizer.update(p, g, s); };
  for (auto [t, tolerance] : {std::pair(f64, 1e-13), std::pair(f32, 3e-6)}) {
    INFO(run.title << " in " << to_string(TensorType{t, {}}));
    follow(run, optimizer, eager, t, tolerance);
    for (Level level : {Level::graph, Level::no_fuse, Level::full}) {
      INFO("level " << static_cast<int>(level));
      const auto captured =
          function([optimizer](Layer& p, const Layer& g, State& s) { optimizer.update(p, g, s); }, {.level = level});
      follow(run, optimizer, captured, t, tolerance);
      // The options as an argument: what is a tensor of them is no reason for another trace.
      const auto given =
          function([](const Optimizer& o, Layer& p, const Layer& g, State& s) { o.update(p, g, s); }, {.level = level});
      follow(run, optimizer, [&](Layer& p, const Layer& g, State& s) { given(optimizer, p, g, s); }, t, tolerance);
      CHECK(given.stats().traces == 1);
    }
  }
}

}  // namespace

TEST_CASE("optimisers give what NumPy gives, eagerly and compiled") {
  std::set<std::string> seen;
  for (const Run& run : runs()) {
    seen.insert(run.title);
    const auto option = [&](const char* name) { return run.options.at(name); };
    const double rate = option("learning_rate");
    if (run.title == "sgd") check(run, Sgd{rate});
    if (run.title == "momentum")
      check(run, Momentum{.learning_rate = rate, .momentum = option("momentum"), .nesterov = option("nesterov") != 0});
    if (run.title == "adam")
      check(
          run,
          Adam{
              .learning_rate = rate, .beta1 = option("beta1"), .beta2 = option("beta2"), .epsilon = option("epsilon")});
    if (run.title == "adamw")
      check(run, AdamW{.learning_rate = rate,
                       .beta1 = option("beta1"),
                       .beta2 = option("beta2"),
                       .epsilon = option("epsilon"),
                       .weight_decay = option("weight_decay")});
  }
  CHECK(seen == std::set<std::string>{"adam", "adamw", "momentum", "sgd"});
}
