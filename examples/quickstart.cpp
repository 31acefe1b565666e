// The README's program: a function of tensors called eagerly and compiled, its derivative, and what was recorded.
// Uses the public header only.
#include <burin/burin.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <random>

using namespace burin;

// A plain aggregate is a tree of tensors: nothing to register.
struct Params {
  Tensor w1, b1, w2, b2;
};

Tensor mlp(const Params& p, const Tensor& x) {  // runs eagerly as it stands
  return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2;
}

namespace {

Tensor random(std::int64_t rows, std::int64_t columns, float scale) {
  static std::mt19937 generator(1);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (float& v : values) v = normal(generator);
  return Tensor(values, {rows, columns});
}

/// Milliseconds of the best of five calls.
template <class F> double milliseconds(F f) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

float largest_difference(const Tensor& a, const Tensor& b) {
  auto x = a.to_vector<float>(), y = b.to_vector<float>();
  float d = 0;
  for (std::size_t i = 0; i < x.size(); ++i) d = std::max(d, std::abs(x[i] - y[i]));
  return d;
}

}  // namespace

int main() {
  Params params{random(64, 128, 0.1f), random(1, 128, 0.1f), random(128, 10, 0.1f), random(1, 10, 0.1f)};
  Tensor x = random(256, 64, 1), target = random(256, 10, 1);

  Tensor y = mlp(params, x);         // eager
  auto fast = burin::function(mlp);  // the same call, traced and compiled for each signature
  Tensor z = fast(params, x);

  auto loss = [&](const Params& q) {
    Tensor d = mlp(q, x) - target;
    return mean(d * d);
  };
  auto [value, gradient] = value_and_grad(loss)(params);

  float difference = largest_difference(y, z);
  std::printf("eager and compiled differ by %.2g; %s\n", difference, difference < 1e-4f ? "fine" : "WRONG");
  std::printf("eager    %8.3f ms a call\n", milliseconds([&] { mlp(params, x); }));
  std::printf("compiled %8.3f ms a call\n\n", milliseconds([&] { fast(params, x); }));
  std::cout << "what the call recorded:\n" << to_string(fast) << '\n';

  // A step against the gradient makes the loss smaller.
  Params next{params.w1 - 0.1f * gradient.w1, params.b1 - 0.1f * gradient.b1, params.w2 - 0.1f * gradient.w2,
              params.b2 - 0.1f * gradient.b2};
  float before = value.item<float>(), after = loss(next).item<float>();
  std::printf("loss %.4f, after a step against its gradient %.4f\n", before, after);
  return difference < 1e-4f && after < before ? 0 : 1;
}
