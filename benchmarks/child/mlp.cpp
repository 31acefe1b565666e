// A program that makes one function, calls it once and ends: what the suite `compile` starts as a fresh process.
#include <burin/burin.h>

using namespace burin;

struct Params {
  Tensor w1, b1, w2, b2;
};
static Tensor mlp(const Params& p, const Tensor& x) { return matmul(relu(matmul(x, p.w1) + p.b1), p.w2) + p.b2; }
static Tensor filled(std::int64_t rows, std::int64_t columns) {
  return Tensor(std::vector<float>(static_cast<std::size_t>(rows * columns), 0.5f), {rows, columns});
}

int main() {
  Params p{filled(64, 128), filled(1, 128), filled(128, 10), filled(1, 10)};
  auto f = burin::function(mlp);
  return f(p, filled(32, 64)).to_vector<float>()[0] > 0 ? 0 : 1;
}
