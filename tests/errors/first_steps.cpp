// Mistakes of one's first hour: what a new user writes that is nearly right. Each names what was written and the remedy.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

#include <cmath>
#include <limits>

using namespace burin;

namespace {
const Tensor x = {1.0f, 2.0f}, ints = {1, 2};
const Tensor mat = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};
}  // namespace

TEST_CASE("composites refuse in their own name, in the same words eagerly and traced") {
  CHECK(error_in_both([](const Tensor& t) { return softmax(t, 5); }, mat) ==
        "softmax: axis 5 is out of range: x is f32[2,3]; expected -2 to 1 [axis]");
  CHECK(error_in_both([](const Tensor& t) { return log_softmax(t, -3); }, mat) ==
        "log_softmax: axis -3 is out of range: x is f32[2,3]; expected -2 to 1 [axis]");
  CHECK(error_in_both([](const Tensor& t) { return mean(t, {0, -2}); }, mat) ==
        "mean: axis 0 is given twice: x is f32[2,3]; expected each axis once [repeated-axis]");
  CHECK(error_in_both([](const Tensor& t) { return sum(t, 2); }, mat) ==
        "sum: axis 2 is out of range: x is f32[2,3]; expected -2 to 1 [axis]");
  CHECK(error_in_both([](const Tensor& t) { return softmax(t); }, ints) ==
        "softmax: x is i32[2]; expected dtype bf16|f16|f32|f64 [dtype]");
  CHECK(error_in_both([](const Tensor&) { return zeros({-3}); }, x) ==
        "zeros: shape is [-3]: entry 0 is negative; expected 0 or more [negative-size]");
  CHECK(error_in_both([](const Tensor& t) { return expand_dims(t, 4); }, x) ==
        "expand_dims: axis 4 is out of range: x is f32[2]; expected -2 to 1 [axis]");
  CHECK(error_in_both([](const Tensor& t) { return expand_dims(reshape(t, {2, 1, 1, 1, 1, 1, 1, 1}), 0); }, x) ==
        "expand_dims: the result would have rank 9: x is f32[2,1,1,1,1,1,1,1]; expected 8 or less [rank]");
  try {
    softmax(ints);
    FAIL("no error");
  } catch (const InvalidArgument& e) { CHECK(e.error.hint == "did you mean softmax(cast(x, f32))?"); }
}

TEST_CASE("a number is as good as a tensor for a composite") {
  CHECK(mean(2.5f).item<float>() == 2.5f);
  CHECK(mean(3).item<float>() == 3.0f);
  CHECK(error_of([] { (void)softmax(2.0f); }).find("softmax: ") == 0);
}

TEST_CASE("a shape of more than eight sizes is an error, not a shorter shape") {
  const std::string text = "shape: 9 sizes were given; a tensor has at most 8 axes [rank]";
  CHECK(error_in_both([](const Tensor&) { return zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}); }, x) == text);
  CHECK(error_in_both([](const Tensor& t) { return reshape(t, {1, 1, 1, 1, 1, 1, 1, 1, 2}); }, x) == text);
  CHECK(error_of([] { (void)Tensor(std::vector<float>{1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}); }) == text);
  CHECK(error_of([] { (void)spec<f32>({"n", 1, 1, 1, 1, 1, 1, 1, 1}); }) == text);
  CHECK(zeros({1, 1, 1, 1, 1, 1, 1, 1}).rank() == 8);
}

TEST_CASE("a number that its tensor's dtype cannot hold is an error, not another number") {
  const Tensor bytes = cast(Tensor({1, 2}), u8), words = Tensor({1, 2});
  CHECK(error_in_both([](const Tensor& t) { return t + 300; }, bytes) ==
        "add: the number 300 does not fit u8, the dtype of the tensor beside it [number-range]");
  CHECK(error_in_both([](const Tensor& t) { return t < -1; }, bytes).find("[number-range]") != std::string::npos);
  CHECK(error_in_both([](const Tensor& t) { return t * 5000000000; }, words).find("5000000000 does not fit i32") !=
        std::string::npos);
  CHECK((bytes + 253).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{254, 255});
}

