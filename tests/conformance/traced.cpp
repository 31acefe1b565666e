// The op records through `function`: each recorded by the frontend, run at level `graph`; refusals while tracing. Compiled
// levels run the same graphs in compiled.cpp.
#include "frontend/record/dispatch.h"
#include "frontend/value/node.h"
#include "tests/support/goldens.h"

#include <burin/burin.h>

using namespace burin;
using namespace burin::test;

namespace {

Result<std::vector<HostTensor>> run_traced(OpKind kind, std::span<const HostTensor> inputs,
                                           const Attributes& attributes) {
  std::vector<Tensor> tensors;
  for (const HostTensor& input : inputs)
    tensors.push_back(burin::detail::HandleAccess::make(burin::detail::make_eager(input)));
  auto traced = function(
      [&](const std::vector<Tensor>& ts) {
        std::vector<Arg> args;
        for (const Tensor& t : ts) args.push_back(t);  // here, so that the error's line is one of this file
        return burin::detail::dispatch(kind, args, attributes, burin::detail::promote_none);
      },
      {.name = "record", .level = Level::graph});
  try {
    Tensor y = traced(tensors);
    if (traced.stats().traces != 1 || traced.graphs().at(0)->num_ops() == 0)
      return Error{ErrorCode::internal, "nothing was recorded", "conformance", "", ""};
    return std::vector<HostTensor>{burin::detail::read_value(*burin::detail::HandleAccess::node(y).get())};
  } catch (const BurinError& e) {
    INFO(e.what());
    CHECK(e.error.where.find("while tracing \"record\"") == 0);
    return e.error;
  }
}

}  // namespace

TEST_CASE("recorded ops compute what NumPy computes") { check_goldens(run_traced); }

TEST_CASE("recording refuses what the catalogue forbids, in the words of eager execution") {
  check_refusals(run_traced);
}
