// Central differences of a scalar function, and how values are held to them, for tests of derivatives.
#pragma once
#include "tests/support/catch.h"

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

/// Each element within `epsilon` of what is wanted, relatively, or within `margin`.
inline void check_close(const Tensor& got, const std::vector<double>& want, double margin = 1e-6,
                        double epsilon = 1e-5) {
  const auto g = got.to_vector<double>();
  REQUIRE(g.size() == want.size());
  for (std::size_t i = 0; i < g.size(); ++i) CHECK(g[i] == Approx(want[i]).epsilon(epsilon).margin(margin));
}

}  // namespace burin::test
