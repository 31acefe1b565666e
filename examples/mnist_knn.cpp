// Nearest neighbour over MNIST's digits, in one compiled function: distances by a matrix product, argmin, gather, count.
// mnist.h says where the data is looked for.
#include "examples/mnist.h"

#include <chrono>

using namespace burin;

namespace {

/// The share of the rows of `images` whose nearest row of `known` has the right label.
Tensor accuracy(const Tensor& known, const Tensor& known_labels, const Tensor& images, const Tensor& labels) {
  Tensor a = cast(images, f32) / 255.0f, b = cast(known, f32) / 255.0f;
  // |a - b|^2 = |a|^2 - 2ab + |b|^2; |a|^2 does not change which b is nearest.
  Tensor distance = reduce_sum(b * b, {1}) - 2.0f * matmul(a, transpose(b, {1, 0}));
  Tensor nearest = argmin(distance, 1);
  return mean(cast(equal(gather(known_labels, nearest), labels), f32));
}

}  // namespace

int main(int argc, char** argv) {
  const bool usage = argc != 1 && (argc != 3 || std::strcmp(argv[1], "--data") != 0);
  const auto folder = mnist::folder(argc == 3 ? argv[2] : nullptr);
  if (!folder || usage) {
    std::printf("[SKIP] mnist_knn: no data; say --data DIR or set BURIN_DATA\n");
    return usage ? 2 : 77;
  }
  const std::string train = mnist::training_name(*folder);
  Tensor known = mnist::load(*folder / (train + "-images-idx3-ubyte"), 0, 10'000);
  Tensor known_labels = mnist::load(*folder / (train + "-labels-idx1-ubyte"), 0, 10'000);
  auto compiled = burin::function(accuracy);
  auto start = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  double right = 0, first = 0;
  constexpr std::int64_t batch = 2'000,
                         batches = 5;  // all of MNIST's 10,000 test digits; the batch bounds the distances' memory
  for (std::int64_t i = 0; i < batches; ++i) {
    Tensor images = mnist::load(*folder / "t10k-images-idx3-ubyte", i * batch, batch);
    Tensor labels = mnist::load(*folder / "t10k-labels-idx1-ubyte", i * batch, batch);
    right += static_cast<double>(compiled(known, known_labels, images, labels).item<float>()) / batches;
    if (i == 0) first = seconds();
  }
  std::printf("%.1f %% of %lld digits right; %.2f s, the first batch with its compile %.2f s\n", right * 100,
              static_cast<long long>(batch * batches), seconds(), first);
  return right > 0.94 ? 0 : 1;
}
