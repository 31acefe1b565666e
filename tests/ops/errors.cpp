// Every constraint of the catalogue, broken once: the label, and the text that a user reads. A last case compares the
// labels seen here with the catalogue's, so an op cannot gain a constraint without a row.
#include "runtime/ops/catalogue.h"
#include "tests/support/catch.h"

#include <set>

using namespace burin;

namespace {

TensorType type(const char* text) { return parse_tensor_type(text).value(); }
using Dims = std::vector<Dim>;
using Ints = std::vector<std::int64_t>;

struct Row {
  OpKind kind;
  std::vector<const char*> operands;
  Attributes attributes;
  const char* text;  // the whole error
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {OpKind::iota, {}, {Dims{2, 3}, std::int64_t{2}, i64}, "iota: axis 2 is out of range: shape is [2,3]; expected 0 to 1 [axis]"},
      {OpKind::iota, {}, {Dims{2}, std::int64_t{0}, boolean}, "iota: dtype is bool, which cannot count; expected f32|f64|bf16|i32|i64|u8|u32 [dtype]"},
      {OpKind::iota, {}, {Dims{-2}, std::int64_t{0}, i64}, "iota: shape has the size -2; expected 0 or more [negative-size]"},
      {OpKind::add, {"f32[2,3]", "f32[2]"}, {}, "add: shapes do not broadcast: a is f32[2,3], b is f32[2]; expected each size, from the last axis on, to be equal or 1 [shape-mismatch]\n  hint: did you mean reshape(b, {2, 1})?"},
      {OpKind::add, {"f32[2]", "i32[2]"}, {}, "add: dtypes differ: a is f32[2], b is i32[2]; expected one dtype for both [dtype-mismatch]\n  hint: cast one of them"},
      {OpKind::add, {"bool[2]", "bool[2]"}, {}, "add: a is bool[2]; expected dtype f32|f64|bf16|i32|i64|u8|u32 [dtype]"},
      {OpKind::exp, {"i32[2]"}, {}, "exp: x is i32[2]; expected dtype f32|f64|bf16 [dtype]\n  hint: did you mean exp(cast(x, f32))?"},
      {OpKind::reduce_sum, {"f32[2,3]"}, {Ints{2}, false}, "reduce_sum: axis 2 is out of range: x is f32[2,3]; expected -2 to 1 [axis]"},
      {OpKind::reduce_sum, {"f32[2,3]"}, {Ints{1, 1}, false}, "reduce_sum: axis 1 is given twice: x is f32[2,3]; expected each axis once [repeated-axis]"},
      {OpKind::reduce_max, {"f32[]"}, {Ints{0}, false}, "reduce_max: axis 0 is out of range: x is f32[]; expected no axis [axis]"},
      {OpKind::reduce_max, {"f32[4]"}, {Ints{0, 0}, true}, "reduce_max: axis 0 is given twice: x is f32[4]; expected each axis once [repeated-axis]"},
      {OpKind::argmin, {"f32[4]"}, {std::int64_t{-3}}, "argmin: axis -3 is out of range: x is f32[4]; expected 0 or -1 [axis]"},
      {OpKind::argmin, {"f32[4,0]"}, {std::int64_t{1}}, "argmin: nothing to take along axis 1: x is f32[4,0]; expected a size of 1 or more there [empty-axis]"},
      {OpKind::matmul, {"f32[32,128]", "f32[64,10]"}, {}, "matmul: inner dimensions differ: lhs is f32[32,128], rhs is f32[64,10]; expected rhs dim 0 to be 128 [shape-mismatch]"},
      {OpKind::matmul, {"f32[32,128]", "f32[10,128]"}, {}, "matmul: inner dimensions differ: lhs is f32[32,128], rhs is f32[10,128]; expected rhs dim 0 to be 128 [shape-mismatch]\n  hint: did you mean transpose(rhs)?"},
      {OpKind::matmul, {"f32[32,128]", "f32[128]"}, {}, "matmul: operands are not matrices: lhs is f32[32,128], rhs is f32[128]; expected rank 2 or more for both [rank]\n  hint: did you mean reshape(rhs, {128, 1})?"},
      {OpKind::matmul, {"f32[3,2,4]", "f32[2,4,5]"}, {}, "matmul: leading axes do not broadcast: lhs is f32[3,2,4], rhs is f32[2,4,5]; expected each size before the last two to be equal or 1 [shape-mismatch]"},
      {OpKind::broadcast_to, {"f32[2]"}, {Dims{3}}, "broadcast_to: x does not broadcast: x is f32[2]; expected a shape that broadcasts to [3] [shape-mismatch]"},
      {OpKind::broadcast_to, {"f32[2]"}, {Dims{-1, 2}}, "broadcast_to: shape is [-1,2]: entry 0 is negative; expected 0 or more [negative-size]"},
      {OpKind::reshape, {"f32[2,3]"}, {Dims{4, 2}}, "reshape: numbers of elements differ: x is f32[2,3] (6 elements), shape is [4,2] (8); expected as many [element-count]"},
      {OpKind::reshape, {"f32[2,3]"}, {Dims{4, -1}}, "reshape: the size -1 of shape [4,-1] cannot be inferred: x is f32[2,3] (6 elements); expected a multiple of 4 [inferred-size]"},
      {OpKind::reshape, {"f32[2,3]"}, {Dims{-1, -1}}, "reshape: shape is [-1,-1]; expected at most one size to be -1 [inferred-size]"},
      {OpKind::reshape, {"f32[0,3]"}, {Dims{0, -1}}, "reshape: the size -1 of shape [0,-1] cannot be inferred: x is f32[0,3] (0 elements); expected a multiple of 0 [inferred-size]"},
      {OpKind::reshape, {"f32[2,3]"}, {Dims{-2, 3}}, "reshape: shape is [-2,3]: entry 0 is negative; expected 0 or more [negative-size]"},
      {OpKind::transpose, {"f32[2,3]"}, {Ints{0, 2}}, "transpose: axis 2 is out of range: x is f32[2,3]; expected -2 to 1 [axis]"},
      {OpKind::transpose, {"f32[2,3]"}, {Ints{0, 0}}, "transpose: axes [0,0] are not an order of x's: x is f32[2,3]; expected each axis once [permutation]"},
      {OpKind::concatenate, {}, {std::int64_t{0}}, "concatenate: nothing to join; expected one operand or more [no-operands]"},
      {OpKind::concatenate, {"f32[2]", "f32[2]"}, {std::int64_t{1}}, "concatenate: axis 1 is out of range: operands[0] is f32[2], operands[1] is f32[2]; expected 0 or -1 [axis]"},
      {OpKind::concatenate, {"f32[2]", "f32[2,1]"}, {std::int64_t{0}}, "concatenate: ranks differ: operands[0] is f32[2], operands[1] is f32[2,1]; expected the same rank for all [rank-mismatch]"},
      {OpKind::concatenate, {"f32[2,3]", "f32[2,4]"}, {std::int64_t{0}}, "concatenate: sizes differ at axis 1: operands[0] is f32[2,3], operands[1] is f32[2,4]; expected equal sizes but along axis 0 [shape-mismatch]"},
      {OpKind::slice, {"f32[4]"}, {Dims{0, 0}, Dims{1}, Ints{}}, "slice: starts has 2 entries: x is f32[4]; expected one for each axis, 1 [rank-mismatch]"},
      {OpKind::slice, {"f32[4]"}, {Dims{0}, Dims{1}, Ints{0}}, "slice: stride 0 is less than 1; expected 1 or more [stride]"},
      {OpKind::slice, {"f32[4]"}, {Dims{2}, Dims{3}, Ints{}}, "slice: the block leaves x at axis 0: x is f32[4], start 2, size 3, stride 1; expected positions from 0 to 3 [out-of-bounds]"},
      {OpKind::pad, {"f32[4]", "f32[]"}, {Dims{1}, Dims{}, Ints{}}, "pad: high has 0 entries: x is f32[4]; expected one for each axis, 1 [rank-mismatch]"},
      {OpKind::pad, {"f32[4]", "f32[1]"}, {Dims{1}, Dims{1}, Ints{}}, "pad: value is f32[1]; expected rank 0 [scalar]"},
      {OpKind::pad, {"f32[4]", "f32[]"}, {Dims{-1}, Dims{1}, Ints{}}, "pad: low is [-1]: entry 0 is negative; expected 0 or more [negative-size]"},
      {OpKind::gather, {"f32[4]", "i32[2]"}, {std::int64_t{1}}, "gather: axis 1 is out of range: x is f32[4], indices is i32[2]; expected 0 or -1 [axis]"},
      {OpKind::gather, {"f32[4]", "f32[2]"}, {std::int64_t{0}}, "gather: indices is f32[2]; expected dtype i32|i64|u8|u32 [dtype]"},
      {OpKind::gather, {"f32[1,1,1,1,1,1,1,4]", "i32[2,2]"}, {std::int64_t{7}}, "gather: the result would have rank 9: x is f32[1,1,1,1,1,1,1,4], indices is i32[2,2]; expected 8 or less [rank]"},
      {OpKind::gather, {"f32[0]", "i32[2]"}, {std::int64_t{0}}, "gather: nothing to take along axis 0: x is f32[0], indices is i32[2]; expected a size of 1 or more there [empty-axis]"},
      {OpKind::scatter_add, {"f32[4]", "i32[2]", "f32[2]"}, {std::int64_t{1}}, "scatter_add: axis 1 is out of range: x is f32[4], indices is i32[2], updates is f32[2]; expected 0 or -1 [axis]"},
      {OpKind::scatter_add, {"f32[4]", "i32[2]", "f32[3]"}, {std::int64_t{0}}, "scatter_add: updates do not fit: x is f32[4], indices is i32[2], updates is f32[3]; expected updates of shape [2] [shape-mismatch]"},
      {OpKind::scatter_add, {"f32[0]", "i32[2]", "f32[2]"}, {std::int64_t{0}}, "scatter_add: nothing to take along axis 0: x is f32[0], indices is i32[2], updates is f32[2]; expected a size of 1 or more there [empty-axis]"},
      {OpKind::random_bits, {"u32[3]", "u32[4]"}, {Dims{8}}, "random_bits: key is u32[3], counter is u32[4]; expected u32[2] and u32[4] [shape-mismatch]"},
      {OpKind::random_bits, {"u32[2]", "u32[4]"}, {Dims{-8}}, "random_bits: shape has the size -8; expected 0 or more [negative-size]"},
      {OpKind::where, {"bool[2]", "f32[3]", "f32[]"}, {}, "where: shapes do not broadcast: cond is bool[2], a is f32[3], b is f32[]; expected each size, from the last axis on, to be equal or 1 [shape-mismatch]"},
      {OpKind::where, {"f32[2]", "f32[2]", "f32[2]"}, {}, "where: cond is f32[2]; expected dtype bool [dtype]"},
      // What every op has in common.
      {OpKind::exp, {}, {}, "exp: has 0 operands; expected 1 [operand-count]"},
      {OpKind::exp, {"f32[]"}, {true}, "exp: has 1 attributes; expected 0 [attribute]"},
      {OpKind::argmin, {"f32[4]"}, {true}, "argmin: attribute `axis` is of another kind than the catalogue says [attribute]"},
      {OpKind::broadcast_to, {"f32[]"}, {Dims(9, 1)}, "broadcast_to: attribute `shape` has 9 sizes; expected 8 or less [rank]"},
      {OpKind::broadcast_to, {"f32[]"}, {Dims{std::int64_t{1} << 40, std::int64_t{1} << 40}}, "broadcast_to: the result would be f32[1099511627776,1099511627776], which no memory can hold [too-large]"},
  };
  return table;
}

}  // namespace

TEST_CASE("each broken constraint gives its error") {
  for (const Row& row : rows()) {
    std::vector<TensorType> operands;
    for (const char* text : row.operands) operands.push_back(type(text));
    std::vector<Guard> guards;
    auto types = infer_types(row.kind, {.operands = operands, .attributes = row.attributes, .guards = &guards});
    INFO(row.text);
    REQUIRE_FALSE(types);
    CHECK(types.error().text() == row.text);
    CHECK(types.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("no constraint of the catalogue is without a row") {
  std::set<std::pair<OpKind, std::string>> seen;
  for (const Row& row : rows()) {
    std::string text = row.text;
    text = text.substr(0, text.find('\n'));
    seen.emplace(row.kind, text.substr(text.rfind('[') + 1, text.size() - text.rfind('[') - 2));
  }
  for (const OpInfo& info : catalogue()) {
    // Binary elementwise ops share one rule, shown for `add`; region ops are checked by the graph's verifier.
    if (info.elementwise || !info.shape_rule) continue;
    for (std::string_view label : info.labels) {
      INFO(info.mnemonic << " [" << label << "]");
      CHECK(seen.count({info.kind, std::string(label)}) == 1);
    }
  }
}
