// The table of dtypes: what is made from it agrees with itself and with the C ABI.
#include "tests/support/catch.h"

#include <burin/dim.h>
#include <burin/dtype.h>

#include <limits>
#include <set>

using namespace burin;

TEST_CASE("a dtype's number is its row and the C ABI's, its name leads back to it") {
  for (int i = 0; i < num_dtypes; ++i) {
    auto t = static_cast<Dtype>(i);
    CAPTURE(i, std::string(name(t)));
    CHECK(parse_dtype(name(t)) == t);
    CHECK(numbered_dtype(i) == t);
    CHECK(to_string(set_of(t)) == name(t));
  }
  CHECK(BURIN_RT_BOOL == 0);
  CHECK(BURIN_RT_F64 == 7);
  CHECK(name(Dtype::boolean) == "bool");
  CHECK(dtype_info(bf16).file_name == "BF16");
  CHECK_FALSE(numbered_dtype(num_dtypes));
  CHECK_FALSE(numbered_dtype(-1));
  CHECK_FALSE(parse_dtype("f33"));
}

TEST_CASE("numbers of dtypes to come are taken, and no two names are alike") {
  std::set<int> numbers;
  std::set<std::string_view> names;
  for (int i = 0; i < num_dtypes; ++i) numbers.insert(i), names.insert(name(static_cast<Dtype>(i)));
  for (const ReservedDtype& row : reserved_dtypes) {
    CAPTURE(std::string(row.name));
    CHECK(numbers.insert(row.number).second);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(parse_dtype(row.name));
    CHECK(is_reserved_dtype(row.name));
    CHECK(is_reserved_dtype(row.file_name));
  }
  CHECK(*numbers.rbegin() == 21);
  CHECK(numbers.size() == 22);
  CHECK(BURIN_RT_F4 == 21);
  CHECK_FALSE(is_reserved_dtype("f32"));
}

TEST_CASE("the columns are what the C++ types say") {
  for (int i = 0; i < num_dtypes; ++i)
    visit(static_cast<Dtype>(i), [&]<class T>(std::type_identity<T>) {
      constexpr Dtype t = dtype_of<T>;
      CAPTURE(std::string(name(t)));
      CHECK(static_cast<int>(t) == i);
      CHECK(bytes(t, 1) == static_cast<std::int64_t>(sizeof(T)));
      CHECK(bytes(t, 7) == static_cast<std::int64_t>(7 * sizeof(T)));
      if constexpr (std::is_arithmetic_v<T>) {
        CHECK(dtype_info(t).digits == std::numeric_limits<T>::digits);
        CHECK(is_floating(t) == std::is_floating_point_v<T>);
        if (t != Dtype::boolean) CHECK(is_signed(t) == std::is_signed_v<T>);
      }
    });
}

TEST_CASE("bytes of a tensor are checked") {
  CHECK(num_bytes({f64, {3, 5}}) == Dim(120));
  CHECK(num_bytes({f64, {}}) == Dim(8));
  CHECK(num_bytes({bf16, {"n", 3}}) == 6 * Dim("n"));
  CHECK(num_bytes({f64, {std::int64_t{1} << 60}}).is_overflow());
  CHECK(num_bytes({Dtype::u8, {std::int64_t{1} << 60}}) == Dim(std::int64_t{1} << 60));
  CHECK(num_bytes({f64, {std::int64_t{1} << 60, 0, std::int64_t{1} << 60}}) == Dim(0));
}

TEST_CASE("a dtype holds another where it has every value of it") {
  CHECK(holds(i64, u32));
  CHECK(holds(f64, i32));
  CHECK(holds(f32, bf16));
  CHECK(holds(f32, f16));
  CHECK(holds(f32, Dtype::u16));
  CHECK(holds(u64, u32));
  CHECK_FALSE(holds(i64, u64));
  CHECK_FALSE(holds(u64, i8));
  CHECK_FALSE(holds(f64, u64));
  CHECK_FALSE(holds(f16, bf16));
  CHECK_FALSE(holds(bf16, f16));
  CHECK(holds(Dtype::u8, Dtype::boolean));
  CHECK_FALSE(holds(i32, u32));
  CHECK_FALSE(holds(u32, i32));
  CHECK_FALSE(holds(f32, i32));
  CHECK_FALSE(holds(bf16, f32));
  CHECK_FALSE(holds(i64, f32));
  CHECK_FALSE(holds(Dtype::boolean, Dtype::u8));
}

TEST_CASE("f16 is IEEE's binary16: rounded to nearest even, subnormals kept") {
  auto bits = [](float x) { return float16(x).bits; };
  CHECK(bits(1.0f) == 0x3c00);
  CHECK(bits(-2.0f) == 0xc000);
  CHECK(bits(65504.0f) == 0x7bff);
  CHECK(bits(65519.996f) == 0x7bff);
  CHECK(bits(65520.0f) == 0x7c00);  // half a step above the greatest: to even
  CHECK(bits(-1e9f) == 0xfc00);
  CHECK(bits(0x1p-24f) == 1);
  CHECK(bits(0x1p-25f) == 0);  // a tie, to even
  CHECK(bits(0x1.000002p-25f) == 1);
  CHECK(bits(0x1.8p-24f) == 2);
  CHECK(bits(-0.0f) == 0x8000);
  CHECK(bits(1.0f + 0x1p-11f) == 0x3c00);
  CHECK(bits(1.0f + 0x1.8p-10f) == 0x3c02);
  CHECK((bits(std::numeric_limits<float>::quiet_NaN()) & 0x7e00) == 0x7e00);
  int back = 0;  // every value is its own nearest
  for (int i = 0; i < 0x10000; ++i) {
    float16 h;
    h.bits = static_cast<std::uint16_t>(i);
    const auto x = static_cast<float>(h);
    if (x != x) back += (bits(x) & 0x7fff) > 0x7c00;
    else back += bits(x) == i;
  }
  CHECK(back == 0x10000);
}
