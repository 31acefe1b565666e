// Central differences of a scalar function, for tests of derivatives.
#pragma once
#include <burin/burin.h>

#include <functional>
#include <vector>

namespace burin::test {

using Loss = std::function<Tensor(const Tensor&)>;

/// The slope of `loss` by each element of x, an f64 tensor; off by about 1e-9 of the third derivative.
inline std::vector<double> differences(const Loss& loss, const Tensor& x) {
  const double h = 1e-6;
  auto v = x.to_vector<double>();
  std::vector<double> slope;
  for (std::size_t i = 0; i < v.size(); ++i) {
    auto up = v, down = v;
    up[i] += h;
    down[i] -= h;
    slope.push_back((loss(Tensor(up, x.shape())).item<double>() - loss(Tensor(down, x.shape())).item<double>()) /
                    (2 * h));
  }
  return slope;
}

}  // namespace burin::test
