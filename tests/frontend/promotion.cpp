// The promotion tables of docs/numerics.md are those of the code, and of the ops.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <fstream>
#include <sstream>

using namespace burin;

namespace {

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> list;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, '|');) {
    std::string text;
    for (char c : cell)
      if (c != ' ' && c != '*') text += c;
    list.push_back(text);
  }
  return {list.begin() + 1, list.end()};
}

// The n-th table of the file, its first row the header.
std::vector<std::vector<std::string>> table(int n) {
  std::ifstream in("docs/numerics.md");
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) == 0) rows.push_back(cells(line));
    else if (line.rfind("|-", 0) != 0 && !rows.empty()) {
      if (n-- == 0) return rows;
      rows.clear();
    }
  }
  return rows;
}

Tensor one(Dtype d) { return cast(Tensor({1}), d); }

}  // namespace

TEST_CASE("two tensors meet in the dtype that the table says") {
  auto rows = table(0);
  REQUIRE(rows.size() == num_dtypes + 1);
  for (std::size_t i = 1; i < rows.size(); ++i)
    for (std::size_t j = 1; j < rows[0].size(); ++j) {
      Dtype a = *parse_dtype(rows[i][0]), b = *parse_dtype(rows[0][j]);
      INFO(rows[i][0] << " and " << rows[0][j]);
      const auto met = promote(a, b);
      CHECK((met ? name(*met) : "error") == rows[i][j]);
      if (met) CHECK(name(concatenate({one(a), one(b)}).dtype()) == rows[i][j]);
      else CHECK_THROWS_WITH(concatenate({one(a), one(b)}), Catch::Contains("[dtype-mismatch]"));
    }
}

TEST_CASE("a number takes the dtype that the table says") {
  auto rows = table(1);
  REQUIRE(rows.size() == num_dtypes + 1);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    Dtype a = *parse_dtype(rows[i][0]);
    INFO(rows[i][0]);
    auto met = [&](auto number) { return std::string(name(where(Tensor({true}), one(a), number).dtype())); };
    CHECK(met(true) == rows[i][1]);
    CHECK(met(1) == rows[i][2]);
    CHECK(met(1L) == rows[i][3]);
    CHECK(met(1.0f) == rows[i][4]);
    CHECK(met(1.0) == rows[i][5]);
  }
}

TEST_CASE("u64 and a signed integer do not meet, and the error names the casts") {
  const Tensor a = cast(Tensor({1, 2}), u64), b = Tensor({3, 4});
  CHECK_THROWS_WITH(a + b, Catch::Contains("add: a is u64[2], b is i32[2]: no integer dtype holds the values of both "
                                           "[dtype-mismatch]") &&
                               Catch::Contains("say which: cast(a, i32) or cast(b, u64)"));
  CHECK((a + cast(b, u64)).dtype() == u64);
  CHECK((cast(a, i32) + b).dtype() == i32);
  CHECK((a + 1).dtype() == u64);
  CHECK((a * 2.0f).dtype() == f32);
  CHECK(concatenate({a, b, Tensor({0.5f, 1.0f})}).dtype() == f32);  // the highest category decides
  CHECK_THROWS_WITH(a + -1, Catch::Contains("add: the number -1 does not fit u64"));
}

TEST_CASE("numbers beyond the greatest i64 keep their value") {
  CHECK(Tensor(UINT64_MAX).dtype() == u64);
  CHECK((cast(Tensor({0}), u64) + UINT64_MAX).to_vector<std::uint64_t>() == std::vector<std::uint64_t>{UINT64_MAX});
  CHECK((Tensor({0.0}) + UINT64_MAX).to_vector<double>() == std::vector<double>{0x1p64});
  CHECK_THROWS_WITH(Tensor({1L}) + UINT64_MAX,
                    Catch::Contains("add: the number 18446744073709551615 does not fit i64"));
  CHECK((Tensor({std::int8_t{100}}) + 100).to_vector<std::int8_t>() == std::vector<std::int8_t>{-56});
  CHECK_THROWS_WITH(Tensor({std::int8_t{1}}) + 128, Catch::Contains("the number 128 does not fit i8"));
}
