// Shape rules over named sizes: what follows, what becomes a guard, and what is refused. Known sizes are covered by the
// golden cases (results) and errors.cpp (refusals).
#include "runtime/ops/catalogue.h"
#include "tests/support/catch.h"

using namespace burin;

namespace {

using Dims = std::vector<Dim>;
using Ints = std::vector<std::int64_t>;

/// `f32[n,3] | n == m`: the result type and the guards that it rests on, or the label of the error.
std::string infer(OpKind kind, std::vector<const char*> operands, Attributes attributes = {}) {
  std::vector<TensorType> types;
  for (const char* text : operands) types.push_back(parse_tensor_type(text).value());
  std::vector<Guard> guards;
  auto result = infer_types(kind, {.operands = types, .attributes = attributes, .guards = &guards});
  if (!result) return "[" + result.error().tag + "]";
  std::string text = to_string(result->at(0));
  for (const Guard& guard : guards) text += " | " + to_string(guard);
  return text;
}

const Dim n("n"), m("m");

}  // namespace

TEST_CASE("a named size never broadcasts as 1: it is guarded to equal the other") {
  CHECK(infer(OpKind::add, {"f32[n,3]", "f32[n,3]"}) == "f32[n,3]");
  CHECK(infer(OpKind::add, {"f32[n,3]", "f32[3]"}) == "f32[n,3]");
  CHECK(infer(OpKind::add, {"f32[n,3]", "f32[1,3]"}) == "f32[n,3]");
  CHECK(infer(OpKind::add, {"f32[n]", "f32[m]"}) == "f32[n] | n == m");
  CHECK(infer(OpKind::add, {"f32[n]", "f32[4]"}) == "f32[4] | n == 4");
  CHECK(infer(OpKind::add, {"f32[4]", "f32[n]"}) == "f32[4] | 4 == n");
  CHECK(infer(OpKind::where, {"bool[n]", "f32[m]", "f32[n]"}) == "f32[n] | n == m");
}

TEST_CASE("sizes that can never be equal are refused although they have names") {
  CHECK(infer(OpKind::add, {"f32[n]", "f32[n + 1]"}) == "[shape-mismatch]");
  CHECK(infer(OpKind::concatenate, {"f32[2,n]", "f32[2,n + 2]"}, {std::int64_t{0}}) == "[shape-mismatch]");
}

