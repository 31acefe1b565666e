// The example of every op, as docs and headers show it: it compiles, it runs, and gives what its comment says.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <cmath>
#include <sstream>

using namespace burin;

namespace {

/// The numbers in `[[1, 0.5], [true, -inf]]`, in order.
std::vector<double> numbers(std::string text) {
  for (char& c : text)
    if (c == '[' || c == ']' || c == ',') c = ' ';
  std::vector<double> list;
  std::istringstream in(text);
  for (std::string word; in >> word;) list.push_back(word == "true" ? 1 : word == "false" ? 0 : std::stod(word));
  return list;
}

void check_shown(const Tensor& y, const std::string& shown) {
  std::vector<double> want = numbers(shown), got = cast(y, f64).to_vector<double>();
  INFO("the example gives " << to_string(y) << ", its comment says " << shown);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= 1e-5 * std::fabs(want[i]));
}

}  // namespace

#include "tests/frontend/op_examples.inc"
