// What golden values cannot show of the referee: effects, faults, check mode, sharing, limits.
#include "runtime/ops/catalogue.h"
#include "tests/support/catch.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace burin;

namespace {

template <class T> HostTensor tensor(std::vector<T> values, Shape shape) {
  HostTensor t{{dtype_of<T>, shape}, {}};
  t.buffer = Buffer::allocate(t.num_bytes());
  if (!values.empty()) std::memcpy(t.buffer.mutable_data(), values.data(), values.size() * sizeof(T));
  return t;
}
template <class T> std::vector<T> values(const HostTensor& t) { return {t.data<T>(), t.data<T>() + t.num_elements()}; }

struct Fault {
  burin_rt_fault_kind kind = BURIN_RT_FAULT_NONE;
  std::int64_t index = -1, value = -1;
  KernelSink sink(bool check_mode = false) {
    return {this,
            [](void* self, burin_rt_fault_kind kind, std::int64_t index, std::int64_t value) {
              *static_cast<Fault*>(self) = {kind, index, value};
            },
            nullptr, check_mode};
  }
};

}  // namespace

TEST_CASE("a constant shares its bytes") {
  auto constant = make_constant(tensor<float>({1, 2, 3}, {3}));
  auto y = run_reference(OpKind::constant, {}, {constant});
  REQUIRE(y);
  CHECK((*y)[0].type == constant->value.type);
  CHECK((*y)[0].buffer.same(constant->value.buffer));
}

TEST_CASE("print hands label and value to the sink and has no result") {
  struct Seen {
    std::string label;
    std::vector<float> values;
  } seen;
  KernelSink sink{&seen, nullptr, [](void* self, std::string_view label, const HostTensor& value) {
                    *static_cast<Seen*>(self) = {std::string(label), values<float>(value)};
                  }};
  auto x = tensor<float>({1, 2}, {2});
  auto y = run_reference(OpKind::print, std::span(&x, 1), {std::string("x")}, sink);
  REQUIRE(y);
  CHECK(y->empty());
  CHECK(seen.label == "x");
  CHECK(seen.values == std::vector<float>{1, 2});
}

TEST_CASE("an index out of range is a fault that names the first one") {
  HostTensor operands[] = {tensor<float>({1, 2, 3}, {3}), tensor<std::int32_t>({0, 3, -1}, {3})};
  Fault fault;
  auto y = run_reference(OpKind::gather, operands, {std::int64_t{0}}, fault.sink());
  REQUIRE_FALSE(y);
  CHECK(y.error().code == ErrorCode::device);
  CHECK(
      y.error().text() ==
      "gather: index 3 is out of range, at element 1 of the indices [index-out-of-range]\n  hint: positions along that "
      "axis are 0 to 2");
  CHECK(fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE);
  CHECK(fault.index == 1);
  CHECK(fault.value == 3);

  HostTensor scatter[] = {tensor<float>({1, 2, 3}, {3}), tensor<std::int64_t>({-1}, {1}), tensor<float>({5}, {1})};
  auto z = run_reference(OpKind::scatter_add, scatter, {std::int64_t{0}});
  REQUIRE_FALSE(z);
  CHECK(z.error().text() ==
        "scatter_add: index -1 is out of range, at element 0 of the indices [index-out-of-range]\n  hint: positions "
        "along "
        "that axis are 0 to 2");
}

TEST_CASE("integers are total: they wrap, and division by zero gives 0") {
  constexpr auto least = std::numeric_limits<std::int32_t>::min(), greatest = std::numeric_limits<std::int32_t>::max();
  HostTensor operands[] = {tensor<std::int32_t>({least, 7, -7, greatest}, {4}),
                           tensor<std::int32_t>({-1, 0, 2, 1}, {4})};
  CHECK(values<std::int32_t>((*run_reference(OpKind::div, operands, {}))[0]) ==
        std::vector<std::int32_t>{least, 0, -3, greatest});
  CHECK(values<std::int32_t>((*run_reference(OpKind::add, operands, {}))[0]) ==
        std::vector<std::int32_t>{greatest, 7, -5, least});
}

TEST_CASE("check mode turns NaN and division by zero into faults") {
  Fault fault;
  HostTensor floats[] = {tensor<float>({1, 0}, {2}), tensor<float>({0, 0}, {2})};
  CHECK(run_reference(OpKind::div, floats, {}, fault.sink(false)));
  auto nan = run_reference(OpKind::div, floats, {}, fault.sink(true));
  REQUIRE_FALSE(nan);
  CHECK(nan.error().text() == "div: NaN at element 1 of the result [nan]");

  HostTensor integers[] = {tensor<std::int64_t>({1, 2, 3}, {3}), tensor<std::int64_t>({1, 2, 0}, {3})};
  CHECK(run_reference(OpKind::div, integers, {}, fault.sink(false)));
  auto zero = run_reference(OpKind::div, integers, {}, fault.sink(true));
  REQUIRE_FALSE(zero);
  CHECK(zero.error().text() == "div: division by zero at element 2 of the result [division-by-zero]");
  CHECK(fault.kind == BURIN_RT_FAULT_DIVISION_BY_ZERO);
}

