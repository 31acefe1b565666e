// Public functions of forms that no op of the catalogue has: what the generator makes of tests/ops/declared.td, with a
// dispatch that notes what reaches it.
#include <burin/burin.h>

#include "frontend/record/dispatch.h"
#include "tests/ops/declared/ops.h"
#include "tests/support/catch.h"

namespace burin::declared {

struct OpKind {
  static constexpr burin::OpKind blend{1000}, least_with_position{1001};
};

namespace detail {

using burin::detail::PromotionMask;

struct Call {
  std::vector<std::vector<float>> operands;
  Attributes attributes;
  PromotionMask mask = 0;
  unsigned line = 0;
};
Call last;

std::vector<Tensor> dispatch_all(burin::OpKind kind, std::span<const Arg> operands, Attributes attributes,
                                 PromotionMask mask) {
  last = {{}, std::move(attributes), mask, operands[0].where().line()};
  for (const Arg& a : operands)
    last.operands.push_back(a.tensor() ? a.tensor()->to_vector<float>() : std::vector{float(a.number().integer)});
  if (kind == OpKind::blend) return {*operands[0].tensor()};
  return {Tensor(1.0f), Tensor(std::int64_t{2})};
}
Tensor dispatch(burin::OpKind kind, std::span<const Arg> operands, Attributes attributes, PromotionMask mask) {
  return dispatch_all(kind, operands, std::move(attributes), mask)[0];
}

}  // namespace detail

#include "tests/ops/declared/ops.inc"

}  // namespace burin::declared

using namespace burin;

namespace {

const declared::detail::Call& last = declared::detail::last;
std::int64_t present() { return std::get<std::int64_t>(last.attributes.at(2)); }

}  // namespace

TEST_CASE("a public function hands on the optional operands that it is given, and which they are") {
  const Tensor x({1.0f, 2.0f}), scale({3.0f, 4.0f}), bias({5.0f, 6.0f});
  declared::blend(x, scale, bias, BlendOrder::scale_first, 1);
  CHECK(last.operands == std::vector<std::vector<float>>{{1, 2}, {3, 4}, {5, 6}});
  CHECK(present() == 3);
  CHECK(last.mask == 7);

  declared::blend(x, {}, bias, BlendOrder::scale_first, 1);
  CHECK(last.operands == std::vector<std::vector<float>>{{1, 2}, {5, 6}});
  CHECK(present() == 2);
  CHECK(last.mask == 3);

  declared::blend(x, 7, {}, BlendOrder::scale_first, 1);  // a number, as for other operands
  CHECK(last.operands == std::vector<std::vector<float>>{{1, 2}, {7}});
  CHECK(present() == 1);

  declared::blend(x, {}, {}, BlendOrder::scale_first, 1);
  CHECK(present() == 0);
  CHECK(last.mask == 1);
  CHECK(last.line == __LINE__ - 3);
}

TEST_CASE("an enumerator is recorded by its word") {
  const Tensor x({1.0f});
  declared::blend(x, {}, {}, BlendOrder::bias_first, 1);
  CHECK(std::get<std::string>(last.attributes.at(0)) == "bias_first");
  declared::blend(x, {}, {}, BlendOrder::scale_first, 1);
  CHECK(std::get<std::string>(last.attributes.at(0)) == "scale_first");
  declared::blend(x, {}, {}, BlendOrder{9}, 1);  // infer_types refuses it
  CHECK(std::get<std::string>(last.attributes.at(0)).empty());
}

TEST_CASE("an op with several results gives them by name") {
  const LeastWithPositionResults found = declared::least_with_position(Tensor({1.0f}));
  CHECK(found.value.dtype() == f32);
  CHECK(found.position.dtype() == i64);
  auto [value, position] = declared::least_with_position(Tensor({1.0f}));
  CHECK(position.item<std::int64_t>() == 2);
}
