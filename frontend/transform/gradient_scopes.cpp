// Reverse mode through remat and custom_gradient: the one computes its body again behind the cotangents, the other brings its
// backward region.
#include "frontend/control/evaluate.h"
#include "frontend/control/regions.h"
#include "frontend/control/scopes.h"
#include "frontend/transform/gradient.h"
#include "frontend/transform/linearize.h"

namespace burin::detail {
namespace {

bool is_float(const Content& c) { return is_floating(type_of(c.node).dtype); }

/// `x`, not before `token`: where ops are recorded, what is computed from it is not merged with what was computed before.
Content after(const Content& x, const Tensor& token) {
  if (!context().trace) return x;
  const Tensor value = HandleAccess::make(x);
  return HandleAccess::raw(dispatch(OpKind::after, {Arg(value), Arg(token)}, {}, promote_none));
}

}  // namespace

std::vector<Content> GradientNotes::remat(const RegionOp& op) {
  LinearizeOptions options;
  for (const Content& c : op.operands) options.active_inputs.push_back(is_float(c) && descends(c));
  options.active_results = flows(*op.regions[0], options.active_inputs);
  options.kept.assign(op.operands.size(), true);
  options.recompute_kept = true;  // all but what must not be done twice
  auto body = std::make_shared<const Linearized>(linearize(*op.regions[0], options, op.where));
  const std::size_t n = op.regions[0]->outputs().size();

  RegionOp forward = op;
  forward.regions[0] = std::make_shared<const Graph>(body->parts.early.copy());
  std::vector<Content> made = carry_out_scope(forward);
  std::vector<Content> saved(made.begin() + static_cast<std::ptrdiff_t>(n), made.end());
  made.resize(n);
  auto pullback = [body, inputs = op.operands, saved = std::move(saved),
                   active = options.active_results](std::span<const Tensor> cotangents) {
    std::vector<Tensor> out(inputs.size());
    if (body->reached.empty()) return out;
    std::vector<Content> given, late;
    for (std::size_t i = 0; i < active.size(); ++i)
      if (active[i]) late.push_back(HandleAccess::raw(cotangents[i]));
    const Tensor token = HandleAccess::make(late[0]);
    for (std::uint32_t i : body->parts.reads) given.push_back(after(inputs[i], token));
    given.insert(given.end(), saved.begin(), saved.end());
    given.insert(given.end(), late.begin(), late.end());
    const std::vector<Content> parts = evaluate_region(body->parts.late, given);
    for (std::size_t k = 0; k < parts.size(); ++k) out[body->reached[k]] = HandleAccess::make(parts[k]);
    return out;
  };
  note(op.kind, op.operands, made, std::move(pullback), op.where);
  return made;
}

std::vector<Content> GradientNotes::custom_gradient(const RegionOp& op) {
  const auto arguments = static_cast<std::size_t>(std::get<std::int64_t>(op.attributes[0]));
  for (std::size_t i = arguments; i < op.operands.size(); ++i)
    if (is_float(op.operands[i]) && descends(op.operands[i]))
      fail({ErrorCode::invalid_argument,
            "custom_gradient: its functions capture " + to_string(type_of(op.operands[i].node)) +
                made_at(op.operands[i]) + ", by which a gradient is taken",
            "captured-source", "", "give it as an argument, or stop_gradient(...) of it where it counts as a constant"},
           op.where);
  std::vector<Content> made = carry_out_scope(op);
  auto pullback = [backward = op.regions[1], inputs = op.operands, results = made,
                   arguments](std::span<const Tensor> cotangents) {
    std::vector<Content> given = inputs;
    given.insert(given.end(), results.begin(), results.end());
    for (std::size_t i = 0; i < results.size(); ++i)
      if (is_float(results[i])) given.push_back(HandleAccess::raw(cotangents[i]));
    const std::vector<Content> parts = evaluate_region(*backward, given);
    std::vector<Tensor> out(inputs.size());
    for (std::size_t i = 0, k = 0; i < arguments; ++i)
      if (is_float(inputs[i])) out[i] = HandleAccess::make(parts[k++]);
    return out;
  };
  note(op.kind, op.operands, made, std::move(pullback), op.where);
  return made;
}

}  // namespace burin::detail
