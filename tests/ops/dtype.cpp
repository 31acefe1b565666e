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
  CHECK(holds(Dtype::u8, Dtype::boolean));
  CHECK_FALSE(holds(i32, u32));
  CHECK_FALSE(holds(u32, i32));
  CHECK_FALSE(holds(f32, i32));
  CHECK_FALSE(holds(bf16, f32));
  CHECK_FALSE(holds(i64, f32));
  CHECK_FALSE(holds(Dtype::boolean, Dtype::u8));
}
