// A compiled function called eagerly under a tape: one step, whose derivative is a compiled graph too.
#include "frontend/control/evaluate.h"
#include "frontend/control/scopes.h"
#include "frontend/transform/callable_graph.h"
#include "frontend/transform/tangent.h"

#include "frontend/transform/linearize.h"

namespace burin::detail {
namespace {

bool is_float(const Content& c) { return is_floating(type_of(c.node).dtype); }

}  // namespace

std::optional<std::vector<Content>> GradientNotes::carry_out_call(const std::shared_ptr<const CallableGraph>& call,
                                                                  const std::vector<Content>& inputs,
                                                                  const std::source_location& where) {
  std::vector<bool> active;
  for (const Content& c : inputs) active.push_back(is_float(c) && descends(c));
  const auto backward = call->backward(active, where);
  if (!backward) return std::nullopt;
  const std::size_t n = call->graph().outputs().size();
  std::vector<Content> made = call_graph(backward->early, inputs, where);
  std::vector<Content> saved;
  for (std::size_t i : backward->saved) saved.push_back(made[i]);
  made.resize(n);
  if (backward->reached.empty()) return made;
  std::vector<Content> read;
  for (std::uint32_t i : backward->reads) read.push_back(inputs[i]);
  auto pullback = [backward, read = std::move(read), saved = std::move(saved), inputs = inputs.size(),
                   where](std::span<const Tensor> cotangents) {
    std::vector<Content> given = read;
    given.insert(given.end(), saved.begin(), saved.end());
    for (std::size_t i = 0; i < cotangents.size(); ++i)
      if (backward->active_results[i]) given.push_back(HandleAccess::raw(cotangents[i]));
    const std::vector<Content> parts = call_graph(backward->late, std::move(given), where);
    std::vector<Tensor> out(inputs);
    for (std::size_t k = 0; k < parts.size(); ++k) out[backward->reached[k]] = HandleAccess::make(parts[k]);
    return out;
  };
  note(OpKind{}, inputs, made, std::move(pullback), where);
  return made;
}

std::optional<std::vector<Content>> Tangents::carry_out_call(const std::shared_ptr<const CallableGraph>& call,
                                                             const std::vector<Content>& inputs,
                                                             const std::source_location& where) {
  std::vector<bool> active;
  std::vector<Content> given = inputs;
  for (const Content& c : inputs) {
    const Content* t = is_float(c) ? find(c) : nullptr;
    active.push_back(t != nullptr);
    if (t) given.push_back(*t);
  }
  const auto forward = call->forward(active, where);
  if (!forward) return std::nullopt;
  std::vector<Content> made = call_graph(forward->graph, std::move(given), where);
  const std::size_t n = call->graph().outputs().size();
  for (std::size_t k = 0; k < forward->moved.size(); ++k) keep(made[forward->moved[k]], made[n + k]);
  made.resize(n);
  return made;
}

}  // namespace burin::detail
