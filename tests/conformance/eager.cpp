// The NumPy-made cases through the frontend's dispatch, as a user's eager call runs them.
#include "frontend/record/dispatch.h"
#include "frontend/value/node.h"
#include "tests/support/goldens.h"

using namespace burin;
using namespace burin::test;

namespace {

Result<std::vector<HostTensor>> run_eagerly(OpKind kind, std::span<const HostTensor> inputs,
                                            const Attributes& attributes) {
  std::vector<Tensor> tensors;
  for (const HostTensor& input : inputs)
    tensors.push_back(burin::detail::HandleAccess::make(burin::detail::make_eager(input)));
  std::vector<Arg> args(tensors.begin(), tensors.end());
  try {
    Tensor y = burin::detail::dispatch(kind, args, attributes, burin::detail::promote_none);
    return std::vector<HostTensor>{burin::detail::read_value(*burin::detail::HandleAccess::node(y).get())};
  } catch (const BurinError& e) { return e.error; }
}

}  // namespace

TEST_CASE("eager ops compute what NumPy computes") { check_goldens(run_eagerly); }

TEST_CASE("eager ops refuse what the catalogue forbids, in the same words") { check_refusals(run_eagerly); }
