// Newton's method for cube roots, elementwise, with a loop that a tensor decides: the same lambda text runs on the host
// eagerly and becomes one `while` of the compiled graph.
#include <burin/burin.h>

#include <cmath>
#include <cstdio>

using namespace burin;

/// The x with x^3 = a, for each element of a > 0: x <- x - (x^3 - a) / 3x^2 until no element moves by more than 1e-6 of itself.
std::pair<Tensor, Tensor> cube_root(const Tensor& a) {
  Tensor x = a, trips = 0, largest_move = 1.0f;
  while_loop([&] { return (largest_move > 1e-6f) & (trips < 100); },
             [&] {
               Tensor next = x - (x * x * x - a) / (3.0f * x * x);
               largest_move = reduce_max(max(next - x, x - next) / x);
               x = next;
               trips += 1;
             });
  return {x, trips};
}

int main() {
  Tensor a = {1.0f, 8.0f, 27.0f, 2.0f, 1000.0f};
  auto [eager, eager_trips] = cube_root(a);
  auto compiled = burin::function(cube_root);
  auto [fast, trips] = compiled(a);
  auto input = a.to_vector<float>(), x = eager.to_vector<float>(), y = fast.to_vector<float>();
  bool right = trips.item<std::int32_t>() == eager_trips.item<std::int32_t>();
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::printf("cube root of %6g: %.6f\n", input[i], y[i]);
    float expected = std::cbrt(input[i]);
    right = right && std::abs(y[i] - expected) < 1e-5f * expected && std::abs(x[i] - y[i]) < 1e-5f * expected;
  }
  std::printf("%d trips, eager and compiled: %s\n", trips.item<std::int32_t>(), right ? "right" : "WRONG");
  return right ? 0 : 1;
}
