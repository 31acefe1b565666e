// First half of the training example: a step of training whose weights, optimiser state and random numbers are Variables. It is
// saved as it begins; then it runs here, and its losses are written for train.c to compare its own with.
#include <burin/burin.h>

#include <cstdio>
#include <fstream>

using namespace burin;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FUNCTION.burin LOSSES\n", argv[0]);
    return 2;
  }
  constexpr int steps = 200;
  Generator generator(7);
  Variable w1(rng::normal(generator, {2, 16}), "w1"), b1(zeros({16}), "b1");
  Variable w2(rng::normal(generator, {16, 1}) * 0.25f, "w2"), b2(zeros({1}), "b2");
  Variable count(Tensor(std::int64_t{0}), "count");

  // Fits exp(x0) + x1 on points that each step draws; drops a tenth of the hidden values.
  auto step = burin::function(
      [&](Scalar<float> rate) {
        const Tensor x = rng::uniform(generator, {32, 2}) * 2 - 1;
        const Tensor target = reshape(exp(gather(transpose(x), 0)) + gather(transpose(x), 1), {32, 1});
        auto [loss, g] = value_and_grad(
            [&] {
              const Tensor hidden = rng::dropout(generator, tanh(matmul(x, w1) + b1), 0.1);
              const Tensor error = matmul(hidden, w2) + b2 - target;
              return mean(error * error);
            },
            {w1, b1, w2, b2});
        w1 -= rate * g[0];
        b1 -= rate * g[1];
        w2 -= rate * g[2];
        b2 -= rate * g[3];
        count += 1;
        return loss;
      },
      {.name = "step"});
  step.trace(spec<f32>({}));
  step.save(argv[1]);

  std::vector<float> losses;
  for (int i = 0; i < steps; ++i) losses.push_back(step(0.1f).item<float>());
  std::ofstream file(argv[2], std::ios::binary);
  file.write(reinterpret_cast<const char*>(losses.data()), static_cast<std::streamsize>(losses.size() * sizeof(float)));
  std::printf("saved %s; %d steps in C++: loss %g, then %g\n", argv[1], steps, losses.front(), losses.back());
  return file ? 0 : 1;
}
