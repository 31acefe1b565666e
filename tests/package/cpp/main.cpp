// Compiles and calls one function through an installed Burin: finds the compiler library beside libburin.so.
#include <burin/burin.h>

#include <cstdio>

int main() {
  auto f = burin::function([](const burin::Tensor& x) { return burin::exp(x) * 2 + 1; });
  auto y = f(burin::Tensor{0.0f, 1.0f}).to_vector<float>();
  std::printf("%g %g, compiled %d\n", y[0], y[1], static_cast<int>(f.stats().compiles));
  return y[0] == 3.0f && y[1] > 6.43f && y[1] < 6.44f && f.stats().compiles == 1 ? 0 : 1;
}
