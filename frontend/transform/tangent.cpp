// See tangent.h. Rules live in frontend/rules; regions are recorded once more over values and tangents together.
#include "frontend/transform/tangent.h"

#include <burin/composites.h>
#include <burin/grad.h>

#include "compiler/graph/prune.h"
#include "frontend/control/evaluate.h"
#include "frontend/control/regions.h"
#include "frontend/control/scopes.h"
#include "frontend/record/eager.h"
#include "frontend/rules/rules.h"
#include "frontend/transform/linearize.h"

namespace burin::detail {
namespace {

bool is_float(const Content& c) { return is_floating(type_of(c.node).dtype); }
Content zeros_like(const Content& c) { return HandleAccess::raw(rules::zeros_like(HandleAccess::make(c))); }

}  // namespace

bool Tangents::watches(std::span<const Content> values) const {
  for (const Content& v : values)
    if (find(v)) return true;
  return false;
}

void Tangents::note(const NotedOp& op) {
  const std::vector<Content> operands = contents(op.operands), results = contents(op.results);
  if (!watches(operands)) return;
  bool flows = false;
  for (const Tensor& r : op.results) flows = flows || is_floating(r.dtype());
  if (!flows) return;
  SourceScope lines(op.where);
  const DeviceOf device(op.results);
  rules::Jvp rule = rules::jvp_of(op.kind);
  if (!rule) fail(no_derivative(op.kind), op.where);
  std::vector<Tensor> tangents(operands.size());
  bool moves = false;
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (const Content* t = find(operands[i]); t && rules::differentiable(op.kind, i)) {
      tangents[i] = HandleAccess::make(*t);
      moves = true;
    }
  if (!moves) return;
  const std::vector<Tensor> values = handles(operands), made = handles(results);
  const Tensor tangent = rule({op.kind, values, made, op.attributes}, tangents);
  if (tangent.defined()) keep(results[0], HandleAccess::raw(beside(made[0], tangent)));
}

// -- regions -------------------------------------------------------------------------------------------------------------

bool Tangents::takes(const RegionOp& op) const {
  for (auto* list : {&op.operands, &op.captures})
    for (const Content& c : *list)
      if (is_float(c) && find(c)) return true;
  return false;
}

std::vector<Content> Tangents::carry_out(const RegionOp& op) {
  SourceScope lines(op.where);
  switch (op.kind) {
    case OpKind::while_: return loop(op);
    case OpKind::remat: return remat(op);
    case OpKind::custom_gradient:
      fail({ErrorCode::unsupported,
            "custom_gradient: it brings a derivative for reverse mode only; forward mode (jvp) cannot use it",
            "custom-gradient", "", "use grad or vjp; jacobian and hessian with Mode::reverse"},
           op.where);
    default: return branch(op);
  }
}

Graph pushforward_graph(const Graph& graph, const std::vector<bool>& active, std::vector<std::size_t>& moved,
                        const std::source_location& where) {
  std::vector<TensorType> types;
  for (const Input& in : graph.inputs()) types.push_back(graph.type(in.value));
  const std::size_t n = types.size();
  for (std::size_t i = 0; i < n; ++i)
    if (active[i]) types.push_back(types[i]);
  const std::vector<bool> through = flows(graph, active);
  moved.clear();
  for (std::size_t i = 0; i < through.size(); ++i)
    if (through[i]) moved.push_back(i);
  RecordedGraph both = record_graph(graph.name, types, where, [&](const Contents& inputs) {
    Tangents inner;
    for (std::size_t i = 0, k = n; i < n; ++i)
      if (active[i]) inner.set(inputs[i], inputs[k++]);
    Contents out;
    {
      TapeScope scope(inner);
      out = evaluate_region(graph, std::span(inputs).first(n));
    }
    for (std::size_t i : moved) {
      const Content* t = inner.find(out[i]);
      out.push_back(t ? *t : zeros_like(out[i]));
    }
    return out;
  });
  return prune(both.graph);
}

// The body once more, over values and tangents: a remat again, since reverse mode may go through it later.
Contents Tangents::remat(const RegionOp& op) {
  std::vector<bool> active;
  Contents given = op.operands;
  for (const Content& c : op.operands) {
    const Content* t = is_float(c) ? find(c) : nullptr;
    active.push_back(t != nullptr);
    if (t) given.push_back(*t);
  }
  std::vector<std::size_t> moved;
  RecordedGraph both{pushforward_graph(*op.regions[0], active, moved, op.where), {}};
  Contents made = carry_out_scope(scope_op(OpKind::remat, std::move(given), std::move(both), {}, op.where));
  const std::size_t n = op.regions[0]->outputs().size();
  for (std::size_t k = 0; k < moved.size(); ++k) keep(made[moved[k]], made[n + k]);
  made.resize(n);
  return made;
}

// The loop carries a tangent beside each value that has one before it or after any trip.
Contents Tangents::loop(const RegionOp& op) {
  const Graph &test = *op.regions[0], &body = *op.regions[1];
  const std::size_t n = op.operands.size();
  std::vector<bool> active;
  for (auto* list : {&op.operands, &op.captures})
    for (const Content& c : *list) active.push_back(is_float(c) && find(c));
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<bool> next = flows(body, active);
    for (std::size_t i = 0; i < n; ++i)
      if (next[i] && !active[i]) active[i] = changed = true;
  }
  Contents init = op.operands;
  std::vector<std::size_t> moving;
  for (std::size_t i = 0; i < n; ++i) {
    if (!active[i]) continue;
    moving.push_back(i);
    const Content* t = find(op.operands[i]);
    init.push_back(t ? *t : zeros_like(op.operands[i]));
  }
  auto given = [&](const Contents& state) {
    Contents all(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(n));
    all.insert(all.end(), op.captures.begin(), op.captures.end());
    return all;
  };
  auto again = [&](const Contents& state) { return HandleAccess::make(evaluate_region(test, given(state))[0]); };
  auto trip = [&](const Contents& state) {
    Tangents inner;
    for (std::size_t k = 0; k < moving.size(); ++k) inner.keep(state[moving[k]], state[n + k]);
    for (const Content& c : op.captures)
      if (const Content* t = find(c)) inner.keep(c, *t);
    Contents next;
    {
      TapeScope scope(inner);
      next = evaluate_region(body, given(state));
    }
    for (std::size_t i : moving) {
      const Content* t = inner.find(next[i]);
      next.push_back(t ? *t : zeros_like(next[i]));
    }
    return next;
  };
  Contents last = run_loop(std::move(init), op.bound, op.where, again, trip);
  for (std::size_t k = 0; k < moving.size(); ++k) keep(last[moving[k]], last[n + k]);
  last.resize(n);
  return last;
}

