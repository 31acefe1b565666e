// Ops handed to burin::function: their operands are its tensors, their attributes its static parameters.
#include "tests/support/catch.h"

#include <burin/burin.h>

using namespace burin;

namespace {
Tensor scaled(const Arg& x, float by) { return x * by; }
Tensor overloaded(const Tensor& x) { return x + 1; }
[[maybe_unused]] Tensor overloaded(const std::pair<Tensor, Tensor>& x) { return x.first + x.second; }
template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const BurinError& e) { return e.error.text(); }
  return "nothing was thrown";
}
}  // namespace

TEST_CASE("ops are callables of functions, by their own names") {
  const Tensor x({-1.0f, 2.0f});
  auto f = burin::function(relu);
  CHECK(f(x).to_vector<float>() == std::vector<float>{0, 2});
  CHECK(f(-3.0f).item<float>() == 0);
  CHECK(to_string(f).find("relu") != std::string::npos);
  CHECK(f.explain().find("trace of \"relu\"") == 0);
  CHECK(f.stats().traces == 2);
  CHECK(burin::function(matmul)(Tensor({{1.0f, 2.0f}}), Tensor({{3.0f}, {4.0f}})).item<float>() == 11);
  CHECK(burin::function(where)(x > 0, x, 0.5f).to_vector<float>() == std::vector<float>{0.5f, 2});
  auto sums = burin::function(add);
  sums.trace(spec<f32>({"n"}), spec<f32>({"n"}));
  CHECK(sums(x, x).to_vector<float>() == std::vector<float>{-2, 4});
  CHECK(sums.stats().traces == 1);
}

TEST_CASE("attributes of ops are static, lists of operands are vectors") {
  const Tensor x({{1.0f, 2.0f}, {3.0f, 4.0f}});
  auto sums = burin::function(sum);
  CHECK(sums(x, 0, false).to_vector<float>() == std::vector<float>{4, 6});
  CHECK(sums(x, {0, 1}, true).shape() == Shape({1, 1}));
  CHECK(sums(x, all_axes, false).item<float>() == 10);
  CHECK(sums(x, 0, false).to_vector<float>() == std::vector<float>{4, 6});
  CHECK(sums.stats().traces == 3);
  CHECK(burin::function(softmax)(x, -1).shape() == x.shape());
  CHECK(burin::function(cast)(x, i32).to_vector<std::int32_t>() == std::vector<std::int32_t>{1, 2, 3, 4});
  CHECK(burin::function(reshape)(x, {4}).to_vector<float>() == std::vector<float>{1, 2, 3, 4});
  CHECK(burin::function(slice)(x, {0, 0}, {2, 1}, Ints{1, 1}).to_vector<float>() == std::vector<float>{1, 3});
  CHECK(burin::function(concatenate)({x, x}, 1).shape() == Shape({2, 4}));
}

TEST_CASE("functions on operands, and one of several of a name, are handed over as well") {
  CHECK(burin::function(scaled)(Tensor({1.0f, 2.0f}), 3.0f).to_vector<float>() == std::vector<float>{3, 6});
  auto lambda = burin::function([](const Arg& a, Arg b) { return a - b; });
  CHECK(lambda(5.0f, 3.0f).item<float>() == 2);
  auto by_cast = burin::function(static_cast<Tensor (*)(const Tensor&)>(overloaded));
  CHECK(by_cast(1.0f).item<float>() == 2);
  auto in_lambda = burin::function([](const Tensor& x) { return overloaded(x); });
  CHECK(in_lambda(1.0f).item<float>() == 2);
}

TEST_CASE("an error in an op that became a function has the line where it did") {
  const int line = __LINE__ + 1;
  auto f = burin::function(matmul);
  const std::string text = message([&] { f(Tensor({1.0f}), Tensor({{1.0f, 2.0f}, {3.0f, 4.0f}})); });
  INFO(text);
  CHECK(text.find("while tracing \"matmul\" at") != std::string::npos);
  CHECK(text.find("op_functions.cpp:" + std::to_string(line)) != std::string::npos);
  CHECK(text.find("call.h") == std::string::npos);
}

TEST_CASE("ops go into transforms by name too") {
  CHECK(grad(softplus)(Tensor(0.0f)).item<float>() == 0.5f);
  CHECK(vmap(mul)(Tensor({1.0f, 2.0f}), Tensor({3.0f, 4.0f})).to_vector<float>() == std::vector<float>{3, 8});
}
