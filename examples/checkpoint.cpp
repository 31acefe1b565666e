// Training that stops and goes on: parameters and the optimiser's state in one file, read back by their names, also into a
// model whose struct has changed meanwhile. Goes on to the same values as a run that never stopped.
#include <burin/burin.h>

#include <cstdio>
#include <filesystem>

using namespace burin;

struct Params {
  Tensor w, b;
};
struct Training {
  Params params;
  Adam::State<Params> state;
};

/// The same model a release later: other names, another order, layers in an array.
struct Layer {
  Tensor bias, weight;
};
struct NewParams {
  Layer layers[1];
};
struct NewTraining {
  NewParams params;
  Adam::State<NewParams> state;
};

const Adam adam{.learning_rate = 0.1};

Tensor line(std::int64_t n) { return cast(iota({n, 1}), f32) / static_cast<float>(n); }

template <class P, class F> float train(P& params, Adam::State<P>& state, const F& predict, int steps) {
  const Tensor x = line(16), y = x * 3.0f - 1.0f;
  auto step = burin::function([&predict](P& p, Adam::State<P>& s, const Tensor& in, const Tensor& want) {
    auto [loss, g] = value_and_grad([&](const P& q) {
      const Tensor off = predict(q, in) - want;
      return mean(off * off);
    })(p);
    adam.update(p, g, s);
    return loss;
  });
  float loss = 0;
  for (int i = 0; i < steps; ++i) loss = step(params, state, x, y).template item<float>();
  return loss;
}

int main() {
  const std::string file = (std::filesystem::temp_directory_path() / "burin_checkpoint.safetensors").string();
  const auto predict = [](const Params& p, const Tensor& x) { return matmul(x, p.w) + p.b; };
  const auto predict_anew = [](const NewParams& p, const Tensor& x) {
    return matmul(x, p.layers[0].weight) + p.layers[0].bias;
  };

  Training t;
  t.params = {zeros({1, 1}), zeros({1})};
  t.state = adam.init(t.params);
  train(t.params, t.state, predict, 20);
  save_tree(file, t);

  // Without a stop, and from the file into the new structs: what the file calls w is layers[0].weight here, in each tree.
  const float straight_on = train(t.params, t.state, predict, 20);
  RenamedLeaves renamed;
  for (const char* tree : {"params", "state.mean", "state.variance"}) {
    const std::string in = tree;
    renamed.push_back({in + ".layers[0].weight", in + ".w"});
    renamed.push_back({in + ".layers[0].bias", in + ".b"});
  }
  NewTraining u = load_tree(file, NewTraining(), renamed);
  const float resumed = train(u.params, u.state, predict_anew, 20);
  std::filesystem::remove(file);

  std::printf("loss after 40 steps: %g, with a stop: %g\n", straight_on, resumed);
  return straight_on == resumed && straight_on < 0.1f ? 0 : 1;
}
