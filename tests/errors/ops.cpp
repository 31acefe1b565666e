// Bad operands: the same words eagerly and while tracing.
#include "tests/errors/messages.h"
#include "tests/support/catch.h"

using namespace burin;

namespace {
const Tensor x = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};
}

TEST_CASE("operands that do not fit are named with their types, in the same words eagerly and traced") {
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return t + Tensor({1.0f, 2.0f}); }, x) ==
        "add: shapes do not broadcast: a is f32[2,3], b is f32[2]; expected each size, from the last axis on, to be "
        "equal or 1 [shape-mismatch]");
  CHECK(
      error_in_both<InvalidArgument>([](const Tensor& t) { return matmul(t, t); }, x) ==
      "matmul: inner dimensions differ: lhs is f32[2,3], rhs is f32[2,3]; expected rhs dim 0 to be 3 [shape-mismatch]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return exp(cast(t, i32)); }, x) ==
        "exp: x is i32[2,3]; expected dtype bf16|f16|f32|f64 [dtype]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return reduce_sum(t, 2); }, x) ==
        "reduce_sum: axis 2 is out of range: x is f32[2,3]; expected -2 to 1 [axis]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return reduce_sum(t, {0, 0}); }, x) ==
        "reduce_sum: axis 0 is given twice: x is f32[2,3]; expected each axis once [repeated-axis]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return reshape(t, {4}); }, x) ==
        "reshape: numbers of elements differ: x is f32[2,3] (6 elements), shape is [4] (4); expected as many "
        "[element-count]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return matmul(t, Tensor({1.0f})); }, x) ==
        "matmul: operands are not matrices: lhs is f32[2,3], rhs is f32[1]; expected rank 2 or more for both [rank]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return expand_dims(t, 4); }, x) ==
        "expand_dims: axis 4 is out of range: x is f32[2,3]; expected -3 to 2 [axis]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor&) { return concatenate({}, 0); }, x) ==
        "concatenate: nothing to join; expected one operand or more [no-operands]");
  CHECK(error_in_both<InvalidArgument>([](const Tensor& t) { return where(t, t, t); }, x) ==
        "where: cond is f32[2,3]; expected dtype bool [dtype]");
}

TEST_CASE("an index out of range is a fault with the op and the index") {
  auto f = [](const Tensor& t) { return gather(t, Tensor({0, 5})); };
  CHECK(error_in_both<DeviceError>(f, x) ==
        "gather: index 5 is out of range, at element 1 of the indices [index-out-of-range]");
}

TEST_CASE("an undefined tensor is an error where it is used") {
  CHECK(error_in_both<BurinError>(
            [](const Tensor& t) {
              Tensor y;
              return t + y;
            },
            x) == "a tensor is used before anything was assigned to it, or after it was moved from [undefined]");
  CHECK(error_of<InvalidArgument>([] {
          Tensor y;
          (void)y.shape();
        }) == "a tensor is used before anything was assigned to it, or after it was moved from [undefined]");
}

TEST_CASE("reading in the wrong dtype or number is an error") {
  CHECK(error_of<InvalidArgument>([] { (void)x.item<float>(); }) ==
        "item: the tensor is f32[2,3]; expected one element [one-element]");
  CHECK(error_of<InvalidArgument>([] { (void)x.data<int>(); }) ==
        "data: the tensor is f32[2,3], asked for as i32 [dtype]");
  CHECK(error_of<InvalidArgument>([] { (void)Tensor(1.5).item<int>(); }) ==
        "item: a value of f64[] does not fit in i32 [dtype]");
  CHECK(error_of<InvalidArgument>([] { Tensor t({{1, 2}, {3}}); }) ==
        "tensor: the lists along axis 1 differ in length [ragged]");
  CHECK(error_of<InvalidArgument>([] { Tensor t(std::vector<float>(3), Shape{2, 2}); }) ==
        "tensor: 3 values were given for the shape [2,2], which holds 4 [shape-mismatch]");
}

TEST_CASE("an allocation too large is an error, and the next call works") {
  auto huge = [](const Tensor&) { return zeros({1 << 20, 1 << 20, 1 << 20}); };
  CHECK(error_in_both<DeviceError>(huge, x) ==
        "broadcast_to: no memory for the result f32[1048576,1048576,1048576] (4611686018427387904 bytes) "
        "[out-of-memory]");
  CHECK(sum(x + 1).item<float>() == 27);
}

TEST_CASE("errors say where the user's line is") {
  try {
    x + Tensor({1.0f, 2.0f});
    FAIL();
  } catch (const InvalidArgument& e) {
    CHECK(e.error.where == "at tests/errors/ops.cpp:" + std::to_string(__LINE__ - 3));
  }
  auto f = function([](const Tensor& t) { return softmax(t, 7); }, {.name = "mlp", .level = Level::graph});
  try {
    f(x);
    FAIL();
  } catch (const InvalidArgument& e) {
    CHECK(e.error.where == "while tracing \"mlp\" at tests/errors/ops.cpp:" + std::to_string(__LINE__ - 5));
  }
}