Contents Tangents::branch(const RegionOp& op) {
  std::vector<bool> active, moves(op.regions[0]->outputs().size());
  for (const Content& c : op.captures) active.push_back(is_float(c) && find(c));
  for (auto& region : op.regions) {
    const auto through = flows(*region, active);
    for (std::size_t i = 0; i < moves.size(); ++i) moves[i] = moves[i] || through[i];
  }
  std::vector<std::size_t> moving;
  for (std::size_t i = 0; i < moves.size(); ++i)
    if (moves[i]) moving.push_back(i);
  auto side = [&](const Graph& region) {
    return [&] {
      Tangents inner;
      for (const Content& c : op.captures)
        if (const Content* t = find(c)) inner.keep(c, *t);
      Contents out;
      {
        TapeScope scope(inner);
        out = evaluate_region(region, op.captures);
      }
      for (std::size_t i : moving) {
        const Content* t = inner.find(out[i]);
        out.push_back(t ? *t : zeros_like(out[i]));
      }
      return out;
    };
  };
  const std::size_t n = moves.size();
  Contents last = run_branches(op.operands[0], n + moving.size(), op.where, side(*op.regions[0]), side(*op.regions[1]));
  for (std::size_t k = 0; k < moving.size(); ++k) keep(last[moving[k]], last[n + k]);
  last.resize(n);
  return last;
}

// -- the session of jvp --------------------------------------------------------------------------------------------------

struct Pushforward::State {
  Tangents tangents;
  std::vector<Content> sources;
  std::unique_ptr<TapeScope> scope;
};

Pushforward::Pushforward(const Leaves& x, const Leaves& v, const std::source_location& where, const char* who)
    : state_(std::make_unique<State>()) {
  check_same_structure(x, v, who, where);
  for (std::size_t i = 0; i < x.tensors.size(); ++i) {
    check_source(*x.tensors[i], x.paths[i], who, where);
    Tensor tangent = *v.tensors[i];
    if (!tangent.defined())
      fail({ErrorCode::invalid_argument, std::string(who) + ": the tangent of '" + x.paths[i] + "' holds nothing",
            "undefined", "", "give zeros for no direction"},
           where);
    tangent = HandleAccess::make(strong(adapt(HandleAccess::raw(tangent), x.tensors[i]->dtype(), who)));
    if (tangent.type() != x.tensors[i]->type())
      fail({ErrorCode::invalid_argument,
            std::string(who) + ": the tangent of '" + x.paths[i] + "' is " + to_string(tangent.type()) + "; expected " +
                to_string(x.tensors[i]->type()),
            "tangent-type", "", ""},
           where);
    *x.tensors[i] = fresh_identity(*x.tensors[i]);
    state_->sources.push_back(HandleAccess::raw(*x.tensors[i]));
    state_->tangents.set(state_->sources.back(), HandleAccess::raw(tangent));
  }
  state_->scope = std::make_unique<TapeScope>(state_->tangents);
}
Pushforward::~Pushforward() = default;

void Pushforward::finish(const Leaves& results, const Leaves& tangents) {
  state_->scope.reset();
  for (std::size_t i = 0; i < results.tensors.size(); ++i) {
    const Tensor& y = *results.tensors[i];
    if (!y.defined()) continue;
    const Content* t = state_->tangents.find(HandleAccess::read(y));
    *tangents.tensors[i] = t ? HandleAccess::make(*t) : is_floating(y.dtype()) ? rules::zeros_like(y) : Tensor();
  }
}

}  // namespace burin::detail
