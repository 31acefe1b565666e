// Random graphs for differential tests: a seed gives a valid graph with regions and inputs for it; `reference` gives what
// every way to run it must compute and how far it may be off; `shrink` makes a failing case small.
#pragma once
#include "compiler/graph/graph.h"

#include <functional>
#include <string>
#include <vector>

namespace burin::test {

struct RandomOptions {
  int ops = 14;         ///< about how many
  bool regions = true;  ///< `if`, and `while` with at most a few trips
  bool named_sizes = true;
  bool prints = true;
  bool states = false;  ///< inputs that outputs overwrite, exchanged and left alone among them
  bool tiny = false;    ///< every size is 0 or 1
};
struct Case {
  Graph graph;
  std::vector<HostTensor> inputs;
  Case copy() const { return {graph.copy(), inputs}; }
};
Case random_case(std::uint64_t seed, const RandomOptions& = {});

/// What running a case must give. A tolerance is the absolute error that rounding, contraction and the order of sums may
/// make of it, followed through every op at the values met; infinite where rounding may decide (a comparison of rounded
/// numbers): nothing can be asked then.
struct Expected {
  std::vector<HostTensor> outputs;
  std::vector<double> tolerance;
  std::vector<std::string> prints;  ///< of exact values only: others are `label ~`
  bool decided = true;              ///< false: rounding decides a branch, a trip or an index; the case says nothing
  std::size_t comparable() const;   ///< outputs with a finite tolerance
};
Result<Expected> reference(const Case&);
/// Empty if `got` is what was expected, else what differs: `output 1, element 3: 2.5, expected 2 (tolerance 1e-06)`.
std::string difference(const Expected&, std::span<const HostTensor> got);

/// A smaller case for which `fails` still holds; `fails` is called with valid graphs only. Greedy: tries to drop outputs,
/// replace ops by an operand or a constant, unwrap regions, until nothing helps.
Case shrink(Case, const std::function<bool(const Case&)>& fails);
/// The graph and its inputs, to paste into a report.
std::string to_string(const Case&);

}  // namespace burin::test
