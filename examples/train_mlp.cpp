// Trains a 784-256-128-10 perceptron on MNIST's digits with Adam, in one compiled step that updates parameters and state in
// place. First a few steps are made eagerly and compiled from the same start, and compared.
//
//   train_mlp [--data DIR] [--epochs N]     mnist.h says where data is looked for; where there is none, digits are made up
//
// Trained on the 10,000 digits of the training file (which come sorted: batches are drawn at random), tested on the 10,000 of
// MNIST's test split.
#include "examples/mnist.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

using namespace burin;

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;
using State = Adam::State<Params>;

struct Digits {
  Tensor images, labels;  // u8[n, 784], u8[n]
};

Tensor mlp(const Params& p, const Tensor& images) {
  Tensor h = cast(images, f32) / 255.0f;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) h = relu(matmul(h, p[i].w) + p[i].b);
  return matmul(h, p.back().w) + p.back().b;
}

/// One step of training on these rows of the digits: gives the loss, assigns parameters and state.
Tensor train(Params& p, State& state, const Adam& adam, const Digits& digits, const Tensor& rows) {
  const Tensor images = gather(digits.images, rows), labels = gather(digits.labels, rows);
  auto [loss, gradient] =
      value_and_grad([&](const Params& q) { return softmax_cross_entropy(mlp(q, images), labels); })(p);
  adam.update(p, gradient, state);
  return loss;
}

Tensor accuracy(const Params& p, const Digits& digits) {
  return mean(cast(argmax(mlp(p, digits.images)) == digits.labels, f32));
}

namespace {

constexpr std::int64_t batch = 128, trained = 10'000, tested = 10'000;
std::mt19937 generator(1);

Params initial_params(const std::vector<std::int64_t>& widths) {
  Params p;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    // He et al., Delving deep into rectifiers (2015): variance 2 / inputs keeps signals alike from layer to layer.
    std::normal_distribution<float> normal(0, std::sqrt(2.0f / static_cast<float>(widths[i])));
    std::vector<float> w(static_cast<std::size_t>(widths[i] * widths[i + 1]));
    for (float& x : w) x = normal(generator);
    p.push_back({Tensor(w, {widths[i], widths[i + 1]}), zeros({widths[i + 1]})});
  }
  return p;
}

std::vector<std::int32_t> shuffled(std::int64_t count) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  std::shuffle(rows.begin(), rows.end(), generator);
  return rows;
}

/// Ten random patterns, each digit a noisy copy of one.
Digits made_up(std::int64_t count) {
  std::mt19937 patterns(7);
  std::uniform_int_distribution<int> byte(0, 255), label(0, 9), noise(-160, 160);
  std::vector<int> pattern(10 * 784);
  for (int& x : pattern) x = byte(patterns);
  std::vector<std::uint8_t> images, labels;
  for (std::int64_t i = 0; i < count; ++i) {
    const int digit = label(generator);
    labels.push_back(static_cast<std::uint8_t>(digit));
    for (int k = 0; k < 784; ++k)
      images.push_back(static_cast<std::uint8_t>(
          std::clamp(pattern[static_cast<std::size_t>(digit * 784 + k)] + noise(generator), 0, 255)));
  }
  return {Tensor(images, {count, 784}), Tensor(labels, {count})};
}

struct Data {
  Digits train, test;
};
Data read_data(const char* given) {
  const auto folder = mnist::folder(given);
  if (!folder) {
    std::printf("no MNIST files (say --data DIR or set BURIN_DATA): training on made-up digits\n");
    return {made_up(trained), made_up(tested / 10)};
  }
  const std::string name = mnist::training_name(*folder);
  const auto read = [&](const std::string& file, std::int64_t count) {
    return Digits{mnist::load(*folder / (file + "-images-idx3-ubyte"), 0, count),
                  mnist::load(*folder / (file + "-labels-idx1-ubyte"), 0, count)};
  };
  std::printf("MNIST: training on %s, testing with t10k\n", name.c_str());
  return {read(name, trained), read("t10k", tested)};
}

/// Mini-batches of a new order of all digits; what is left over is left out.
std::vector<Tensor> shuffled_batches() {
  const std::vector<std::int32_t> rows = shuffled(trained);
  std::vector<Tensor> out;
  for (std::int64_t i = 0; i + batch <= trained; i += batch)
    out.push_back(Tensor(std::span<const std::int32_t>(rows).subspan(static_cast<std::size_t>(i), batch)));
  return out;
}

float largest_difference(const Params& a, const Params& b) {
  float largest = 0;
  tree_for_each(
      [&](const Tensor& x, const Tensor& y) { largest = std::max(largest, reduce_max(abs(x - y)).item<float>()); }, a,
      b);
  return largest;
}

/// A bar on a terminal; nothing in a pipe.
void show_progress(std::size_t done, std::size_t all, float loss) {
  if (!isatty(2)) return;
  const int width = 40, filled = static_cast<int>(done * width / all);
  std::fprintf(stderr, "\r[%.*s%*s] loss %.4f ", filled, "########################################", width - filled, "",
               static_cast<double>(loss));
  if (done == all) std::fprintf(stderr, "\r\033[K");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const char* given = nullptr;
  int epochs = 10;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--data") && i + 1 < argc) given = argv[++i];
    else if (!std::strcmp(argv[i], "--epochs") && i + 1 < argc) epochs = std::atoi(argv[++i]);
    else {
      std::fprintf(stderr, "usage: train_mlp [--data DIR] [--epochs N]\n");
      return 2;
    }
  }
  const Data data = read_data(given);
  const Params start = initial_params({784, 256, 128, 10});
  const auto step = burin::function(train);
  const auto measure = burin::function(accuracy);
  Adam adam{.learning_rate = 0.002};

  // The same step eagerly and compiled.
  Params eager = start, p = start;
  State eager_state = adam.init(start), state = adam.init(start);
  const std::vector<Tensor> batches = shuffled_batches();
  float worst = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const float a = train(eager, eager_state, adam, data.train, batches[i]).item<float>();
    const float b = step(p, state, adam, data.train, batches[i]).item<float>();
    const float difference = largest_difference(eager, p);
    std::printf("step %zu: loss %.6f eager, %.6f compiled; parameters differ by at most %.2g\n", i + 1,
                static_cast<double>(a), static_cast<double>(b), static_cast<double>(difference));
    worst = std::max({worst, difference, std::abs(a - b)});
  }

  const auto begun = std::chrono::steady_clock::now();
  std::size_t steps = 0;
  double right = 0;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    if (3 * epoch > 2 * epochs) adam.learning_rate = 0.0005;  // a tensor: no reason for another trace
    float loss = 0;
    const std::vector<Tensor> order = shuffled_batches();
    for (std::size_t i = 0; i < order.size(); ++i) {
      loss = step(p, state, adam, data.train, order[i]).item<float>();
      show_progress(i + 1, order.size(), loss);
    }
    steps += order.size();
    right = static_cast<double>(measure(p, data.test).item<float>());
    std::printf("epoch %2d: loss %.4f, %.2f %% of the test right\n", epoch, static_cast<double>(loss), right * 100);
  }
  std::printf("%zu steps in %.2f s; %llu trace of the step\n", steps, seconds_since(begun),
              static_cast<unsigned long long>(step.stats().traces));
  if (worst > 1e-4f) std::printf("WRONG: eager and compiled steps differ by %.2g\n", static_cast<double>(worst));
  if (right < 0.95) std::printf("WRONG: fewer than 95 %% right\n");
  return worst <= 1e-4f && right >= 0.95 ? 0 : 1;
}