TEST_CASE("what does not fit is refused wherever a number meets a dtype") {
  const Tensor bytes = cast(Tensor({1, 2}), u8), words = Tensor({1, 2}), reals = {1.0f, 2.0f};
  const std::string beside = ", the dtype of the tensor beside it [number-range]",
                    place = ", the dtype of what it takes the place of [number-range]";
  CHECK(error_in_both([](const Tensor& t) { return t + Tensor(300); }, bytes) ==
        "add: the number 300 does not fit u8" + beside);
  CHECK(error_in_both([](const Tensor& t) { return t + Scalar<long>(1L << 40); }, words) ==
        "add: the number 1099511627776 does not fit i32" + beside);
  CHECK(error_in_both([](const Tensor& t) { return where(t < 1, t, 256); }, bytes) ==
        "where: the number 256 does not fit u8" + beside);
  CHECK(error_in_both([](const Tensor& t) { return max(t, -1); }, bytes) ==
        "max: the number -1 does not fit u8" + beside);
  CHECK(error_in_both([](const Tensor& t) { return t * 1e39; }, reals) ==
        "mul: the number 1e+39 does not fit f32" + beside);
  CHECK(error_in_both([](const Tensor& t) { return t * 1e39; }, cast(reals, bf16)) ==
        "mul: the number 1e+39 does not fit bf16" + beside);
  CHECK(error_in_both([](const Tensor& t) { return t + 65520; }, cast(reals, f16)) ==
        "add: the number 65520 does not fit f16" + beside);
  CHECK(error_in_both([](const Tensor& t) { return t + Tensor(18446744073709551615ull); }, cast(words, i64)) ==
        "add: the number 18446744073709551615 does not fit i64" + beside);
  CHECK(error_in_both([](const Tensor&) { return full({1}, 300, u8); }, words) ==
        "full: the number 300 does not fit u8, the dtype asked for [number-range]");
  CHECK(error_in_both([](const Tensor&) { return full({1}, Tensor(-1), u32); }, words) ==
        "full: the number -1 does not fit u32, the dtype asked for [number-range]");
  CHECK(error_in_both([](const Tensor&) { return full({1}, 2.5, i32); }, words) ==
        "full: the number 2.5 does not fit i32, the dtype asked for [number-range]");
  CHECK(error_in_both(
            [](const Tensor& t) {
              Tensor y = t;
              for_loop(1, [&](const Tensor&) { y = 300; });
              return y;
            },
            cast(Tensor(1) + 0, u8)) == "for_loop: the number 300 does not fit u8" + place);
  CHECK(error_in_both([](const Tensor& t) { return cond(t < 5, [&] { return t; }, [] { return Tensor(300); }); },
                      cast(Tensor(7) + 0, u8))
            .find("the number 300 does not fit u8") != std::string::npos);
  Variable v(bytes, "v");
  CHECK(error_of([&] { v += 300; }) == "add: the number 300 does not fit u8" + beside);
  Variable one(cast(Tensor(1) + 0, u8), "one");
  CHECK(error_of([&] { one = 300; }) == "variable 'one': the number 300 does not fit u8" + beside);
  CHECK(error_of([&] { one = Tensor(300); }) == "variable 'one': the number 300 does not fit u8" + place);
}

TEST_CASE("a number is rounded once, and unsigned ones keep their value") {
  auto both = [](auto f, const Tensor& x) {
    const auto eager = cast(f(x), f64).template to_vector<double>();
    auto compiled = function([&](const Tensor& t) { return Tensor(f(t)); }, {.level = Level::graph});
    CHECK(cast(compiled(x), f64).template to_vector<double>() == eager);
    return eager[0];
  };
  CHECK(both([](const Tensor& t) { return t + 1.003906251; }, zeros({1}, bf16)) == 1.0078125);
  CHECK(both([](const Tensor& t) { return t + 18446744073709551615ull; }, zeros({1}, f64)) == 18446744073709551616.0);
  CHECK(both([](const Tensor& t) { return t * (1ull << 63); }, ones({1})) == 9223372036854775808.0);
  CHECK(both([](const Tensor& t) { return t + ((1ull << 63) + (1ull << 55) + 1); }, zeros({1}, bf16)) ==
        std::ldexp(1.0 + 1.0 / 128, 63));
  CHECK(both([](const Tensor& t) { return t + 16777217L; }, zeros({1})) == 16777216.0);
  CHECK(both([](const Tensor& t) { return t + std::numeric_limits<double>::infinity(); }, zeros({1}, bf16)) ==
        std::numeric_limits<double>::infinity());
}

TEST_CASE("a gradient by something without tensors is an error") {
  CHECK(error_of([] { (void)grad([](float v) { return Tensor(v * v); })(1.0f); }) ==
        "grad: the first argument holds no tensors; a derivative is taken by those in it [no-tensors]");
}

TEST_CASE("a call whose sizes break a guard says which they are") {
  auto f = function([](const Tensor& a, const Tensor& b) { return a + b; },
                    {.name = "f", .level = Level::graph, .signature = {spec<f32>({"n"}), spec<f32>({"m"})}});
  CHECK(sum(f(x, x)).item<float>() == 6);
  try {
    f(x, Tensor{1.0f, 2.0f, 3.0f});
    FAIL("no error");
  } catch (const InvalidArgument& e) {
    CHECK(e.error.message == "f: the sizes break what the trace relies on: n == m");
    CHECK(e.error.hint == "in this call n is 2, m is 3");
  }
  CHECK(sum(f(x, x)).item<float>() == 6);
}

TEST_CASE("an axis that a shape lacks is told with the line that asked, eagerly and traced") {
  std::string eager, traced;
  try {
    (void)mat.shape(9);
  } catch (const InvalidArgument& e) { eager = e.error.where; }
  auto f = function([](const Tensor& t) { return t * t.shape(-3); }, {.name = "f", .level = Level::graph});
  try {
    f(mat);
  } catch (const InvalidArgument& e) { traced = e.error.where; }
  CHECK(eager.find("at tests/errors/first_steps.cpp:") == 0);
  CHECK(traced.find("while tracing \"f\" at tests/errors/first_steps.cpp:") == 0);
}

TEST_CASE("nested lists have one rank, wherever a Tensor is made of them") {
  const Tensor copied = {{1, 2}};
  CHECK(copied.shape() == Shape{1, 2});
  CHECK(sum(Tensor{{1, 2}}, 0).shape() == Shape{2});
  CHECK(sum(Tensor({{1, 2}}), 0).shape() == Shape{2});
  CHECK(sum(Tensor{{{1, 2}}}, 0).shape() == Shape{1, 2});
}