TEST_CASE("without a place for guards a rule that needs one fails") {
  std::vector<TensorType> types = {*parse_tensor_type("f32[n]"), *parse_tensor_type("f32[m]")};
  auto result = infer_types(OpKind::add, {.operands = types, .attributes = {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().tag == "shape-mismatch");
}

TEST_CASE("the same guard is noted once") {
  CHECK(infer(OpKind::add, {"f32[n,n]", "f32[m,m]"}) == "f32[n,n] | n == m");
}

TEST_CASE("matmul joins inner sizes by a guard and broadcasts the leading ones") {
  CHECK(infer(OpKind::matmul, {"f32[n,128]", "f32[128,10]"}) == "f32[n,10]");
  CHECK(infer(OpKind::matmul, {"f32[n,m]", "f32[64,10]"}) == "f32[n,10] | m == 64");
  CHECK(infer(OpKind::matmul, {"f32[n,8,4]", "f32[4,2]"}) == "f32[n,8,2]");
}

TEST_CASE("reductions keep the names of what stays") {
  CHECK(infer(OpKind::reduce_sum, {"f32[n,m,3]"}, {Ints{1}, false}) == "f32[n,3]");
  CHECK(infer(OpKind::reduce_max, {"f32[n,m]"}, {Ints{0, 1}, true}) == "f32[1,1]");
  CHECK(infer(OpKind::argmin, {"f32[n,10]"}, {std::int64_t{1}}) == "i64[n]");
  CHECK(infer(OpKind::argmin, {"f32[n,10]"}, {std::int64_t{0}}) == "i64[10] | n >= 1");
}

TEST_CASE("reshape cancels what stands on both sides and divides the rest") {
  CHECK(infer(OpKind::reshape, {"f32[n,28,28]"}, {Dims{n, 784}}) == "f32[n,784]");
  CHECK(infer(OpKind::reshape, {"f32[n,28,28]"}, {Dims{-1, 784}}) == "f32[n,784]");
  CHECK(infer(OpKind::reshape, {"f32[n,28,28]"}, {Dims{n, -1}}) == "f32[n,784]");
  CHECK(infer(OpKind::reshape, {"f32[n,m]"}, {Dims{-1, m}}) == "f32[n,m]");
  CHECK(infer(OpKind::reshape, {"f32[n,m]"}, {Dims{n * m}}) == "f32[" + to_string(n * m) + "]");
  CHECK(infer(OpKind::reshape, {"f32[n]"}, {Dims{m, 2}}) == "f32[m,2] | n == " + to_string(m * 2));
  CHECK(infer(OpKind::reshape, {"f32[n]"}, {Dims{-1, 4}}) == "f32[" + to_string(floordiv(n, 4)) + ",4] | n % 4 == 0");
}

TEST_CASE("shape ops compute with names") {
  CHECK(infer(OpKind::broadcast_to, {"f32[3]"}, {Dims{n, 3}}) == "f32[n,3]");
  CHECK(infer(OpKind::broadcast_to, {"f32[m]"}, {Dims{n, 3}}) == "f32[n,3] | m == 3");
  CHECK(infer(OpKind::transpose, {"f32[n,m,2]"}, {Ints{2, 0, 1}}) == "f32[2,n,m]");
  CHECK(infer(OpKind::concatenate, {"f32[n,2]", "f32[m,2]", "f32[3,2]"}, {std::int64_t{0}}) ==
        "f32[" + to_string(n + m + 3) + ",2]");
  CHECK(infer(OpKind::concatenate, {"f32[n,m]", "f32[n,4]"}, {std::int64_t{0}}) ==
        "f32[" + to_string(n * 2) + ",4] | m == 4");
  CHECK(infer(OpKind::pad, {"f32[n]", "f32[]"}, {Dims{1}, Dims{m}, Ints{}}) == "f32[" + to_string(n + m + 1) + "]");
  CHECK(infer(OpKind::iota, {}, {Dims{n, 2}, std::int64_t{0}, i64}) == "i64[n,2]");
}

TEST_CASE("a slice of a named size is guarded to stay inside") {
  CHECK(infer(OpKind::slice, {"f32[n]"}, {Dims{0}, Dims{n}, Ints{}}) == "f32[n]");
  CHECK(infer(OpKind::slice, {"f32[n]"}, {Dims{0}, Dims{4}, Ints{}}) == "f32[4] | n >= 4");
  CHECK(infer(OpKind::slice, {"f32[n]"}, {Dims{1}, Dims{n - 1}, Ints{}}) ==
        "f32[" + to_string(n - 1) + "] | " + to_string(n - 1) + " >= 0");
  CHECK(infer(OpKind::slice, {"f32[n]"}, {Dims{1}, Dims{n}, Ints{}}) == "[out-of-bounds]");
}

TEST_CASE("indexing replaces one axis and needs something there") {
  CHECK(infer(OpKind::gather, {"f32[10,m]", "i32[n]"}, {std::int64_t{0}}) == "f32[n,m]");
  CHECK(infer(OpKind::gather, {"f32[n,2]", "i32[m]"}, {std::int64_t{0}}) == "f32[m,2] | n >= 1");
  CHECK(infer(OpKind::gather, {"f32[n,2]", "i32[0]"}, {std::int64_t{0}}) == "f32[0,2]");
  CHECK(infer(OpKind::scatter_add, {"f32[10,m]", "i32[n]", "f32[n,m]"}, {std::int64_t{0}}) == "f32[10,m]");
}
