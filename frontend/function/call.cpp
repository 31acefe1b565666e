// A call: its leaves, the entry that serves it, and running that entry, now or inside another trace. See function_state.h;
// lookup.cpp finds the entry, run.cpp knows where results and state are written.
#include "frontend/function/lookup.h"
#include "frontend/function/run.h"
#include "frontend/function/tracer.h"

#include "compiler/graph/inline.h"
#include "frontend/control/evaluate.h"
#include "frontend/value/in_flight.h"

#include <algorithm>

namespace burin::detail {

void Call::tensor(Tensor& t, const Path&) {
  push({Leaf::Kind::tensor, {}, in_state_, false, in_donated_, &t, 0, {}, {}});
}
void Call::host(const HostValue& h, const Path&) {
  push({Leaf::Kind::host, h.kind, false, false, false, nullptr, h.bits, h.text, h.type});
}
void Call::length(std::size_t n, const Path&) {
  push({Leaf::Kind::length, {}, false, false, false, nullptr, n, {}, {}});
}
void Call::spill(const Leaf& l) {
  if (more_.empty()) more_.assign(inline_.begin(), inline_.begin() + static_cast<std::ptrdiff_t>(count_));
  more_.push_back(l);
  ++count_;
}
bool Call::eager() const { return level_of(current_level(function_)) == Level::eager; }

namespace {

Mode mode_of(const Recorder& r, std::uint8_t level) {
  return {level, r.trace ? r.trace->device : scope_device, r.trace != nullptr};
}

// A call under a tape that watches something of it: by its graph, with what the tape needs. False: no tape does.
bool called_by_tape(const Entry& e, std::span<const RunInput> inputs, const std::source_location& where, NodeRef* out) {
  std::vector<Content> given;
  for (const RunInput& in : inputs) given.push_back({*in.node, false});
  if (!call_taker(given)) return false;
  std::vector<Content> made = call_graph(e.callable, std::move(given), where);
  for (std::size_t i = 0; i < made.size(); ++i) out[i] = std::move(made[i].node);
  return true;
}

// Should a call that a tape carried out fail later, on another device, its state has the old values.
void keep_state(const Entry& e, std::span<const RunInput> inputs, const NodeRef* out) {
  if (e.key.device == 0) return;
  const auto outputs = e.graph->outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::state || out[i].get()->device == 0) continue;
    InFlight& f = in_flight(out[i].get()->device);
    std::lock_guard lock(f.mutex);
    f.restore({out[i], *inputs[*outputs[i].overwrites].node});
  }
}

// Counts the leaves of by-reference parameters, and marks those whose handle is another argument too: that argument must go
// on showing the old value. The same handle twice by reference has no meaning.
std::size_t mark_aliases(const FunctionState& f, std::span<Leaf> leaves) {
  std::size_t states = 0;
  for (auto& l : leaves) states += l.state && l.tensor;
  if (!states) return 0;
  auto meet = [&](Leaf& a, Leaf& b) {
    if (a.state && b.state)
      fail({ErrorCode::invalid_argument, f.name + ": one tensor is given to two by-reference parameters",
            "aliased-state", "", "pass a copy to one of them"},
           f.where);
    a.aliased = b.aliased = true;
  };
  if (leaves.size() <= 24) {
    for (std::size_t i = 0; i < leaves.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (leaves[i].tensor && leaves[i].tensor == leaves[j].tensor && (leaves[i].state || leaves[j].state))
          meet(leaves[i], leaves[j]);
    return states;
  }
  std::vector<Leaf*> order;
  for (auto& l : leaves)
    if (l.tensor) order.push_back(&l);
  std::sort(order.begin(), order.end(), [](const Leaf* a, const Leaf* b) {
    return std::pair(a->tensor, !a->state) < std::pair(b->tensor, !b->state);  // by reference first
  });
  for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
    if (order[i]->tensor != order[first]->tensor) first = i;
    else if (order[first]->state) meet(*order[first], *order[i]);
  }
  return states;
}

// Inside a trace: the entry's graph becomes part of the one being recorded.
void run_inlined(const FunctionState& f, const Entry& e, std::span<Leaf> given, Trace& trace, NodeRef* out) {
  std::vector<Content> inputs;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].tensor) continue;
    Content c = HandleAccess::raw(*given[i].tensor);
    const KeyField& k = e.key.fields[i];
    if (type_of(c.node).dtype != k.tensor.dtype) c = adapt(c, k.tensor.dtype, f.name);
    inputs.push_back(strong(std::move(c)));
  }
  for (auto& h : e.hidden)
    inputs.push_back(h.variable ? HandleAccess::read(h.variable->handle) : Content{h.value, false});
  if (tapes_listen()) {  // each op is noted
    auto results = evaluate_graph(*e.graph, inputs);
    for (std::size_t i = 0; i < results.size(); ++i) out[i] = std::move(results[i].node);
  } else {
    std::vector<ValueId> ids;
    for (auto& c : inputs) ids.push_back(lower(c, trace));
    auto values = inline_graph(trace.graph, trace.current, *e.graph, ids);
    if (!values) fail(std::move(values.error()), f.where);
    for (std::size_t i = 0; i < values->size(); ++i)
      out[i] = make_traced(trace, (*values)[i], trace.graph.type((*values)[i]), f.where);
  }
  for (auto& v : e.variables)
    if (v.output >= 0) HandleAccess::write(v.cell->handle, {out[v.output], false});
}

