// What a random graph must compute: the referee's values, and with them a bound on the error that any faithful way of
// computing may make. Written as a handler of evaluate(), so that loops and branches are followed as they run.
#include "tests/support/random_graph.h"

#include "compiler/graph/evaluate.h"
#include "compiler/graph/print.h"
#include "tests/support/elements.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace burin::test {
namespace {

constexpr double undecided = std::numeric_limits<double>::infinity();

double epsilon(Dtype t) { return !is_floating(t) ? 0 : is_narrow_float(t) ? epsilon_of(t) / 2 : epsilon_of(t); }

double largest(const HostTensor& t) {  // of the finite ones
  double m = 0;
  for (std::int64_t i = 0; i < t.num_elements(); ++i)
    if (const double x = std::abs(element(t, i)); std::isfinite(x)) m = std::max(m, x);
  return m;
}
bool all_finite(const HostTensor& t) {
  for (std::int64_t i = 0; i < t.num_elements(); ++i)
    if (!std::isfinite(element(t, i))) return false;
  return true;
}
/// Multiples of 2^-bits below `limit`: sums and products of such numbers, far from their dtype's limits, do not round.
bool coarse(const HostTensor& t, int bits, double limit) {
  for (std::int64_t i = 0; i < t.num_elements(); ++i) {
    const double x = std::ldexp(element(t, i), bits);
    if (!(std::abs(x) <= std::ldexp(limit, bits)) || x != std::nearbyint(x)) return false;
  }
  return true;
}
/// How far sums of numbers below `limit` may go without rounding, as multiples of 2^-4.
double exact_limit(Dtype t) {
  return is_floating(t) ? std::ldexp(1.0, dtype_info(t).digits - (t == Dtype::f64 ? 5 : 4)) : undecided;
}

struct Value {
  HostTensor tensor;
  double error = 0;  // absolute, of every finite element
};

class Analyst {
 public:
  explicit Analyst(Expected& out) : out_(out) {}

  Result<std::vector<Value>> op(const Graph& graph, OpId id, const Attributes& attributes,
                                std::span<const Value> operands) {
    const OpInfo& info = op_info(graph.op(id).kind);
    std::vector<HostTensor> tensors;
    for (const Value& v : operands) tensors.push_back(v.tensor);
    if (info.mnemonic == "gather" || info.mnemonic == "scatter_add") decide(operands[1]);
    if (info.mnemonic == "print") note_print(attributes, operands[0]);
    auto results = run_reference(info.kind, tensors, attributes);
    if (!results) return results.error();
    std::vector<Value> values;
    for (HostTensor& r : *results) {
      const double e = error_of(info, attributes, operands, tensors, r);
      values.push_back({std::move(r), e});
    }
    return values;
  }

  Result<std::vector<Value>> region(Evaluation<Value, Analyst>& walk, OpId id, std::span<const Value> operands) {
    const Op& op = walk.graph().op(id);
    if (region_kind(op.kind) == RegionKind::branch) {
      decide(operands[0]);
      return walk.run(op.regions[*operands[0].tensor.data<std::uint8_t>() != 0 ? 0 : 1], std::span<const Value>{});
    }
    std::vector<Value> carried(operands.begin(), operands.end());
    for (;;) {
      auto tested = walk.run(op.regions[0], std::span<const Value>(carried));
      if (!tested) return tested;
      decide((*tested)[0]);
      const bool again = *(*tested)[0].tensor.data<std::uint8_t>() != 0;
      tested->erase(tested->begin());
      if (!again) return tested;
      auto next = walk.run(op.regions[1], std::span<const Value>(*tested));
      if (!next) return next;
      carried = std::move(*next);
    }
  }

 private:
  void decide(const Value& v) {
    if (v.error != 0) out_.decided = false;
  }
  void note_print(const Attributes& attributes, const Value& v) {
    std::string text = std::get<std::string>(attributes[0]) + (v.error == 0 ? "" : " ~");
    for (std::int64_t i = 0; v.error == 0 && i < v.tensor.num_elements(); ++i)
      text += " " + std::to_string(element(v.tensor, i));
    out_.prints.push_back(std::move(text));
  }

  static double error_of(const OpInfo& info, const Attributes& attributes, std::span<const Value> operands,
                         const std::vector<HostTensor>& tensors, const HostTensor& result) {
    double worst = 0;
    for (const Value& v : operands) worst = std::max(worst, v.error);
    if (worst == undecided || result.num_elements() == 0) return worst == undecided ? undecided : 0;
    const bool floats = is_floating(result.type.dtype);
    if (info.elementwise || info.mnemonic == "cast")
      return elementwise_error(info, attributes, operands, tensors, result, worst);
    const bool sums = info.precision == Precision::accumulate;
    if (sums && floats) return sum_error(operands, tensors, result, worst);
    if (info.mnemonic == "argmin") return worst == 0 ? 0 : undecided;
    return worst;  // moves elements
  }

  /// A sum of products or terms, in any order, of at most as many terms as one operand has elements.
  static double sum_error(std::span<const Value> operands, const std::vector<HostTensor>& tensors,
                          const HostTensor& result, double worst) {
    for (const HostTensor& t : tensors)
      if (!all_finite(t)) return undecided;  // infinities may cancel in one order only
    double terms = 1, magnitude = 1;
    bool all_coarse = worst == 0;
    for (const HostTensor& t : tensors) {
      if (!is_floating(t.type.dtype)) continue;
      terms = std::max(terms, static_cast<double>(t.num_elements()));
      magnitude *= std::max(1.0, largest(t));
      all_coarse = all_coarse && coarse(t, 2, 1e6);
    }
    // The result must be exact in its own dtype too: bf16 rounds once more.
    if (all_coarse && terms * magnitude <= 0x1p18 && coarse(result, 4, exact_limit(result.type.dtype))) return 0;
    const double accumulated =
        std::max(epsilon(result.type.dtype == Dtype::f64 ? Dtype::f64 : Dtype::f32), 0.0) * terms * magnitude;
    double propagated = 0;
    for (const Value& v : operands) propagated += v.error * terms * magnitude * (1 + v.error);
    return 2 *
           (accumulated * 2 + propagated + epsilon(result.type.dtype) * largest(result) + least_of(result.type.dtype));
  }

