// The referee against values made by NumPy: each op, dtypes × ranks × broadcasting × empty shapes × special values.
// Other modes run the same cases in their own folders.
#include "tests/support/goldens.h"

#include <set>

using namespace burin;
using namespace burin::test;

TEST_CASE("the referee computes what NumPy computes") {
  int ran = check_goldens([](OpKind kind, std::span<const HostTensor> inputs, const Attributes& attributes) {
    return run_reference(kind, inputs, attributes);
  });
  CHECK(ran > 1000);
}

TEST_CASE("every op of the catalogue has golden cases, but those without a value to compare") {
  const std::set<std::string_view> without = {
      "constant",  // gives its attribute: tests/ops/reference.cpp
      "print",     // has no result: tests/ops/reference.cpp
      "if",
      "while",
      "remat",
      "custom_gradient",  // run regions: tests/graph
      "after",            // gives its operand: tests/frontend/remat.cpp
  };
  std::set<OpKind> seen;
  for (const GoldenCase& c : all_goldens()) seen.insert(c.kind);
  for (const OpInfo& info : catalogue()) {
    INFO(info.mnemonic);
    CHECK(seen.count(info.kind) == (without.count(info.mnemonic) ? 0u : 1u));
  }
}

TEST_CASE("elementwise ops have cases for each dtype that they take") {
  for (const OpInfo& info : catalogue()) {
    if (!info.elementwise) continue;
    std::set<Dtype> seen;
    for (const GoldenCase& c : all_goldens())
      if (c.kind == info.kind) seen.insert(c.inputs.back().type.dtype);
    for (int i = 0; i < num_dtypes; ++i) {
      auto t = static_cast<Dtype>(i);
      INFO(info.mnemonic << " of " << name(t));
      CHECK(seen.count(t) == (info.operand_dtypes.back().contains(t) ? 1u : 0u));
    }
  }
}