// On values: `bound` are those of the key's named sizes.
void run_now(FunctionState& f, const Entry& e, std::span<Leaf> given, std::span<const Dim> bound, NodeRef* out) {
  Few<RunInput, 32> inputs;
  inputs.reserve(given.size() + e.hidden.size());
  std::vector<NodeRef> converted;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].tensor) continue;
    const NodeRef& node = HandleAccess::node(*given[i].tensor);
    const KeyField& k = e.key.fields[i];
    if (node.get()->traced()) foreign_value(*node.get(), f.where);
    if (type_of(node).dtype != k.tensor.dtype) {  // a weak number under an input signature
      if (converted.empty()) converted.reserve(given.size());
      converted.push_back(adapt(HandleAccess::raw(*given[i].tensor), k.tensor.dtype, f.name).node);
      inputs.push_back({&converted.back(), false});
    } else {
      inputs.push_back({&node, given[i].aliased});
    }
  }
  RunInput* hidden = inputs.end();
  for (auto& h : e.hidden) inputs.push_back({&h.value, false});
  // A tape keeps the old values, and so does a host loop or branch that may be undone.
  const bool noted = context().tapes && tapes_listen(), in_place = !noted && !recorder;
  auto run = [&] {
    if (noted && called_by_tape(e, inputs, f.where, out)) return keep_state(e, inputs, out);
    run_entry(f, e, inputs, bound, in_place, out);
  };
  if (e.variables.empty()) {
    run();
    return;
  }
  HeldVariables held(e, hidden, !in_place);
  run();
  held.update(out);
}

}  // namespace

void Call::run(TraceThunk trace, WalkThunk walk_arguments, void* user) {
  FunctionState& f = function_;
  Recorder& r = context();
  const Mode mode = mode_of(r, current_level(f));
  std::span<Leaf> given = leaves();
  if (r.trace || recorder)
    for (auto& l : given)
      if (l.tensor) HandleAccess::read(*l.tensor);  // open loops learn of it before its type is looked at
  num_state_ = mark_aliases(f, given);
  Dim bound[max_names];
  entry_ = look_up(f, *this, mode, trace, walk_arguments, user, bound, hold_);
  const Entry& e = *entry_;
  if (f.options.verify_trace && !r.trace) verify_entry(f, *this, e, trace, user);
  NodeRef* out = CallAccess::results(*this, e.graph->outputs().size());
  if (r.trace) run_inlined(f, e, given, *r.trace, out);
  else run_now(f, e, given, {bound, e.key.names.size()}, out);
}

std::shared_ptr<const Graph> Call::prepare(TraceThunk trace, WalkThunk walk_arguments, void* user, bool compile) {
  FunctionState& f = function_;
  std::uint8_t level = current_level(f);
  if (level_of(level) == Level::eager)
    level = static_cast<std::uint8_t>(level - static_cast<int>(Level::eager) + static_cast<int>(Level::full));
  const Mode mode = mode_of(context(), level);
  std::size_t i = 0;
  for (auto& l : leaves()) {
    if (!l.tensor) continue;
    const Node* n = HandleAccess::node(*l.tensor).get();
    if (n && n->stands_in) check_sizes(f, n->value.type, "tensor " + std::to_string(i) + " of the arguments");
    ++i;
  }
  mark_aliases(f, leaves());
  auto entry = find_or_trace(f, *this, mode, trace, walk_arguments, user, compile);
  return entry->graph;
}

void Call::take(std::size_t i, Tensor& into) { HandleAccess::set_raw(into, {std::move(results()[i]), false}); }
Tensor Call::take(std::size_t i) { return HandleAccess::make(std::move(results()[i])); }
const void* Call::prototype() const { return entry_->prototype.get(); }
void Call::finish_state() {
  if (!num_state_) return;
  std::size_t i = 0;
  for (auto& l : leaves())
    if (l.state && l.tensor) HandleAccess::write(*l.tensor, {results()[entry_->state_outputs[i++]], false});
}

}  // namespace burin::detail