  /// By trying: each operand is moved up and down by its error, and the greatest change counts twice.
  static double elementwise_error(const OpInfo& info, const Attributes& attributes, std::span<const Value> operands,
                                  const std::vector<HostTensor>& tensors, const HostTensor& result, double worst) {
    double change = 0;
    if (worst > 0) {
      std::size_t corners = 1;
      for (std::size_t i = 0; i < operands.size(); ++i) corners *= operands[i].error > 0 ? 2 : 1;
      for (std::size_t corner = 0; corner < corners; ++corner) {
        std::vector<HostTensor> moved;
        std::size_t bit = corner;
        for (std::size_t i = 0; i < operands.size(); ++i) {
          moved.push_back(operands[i].error > 0
                              ? shifted(tensors[i], bit % 2 == 0 ? operands[i].error : -operands[i].error)
                              : tensors[i]);
          if (operands[i].error > 0) bit /= 2;
        }
        auto other = run_reference(info.kind, moved, attributes);
        if (!other) return undecided;
        for (std::int64_t k = 0; k < result.num_elements(); ++k) {
          const double a = element(result, k), b = element((*other)[0], k);
          if (a == b || (std::isnan(a) && std::isnan(b))) continue;
          if (!std::isfinite(a) || !std::isfinite(b)) return undecided;
          change = std::max(change, std::abs(a - b));
        }
      }
      // Between the corners it may be worse only where it is not monotone: abs, min and max meet, floor jumps.
      change *= 2;
    }
    if (!is_floating(result.type.dtype)) return change == 0 && (worst == 0 || steady(info)) ? 0 : undecided;
    static constexpr std::string_view exact[] = {"add", "sub", "mul",   "neg",   "abs",
                                                 "max", "min", "where", "floor", "cast"};
    const bool may_be_exact = std::find(std::begin(exact), std::end(exact), info.mnemonic) != std::end(exact);
    bool selects = info.mnemonic == "neg" || info.mnemonic == "abs" || info.mnemonic == "max" ||
                   info.mnemonic == "min" || info.mnemonic == "where" || info.mnemonic == "floor";
    if (may_be_exact && selects)
      return info.mnemonic == "floor" && change > 0 ? undecided
                                                    : std::max(change, info.mnemonic == "floor" ? 0.0 : worst);
    if (may_be_exact && worst == 0 && coarse(result, 4, exact_limit(result.type.dtype)) &&
        std::all_of(tensors.begin(), tensors.end(), [](const HostTensor& t) { return coarse(t, 2, 1e6); }))
      return 0;
    double wide = largest(result);  // a fused product may skip a rounding of its operand
    return change + 16 * epsilon(result.type.dtype) * std::max(wide, 1e-30) + epsilon(result.type.dtype) * worst +
           2 * least_of(result.type.dtype);
  }
  /// Comparisons that come out alike at the corners come out alike between them.
  static bool steady(const OpInfo& info) { return info.mnemonic != "equal"; }

  static HostTensor shifted(const HostTensor& t, double by) {
    HostTensor r{t.type, Buffer::allocate(t.num_bytes())};
    for (std::int64_t i = 0; i < t.num_elements(); ++i) { set_element(r, i, element(t, i) + by); }
    return r;
  }

  Expected& out_;
};

}  // namespace

std::size_t Expected::comparable() const {
  return static_cast<std::size_t>(
      std::count_if(tolerance.begin(), tolerance.end(), [](double t) { return t != undecided; }));
}

Result<Expected> reference(const Case& c) {
  std::vector<TensorType> types;
  std::vector<Value> arguments;
  for (const HostTensor& t : c.inputs) {
    types.push_back(t.type);
    arguments.push_back({t, 0});
  }
  auto bindings = bind_sizes(c.graph, types);
  if (!bindings) return bindings.error();
  Expected expected;
  Analyst analyst(expected);
  auto values = evaluate<Value>(c.graph, arguments, analyst, *bindings);
  if (!values) return values.error();
  for (Value& v : *values) {
    expected.outputs.push_back(std::move(v.tensor));
    expected.tolerance.push_back(v.error);
  }
  return expected;
}

std::string difference(const Expected& expected, std::span<const HostTensor> got) {
  if (got.size() != expected.outputs.size())
    return std::to_string(got.size()) + " outputs, expected " + std::to_string(expected.outputs.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const HostTensor& want = expected.outputs[i];
    const std::string whose = "output " + std::to_string(i);
    if (got[i].type != want.type) return whose + " is " + to_string(got[i].type) + ", expected " + to_string(want.type);
    if (expected.tolerance[i] == undecided) continue;
    for (std::int64_t k = 0; k < want.num_elements(); ++k) {
      const double a = element(got[i], k), b = element(want, k);
      // What is exact is so to the sign of zero.
      const bool signs = expected.tolerance[i] == 0 && a == 0 && b == 0 && std::signbit(a) != std::signbit(b);
      const bool close = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= expected.tolerance[i];
      if (close && !signs) continue;
      char text[160];
      std::snprintf(text, sizeof text, ", element %lld: %.17g, expected %.17g (tolerance %g)",
                    static_cast<long long>(k), a, b, expected.tolerance[i]);
      return whose + text;
    }
  }
  return {};
}

}  // namespace burin::test
