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
      CHECK(name(promote(a, b)) == rows[i][j]);
      CHECK(name(concatenate({one(a), one(b)}).dtype()) == rows[i][j]);
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
