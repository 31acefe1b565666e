// Ops with several results, enumerated attributes and optional operands, which no op of the catalogue has: what the generator
// makes of declared.td, run by the entries that everybody goes through.
#include "runtime/ops/catalogue.h"
#include "runtime/ops/shape_rules.h"
#include "tests/support/catch.h"
#include "tests/support/graphs.h"

#include <algorithm>

namespace burin::declared {

/// Kinds that the catalogue has not: these ops are found by their OpInfo.
struct OpKind {
  static constexpr burin::OpKind blend{1000}, least_with_position{1001};
};

#include "tests/ops/declared/OpTables.inc"

Result<std::vector<TensorType>> shape_rules::blend(const ShapeQuery& q) {
  for (std::size_t k = 0; k < 2; ++k)
    if (const TensorType* t = optional_operand(q.operands, q.attributes, k); t && t->shape != q.operands[0].shape)
      return burin::shape_rules::violation(q, "shape-mismatch",
                                           "shapes differ: " + burin::shape_rules::operand_text(q) + "; expected one");
  return burin::shape_rules::one(q, q.operands[0].shape);
}

void reference::blend(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes,
                      const KernelSink&) {
  const auto* scale = optional_operand(operands, attributes, 0);
  const auto* bias = optional_operand(operands, attributes, 1);
  const bool scale_first = std::get<std::string>(attributes[0]) == "scale_first";
  for (std::int64_t i = 0; i < results[0].num_elements(); ++i) {
    float y = operands[0].data<float>()[i];
    const float factor = scale ? scale->data<float>()[i] : 1, term = bias ? bias->data<float>()[i] : 0;
    y = scale_first ? y * factor + term : (y + term) * factor;
    static_cast<float*>(results[0].buffer.mutable_data())[i] = y;
  }
}

Result<std::vector<TensorType>> shape_rules::least_with_position(const ShapeQuery& q) {
  return burin::shape_rules::each(q, std::array<Shape, 2>{});
}

void reference::least_with_position(std::span<const HostTensor> operands, std::span<HostTensor> results,
                                    const Attributes&, const KernelSink&) {
  const float* x = operands[0].data<float>();
  const float* least = std::min_element(x, x + operands[0].num_elements());
  *static_cast<float*>(results[0].buffer.mutable_data()) = *least;
  *static_cast<std::int64_t*>(results[1].buffer.mutable_data()) = least - x;
}

}  // namespace burin::declared

using namespace burin;
using burin::test::tensor;

namespace {

const OpInfo& blend = declared::op_table[0];
const OpInfo& least_with_position = declared::op_table[1];

Attributes blended(const char* order, std::int64_t present) { return {std::string(order), std::int64_t{1}, present}; }

std::vector<float> elements(const Result<std::vector<HostTensor>>& results) {
  REQUIRE(results);
  const HostTensor& y = (*results)[0];
  return {y.data<float>(), y.data<float>() + y.num_elements()};
}

std::string refused(std::vector<TensorType> operands, const Attributes& attributes) {
  auto types = infer_types(blend, {.operands = operands, .attributes = attributes});
  return types ? "no error" : types.error().text();
}

struct Values {
  HostTensor x = tensor<float>({2}, {1, 2}), scale = tensor<float>({2}, {10, 20}), bias = tensor<float>({2}, {3, 4});
};
const TensorType row{f32, {2}};

}  // namespace

TEST_CASE("each result of an op has the dtype that its signature says") {
  auto types = infer_types(least_with_position, {.operands = std::array{TensorType{f64, {5}}}, .attributes = {}});
  REQUIRE(types);
  CHECK(*types == std::vector<TensorType>{{f64, {}}, {i64, {}}});
  CHECK(least_with_position.num_results == 2);

  auto found = run_reference(least_with_position, std::array{tensor<float>({3}, {4, -2, 7})}, {});
  REQUIRE(found);
  CHECK(*(*found)[0].data<float>() == -2);
  CHECK(*(*found)[1].data<std::int64_t>() == 1);
}

TEST_CASE("optional operands are found by their number, whichever are there") {
  const auto [x, scale, bias] = Values();
  CHECK(elements(run_reference(blend, std::array{x}, blended("scale_first", 0))) == std::vector<float>{1, 2});
  CHECK(elements(run_reference(blend, std::array{x, scale}, blended("scale_first", 1))) == std::vector<float>{10, 40});
  CHECK(elements(run_reference(blend, std::array{x, bias}, blended("scale_first", 2))) == std::vector<float>{4, 6});
  CHECK(elements(run_reference(blend, std::array{x, scale, bias}, blended("scale_first", 3))) ==
        std::vector<float>{13, 44});
  CHECK(elements(run_reference(blend, std::array{x, scale, bias}, blended("bias_first", 3))) ==
        std::vector<float>{40, 120});
}

TEST_CASE("an op whose operands are not those that it says are there is refused") {
  CHECK(refused({}, blended("bias_first", 0)) == "blend: has 0 operands; expected 1 to 3 [operand-count]");
  CHECK(refused({row, row, row, row}, blended("bias_first", 3)) ==
        "blend: has 4 operands; expected 1 to 3 [operand-count]");
  CHECK(refused({row}, blended("bias_first", 1)) ==
        "blend: has 0 optional operands; its attribute `present`, 1, says otherwise [operand-count]");
  CHECK(refused({row, row}, blended("bias_first", 4)) ==
        "blend: has 1 optional operands; its attribute `present`, 4, says otherwise [operand-count]");
  CHECK(refused({row, row}, blended("bias_first", -1)) ==
        "blend: has 1 optional operands; its attribute `present`, -1, says otherwise [operand-count]");
  CHECK(refused({row, row}, {std::string("bias_first"), std::int64_t{1}}) ==
        "blend: has 2 attributes; expected 3 [attribute]");
}

TEST_CASE("errors call an optional operand by its own name where one before it is absent") {
  CHECK(refused({row, {f64, {2}}}, blended("bias_first", 2)) ==
        "blend: dtypes differ: x is f32[2], bias is f64[2]; expected one dtype for both [dtype-mismatch]\n"
        "  hint: cast one of them");
  CHECK(refused({row, {f32, {3}}}, blended("bias_first", 2)) ==
        "blend: shapes differ: x is f32[2], bias is f32[3]; expected one [shape-mismatch]");
}

TEST_CASE("a word that an enumerated attribute does not have is refused with those that it has") {
  CHECK(refused({row}, blended("bias_last", 0)) ==
        "blend: attribute `order` is \"bias_last\"; expected scale_first or bias_first [attribute]");
  CHECK(refused({row}, {std::int64_t{0}, std::int64_t{1}, std::int64_t{0}}) ==
        "blend: attribute `order` is of another kind than the catalogue says [attribute]");
}