TEST_CASE("casts to narrow floats round once, from f64 and from 64-bit integers") {
  auto one = [](auto from, Dtype to) {
    auto t = tensor<decltype(from)>({from}, {1});
    auto y = run_reference(OpKind::cast, std::span(&t, 1), {to});
    REQUIRE(y);
    const HostTensor& result = (*y)[0];
    return result.data<std::uint16_t>()[0];
  };
  // By way of f32 the last would be lost, and half a step would go to even.
  CHECK(one(1 + 0x1p-11 + 0x1p-40, f16) == 0x3c01);
  CHECK(one(1 + 0x1p-8 + 0x1p-40, bf16) == 0x3f81);
  CHECK(one(0x1p-25 + 0x1p-60, f16) == 1);
  CHECK(one(65520 - 0x1p-30, f16) == 0x7bff);
  CHECK(one(65520.0, f16) == 0x7c00);
  CHECK(one((std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1, bf16) == 0x5e81);
  CHECK(one((std::uint64_t{1} << 63) + (std::uint64_t{1} << 55) + 1, bf16) == 0x5f01);
  CHECK(one(std::int64_t{2049}, f16) == 0x6800);
  CHECK(one(UINT64_MAX, bf16) == 0x5f80);
  CHECK(one(UINT64_MAX, f16) == 0x7c00);
}

TEST_CASE("u64 goes beyond the greatest i64") {
  std::vector<std::uint64_t> x = {UINT64_MAX, std::uint64_t{1} << 63, 7}, y = {2, std::uint64_t{1} << 63, 0};
  HostTensor both[] = {tensor(x, {3}), tensor(y, {3})};
  auto result = [&](OpKind kind) { return (*run_reference(kind, both, {}))[0]; };
  CHECK(values<std::uint64_t>(result(OpKind::div)) == std::vector<std::uint64_t>{UINT64_MAX / 2, 1, 0});
  CHECK(values<std::uint64_t>(result(OpKind::max)) ==
        std::vector<std::uint64_t>{UINT64_MAX, std::uint64_t{1} << 63, 7});
  CHECK(values<std::uint64_t>(result(OpKind::mul)) == std::vector<std::uint64_t>{UINT64_MAX - 1, 0, 0});
  CHECK(values<std::uint8_t>(result(OpKind::less)) == std::vector<std::uint8_t>{0, 0, 0});
  auto cast = [&](const HostTensor& t, Dtype to) { return (*run_reference(OpKind::cast, std::span(&t, 1), {to}))[0]; };
  CHECK(values<double>(cast(both[0], f64)) == std::vector<double>{0x1p64, 0x1p63, 7});
  CHECK(values<std::uint64_t>(cast(tensor<double>({0x1p63, 1e30, -5}, {3}), u64)) ==
        std::vector<std::uint64_t>{std::uint64_t{1} << 63, UINT64_MAX, 0});
  HostTensor gathered[] = {tensor<float>({1, 2, 3}, {3}), tensor<std::uint64_t>({std::uint64_t{1} << 63}, {1})};
  Fault fault;
  CHECK_FALSE(run_reference(OpKind::gather, gathered, {std::int64_t{0}}, fault.sink()));
  CHECK(fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE);
  CHECK(fault.value == INT64_MAX);
}

TEST_CASE("reductions of bf16 round once, at the end") {
  // 256 + 1 + 1 in bf16 steps would stay 256: its neighbours are 2 apart.
  std::vector<bfloat16> x = {bfloat16(256.0f), bfloat16(1.0f), bfloat16(1.0f)};
  auto t = tensor<bfloat16>(x, {3});
  auto y = run_reference(OpKind::reduce_sum, std::span(&t, 1), {std::vector<std::int64_t>{0}, false});
  REQUIRE(y);
  CHECK(static_cast<float>((*y)[0].data<bfloat16>()[0]) == 258.0f);
}

TEST_CASE("attributes compare and hash by value") {
  Attribute nan = std::nan("");
  CHECK(same_attribute(nan, nan));
  CHECK_FALSE(same_attribute(Attribute(1.0), Attribute(std::int64_t{1})));
  auto a = make_constant(tensor<float>({1, 2}, {2})), b = make_constant(tensor<float>({1, 2}, {2})),
       c = make_constant(tensor<float>({1, 2}, {1, 2}));
  CHECK(same_attribute(a, b));
  CHECK_FALSE(same_attribute(a, c));
  CHECK(hash_attributes({a}) == hash_attributes({b}));
  CHECK(hash_attributes({a}) != hash_attributes({c}));
  CHECK(hash_attributes({std::vector<Dim>{1, 2}, std::vector<Dim>{3}}) !=
        hash_attributes({std::vector<Dim>{1}, std::vector<Dim>{2, 3}}));
}

TEST_CASE("the catalogue finds its ops by mnemonic") {
  for (const OpInfo& info : catalogue()) {
    CHECK(find_op(info.mnemonic) == &info);
    CHECK(&op_info(info.kind) == &info);
  }
  CHECK(find_op("no_such_op") == nullptr);
}
