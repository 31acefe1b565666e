// Every derivative rule against central differences, on the shapes and attributes of the op records: eagerly and recorded.
// The values are the records' own, without those that have no slope to measure (NaN, Inf, the very large and small).
#include "frontend/record/dispatch.h"
#include "frontend/value/node.h"
#include "tests/support/goldens.h"

#include <burin/burin.h>

#include <set>

using namespace burin;
using namespace burin::test;

namespace {

using Doubles = std::vector<double>;

Tensor tame(const HostTensor& input, bool positive) {
  const Tensor t = burin::detail::HandleAccess::make(burin::detail::make_eager(input));
  if (input.type.dtype != f64) return t;
  Doubles v = t.to_vector<double>();
  for (std::size_t i = 0; i < v.size(); ++i)
    if (!std::isfinite(v[i]) || std::fabs(v[i]) > 20 || std::fabs(v[i]) < 0.05)
      v[i] = 0.31 + 0.017 * static_cast<double>(i);
  if (positive)
    for (double& x : v) x = std::fabs(x);
  return Tensor(v, t.shape());
}

/// What stop_gradient is for is a derivative that is not its slope; `after` has no records (tests/frontend/remat.cpp).
bool has_slope(const OpInfo& info) {
  return !info.derivative.starts_with("none") && info.kind != OpKind::stop_gradient && info.kind != OpKind::after;
}

/// The case as a scalar function of its f64 operands.
struct Measured {
  const GoldenCase& golden;
  std::vector<Tensor> inputs;      // all operands
  std::vector<std::size_t> moved;  // those that a slope is taken by

  Tensor operator()(const std::vector<Tensor>& x) const {
    std::vector<Tensor> all = inputs;
    for (std::size_t i = 0; i < moved.size(); ++i) all[moved[i]] = x[i];
    const std::vector<Arg> args(all.begin(), all.end());
    const Tensor y = burin::detail::dispatch(golden.kind, args, golden.attributes, burin::detail::promote_none);
    Doubles weights(static_cast<std::size_t>(y.size().value()));
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::sin(1.0 + 3.0 * static_cast<double>(i));
    return sum(y * Tensor(weights, y.shape()));
  }
  double slope(std::vector<Tensor> x, std::size_t operand, std::size_t element, double step) const {
    auto at = [&](double by) {
      Doubles v = inputs[moved[operand]].to_vector<double>();
      v[element] += by;
      x[operand] = Tensor(v, inputs[moved[operand]].shape());
      return (*this)(x).item<double>();
    };
    return (at(step) - at(-step)) / (2 * step);
  }
};

}  // namespace

TEST_CASE("every derivative rule agrees with central differences on the op records") {
  std::set<OpKind> seen;
  int checked = 0, kinks = 0;
  for (const GoldenCase& c : all_goldens()) {
    const OpInfo& info = op_info(c.kind);
    if (!has_slope(info) || c.expected.type.dtype != f64 || c.expected.num_elements() > 128) continue;
    Measured f{c, {}, {}};
    std::vector<Tensor> x;
    for (std::size_t i = 0; i < c.inputs.size(); ++i)
      if (c.inputs[i].type.dtype == f64 && c.inputs[i].num_elements() <= 256) f.moved.push_back(i);
    if (f.moved.empty()) continue;
    for (bool positive : {false, true}) {  // an op may be defined for positive numbers only
      f.inputs.clear();
      x.clear();
      for (const HostTensor& input : c.inputs) f.inputs.push_back(tame(input, positive));
      for (std::size_t i : f.moved) x.push_back(f.inputs[i]);
      if (!std::isnan(f(x).item<double>())) break;
    }
    INFO(c.title);
    const auto eager = grad(f)(x);
    const auto recorded = function(grad(f), {.level = Level::graph})(x);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const Doubles got = eager[k].to_vector<double>(), again = recorded[k].to_vector<double>();
      REQUIRE(got.size() == static_cast<std::size_t>(x[k].size().value()));
      CHECK(again == got);
      for (std::size_t i = 0; i < got.size(); i += 1 + got.size() / 8) {
        const double want = f.slope(x, k, i, 1e-5), coarse = f.slope(x, k, i, 3e-5);
        if (std::fabs(want - coarse) > 1e-3 * (1 + std::fabs(want))) {  // a kink within a step
          ++kinks;
          continue;
        }
        INFO("operand " << f.moved[k] << ", element " << i);
        CHECK(got[i] == Approx(want).epsilon(2e-5).margin(2e-6));
        ++checked;
        seen.insert(c.kind);
      }
    }
  }
  CHECK(kinks * 20 < checked);
  for (const OpInfo& info : catalogue())
    if (has_slope(info) && info.mnemonic != "cast") {
      INFO(info.mnemonic);
      CHECK(seen.contains(info.kind));
    }
}
