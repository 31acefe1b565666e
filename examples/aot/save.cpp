// First half of the ahead-of-time example: makes a function with its weights, saves it, and writes what it gives for the
// input that main.c will use, so that the C program can tell whether it is right.
#include <burin/burin.h>

#include <cstdio>
#include <fstream>

using namespace burin;

namespace {

/// Weights as a formula, in place of training.
Tensor weights(std::int64_t rows, std::int64_t columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5f;
  return Tensor(values, {rows, columns});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FUNCTION.burin EXPECTED\n", argv[0]);
    return 2;
  }
  Tensor w1 = weights(64, 128), b1 = weights(1, 128), w2 = weights(128, 10), b2 = weights(1, 10);
  auto mlp = [=](const Tensor& x) { return matmul(relu(matmul(x, w1) + b1), w2) + b2; };

  // Any number of rows: `batch` is a named size. The weights are captured, so they go into the file.
  auto predict = burin::function(mlp, {.name = "predict", .signature = {spec<f32>({"batch", 64})}});
  std::vector<float> values(3 * 64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) * 0.1f;
  Tensor x(values, {3, 64});
  predict(x);  // what is saved is what calls have traced
  predict.save(argv[1]);

  auto y = mlp(x).to_vector<float>();
  std::ofstream expected(argv[2], std::ios::binary);
  expected.write(reinterpret_cast<const char*>(y.data()), static_cast<std::streamsize>(y.size() * sizeof(float)));
  std::printf("saved %s\n", argv[1]);
  return expected ? 0 : 1;
}
