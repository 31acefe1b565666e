// Every constraint of the catalogue, broken once: the text that a user reads. The cases are the `refuse` lines of the op
// records; here stand only those that every op has in common.
#include "runtime/ops/catalogue.h"
#include "tests/support/goldens.h"

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
      {OpKind::exp, {}, {}, "exp: has 0 operands; expected 1 [operand-count]"},
      {OpKind::exp, {"f32[]"}, {true}, "exp: has 1 attributes; expected 0 [attribute]"},
      {OpKind::argmin,
       {"f32[4]"},
       {true},
       "argmin: attribute `axis` is of another kind than the catalogue says [attribute]"},
      {OpKind::broadcast_to,
       {"f32[]"},
       {Dims(9, 1)},
       "broadcast_to: attribute `shape` has 9 sizes; expected 8 or less [rank]"},
      {OpKind::broadcast_to,
       {"f32[]"},
       {Dims{std::int64_t{1} << 40, std::int64_t{1} << 40}},
       "broadcast_to: the result would be f32[1099511627776,1099511627776], which no memory can hold [too-large]"},
  };
  return table;
}

}  // namespace

TEST_CASE("what every op has in common is checked before its own rule") {
  for (const Row& row : rows()) {
    std::vector<TensorType> operands;
    for (const char* text : row.operands) operands.push_back(type(text));
    auto types = infer_types(row.kind, {.operands = operands, .attributes = row.attributes});
    INFO(row.text);
    REQUIRE_FALSE(types);
    CHECK(types.error().text() == row.text);
    CHECK(types.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("each broken constraint gives its error") {
  test::check_refusals([](OpKind kind, std::span<const HostTensor> inputs, const Attributes& attributes) {
    return run_reference(kind, inputs, attributes);
  });
}

TEST_CASE("no constraint of the catalogue is without a refusal") {
  std::set<std::pair<OpKind, std::string>> seen;
  for (const test::Refusal& r : test::all_refusals()) seen.emplace(r.kind, r.label());
  for (const OpInfo& info : catalogue()) {
    // Elementwise ops share one rule, shown for `add` and `where`; region ops are checked by the graph's verifier.
    if (info.elementwise || !info.shape_rule) continue;
    for (std::string_view label : info.labels) {
      INFO(info.mnemonic << " [" << label << "]");
      CHECK(seen.count({info.kind, std::string(label)}) == 1);
    }
  }
}
