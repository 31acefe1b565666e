// See callable_graph.h.
#include "frontend/transform/callable_graph.h"

#include "compiler/graph/sizes.h"
#include "frontend/control/evaluate.h"
#include "frontend/control/scopes.h"
#include "frontend/execute/on_device.h"
#include "frontend/record/eager.h"
#include "frontend/transform/linearize.h"
#include "frontend/transform/tangent.h"
#include "frontend/value/device.h"

#include <algorithm>

namespace burin::detail {

bool CallableGraph::knows_sizes() const {
  std::vector<std::string> known;
  for (const Input& in : graph_->inputs())
    for (Dim d : graph_->type(in.value).shape)
      if (auto name = lone_name(d)) known.emplace_back(*name);
  auto all_known = [&](Dim d) {
    std::vector<std::string> names;
    collect_names(d, names);
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& n) { return std::find(known.begin(), known.end(), n) != known.end(); });
  };
  for (std::uint32_t v = 0; v < graph_->num_values(); ++v)
    for (Dim d : graph_->type(ValueId{v}).shape)
      if (!all_known(d)) return false;
  for (const Guard& g : graph_->guards())
    if (!all_known(g.lhs) || !all_known(g.rhs)) return false;
  return true;
}

std::size_t CallableGraph::derivatives() const {
  std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [active, d] : backward_)
    if (d) n += 1 + d->early->derivatives() + d->late->derivatives();
  for (const auto& [active, d] : forward_)
    if (d) n += 1 + d->graph->derivatives();
  return n;
}

const Executable& CallableGraph::executable(const std::source_location& where) const {
  std::lock_guard lock(mutex_);
  auto& made = executables_[checking() ? 1 : 0];
  if (made) return *made;
  if (level_ == Level::graph || level_ == Level::eager) {
    made = interpreted(graph_, checking());
  } else {
    ExecutableStats stats;
    auto x = compiled(graph_, level_ == Level::full, stats, checking());
    if (!x) fail(std::move(x.error()), where);
    made = std::move(*x);
  }
  return *made;
}

std::vector<Content> CallableGraph::submit(std::span<const Content> inputs, std::uint8_t device,
                                           std::span<const DimBinding> bindings,
                                           const std::source_location& where) const {
  std::shared_ptr<const Program> program;
  {
    std::lock_guard lock(mutex_);
    auto& made = programs_[{device, checking()}];
    if (!made) {
      auto p = program_for(device, graph_, level_ == Level::full, checking());
      if (!p) fail(std::move(p.error()), where);
      made = std::move(*p);
    }
    program = made;
  }
  std::vector<const NodeRef*> given;
  for (const Content& c : inputs) given.push_back(&c.node);
  std::vector<std::int64_t> sizes;
  for (const std::string& name : graph_->size_names())
    for (const DimBinding& b : bindings)
      if (b.name == name) sizes.push_back(b.value.value());
  const std::vector<OutputUse> uses(graph_->outputs().size());
  std::vector<Content> results;
  for (NodeRef& n :
       call_on_device({device, std::move(program), *graph_, bindings, sizes, graph_->name}, given, uses, where))
    results.push_back({std::move(n), false});
  return results;
}

std::vector<Content> CallableGraph::run(std::span<const Content> inputs, const std::source_location& where) const {
  const Graph& g = *graph_;
  auto bindings = bind_sizes(g, types_of(inputs));
  if (!bindings) fail(std::move(bindings.error()), where);
  std::vector<const DeviceTensor*> values;
  std::vector<const NodeRef*> nodes;
  for (const Content& c : inputs) {
    if (c.node.get()->traced()) foreign_value(*c.node.get(), where);
    values.push_back(&c.node.get()->value);
    nodes.push_back(&c.node);
  }
  if (const std::uint8_t device = common_device(nodes, scope_device, g.name, where); device != 0)
    return submit(inputs, device, *bindings, where);
  std::vector<std::int64_t> sizes;
  for (const std::string& name : g.size_names())
    for (const DimBinding& b : *bindings)
      if (b.name == name) sizes.push_back(b.value.value());
  std::vector<DeviceTensor> made;
  for (const Output& out : g.outputs()) {
    auto t = output_memory(g, out.value, substitute(g.type(out.value), *bindings));
    if (!t) fail(std::move(t.error()), where);
    made.push_back(std::move(*t));
  }
  std::vector<DeviceTensor*> outputs;
  for (DeviceTensor& m : made) outputs.push_back(&m);
  if (auto ok = executable(where).run(values, outputs, sizes); !ok) fail(std::move(ok.error()), where);
  std::vector<Content> results;
  for (DeviceTensor& m : made) results.push_back({make_eager(std::move(m), where), false});
  return results;
}

std::shared_ptr<const CallableGraph::Backward> CallableGraph::backward(const std::vector<bool>& active,
                                                                       const std::source_location& where) const {
  std::lock_guard lock(mutex_);
  auto [at, fresh] = backward_.try_emplace(active);
  if (!fresh) return at->second;
  try {
    LinearizeOptions options;
    options.active_inputs = active;
    options.active_results = flows(*graph_, active);
    options.kept.assign(active.size(), true);
    Linearized made = linearize(*graph_, options, where);
    auto d = std::make_shared<Backward>();
    std::vector<std::size_t> outputs;  // what is saved may be a result, which is not copied
    const auto all = made.parts.early.outputs();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool result = i < graph_->outputs().size();
      auto same =
          std::find_if(outputs.begin(), outputs.end(), [&](std::size_t o) { return all[o].value == all[i].value; });
      if (!result) d->saved.push_back(static_cast<std::size_t>(same - outputs.begin()));
      if (result || same == outputs.end()) outputs.push_back(i);
    }
    auto early = std::make_shared<const Graph>(made.parts.early.copy(outputs));
    d->early = std::make_shared<const CallableGraph>(std::move(early), level_);
    d->late = std::make_shared<const CallableGraph>(std::make_shared<const Graph>(std::move(made.parts.late)), level_);
    d->reads = std::move(made.parts.reads);
    d->reached = std::move(made.reached);
    d->active_results = std::move(options.active_results);
    if (d->early->knows_sizes() && d->late->knows_sizes()) at->second = std::move(d);
  } catch (const UnsupportedError& e) {
    if (e.error.tag == "unbounded-loop") return nullptr;
    backward_.erase(at);
    throw;
  } catch (...) {
    backward_.erase(at);
    throw;
  }
  return at->second;
}

std::shared_ptr<const CallableGraph::Forward> CallableGraph::forward(const std::vector<bool>& active,
                                                                     const std::source_location& where) const {
  std::lock_guard lock(mutex_);
  auto [at, fresh] = forward_.try_emplace(active);
  if (!fresh) return at->second;
  try {
    auto d = std::make_shared<Forward>();
    auto made = std::make_shared<Graph>(pushforward_graph(*graph_, active, d->moved, where));
    d->graph = std::make_shared<const CallableGraph>(std::move(made), level_);
    if (d->graph->knows_sizes()) at->second = std::move(d);
  } catch (...) {
    forward_.erase(at);
    throw;
  }
  return at->second;
}

std::vector<Content> call_graph(const std::shared_ptr<const CallableGraph>& graph, std::vector<Content> inputs,
                                const std::source_location& where) {
  if (context().trace) return evaluate_graph(graph->graph(), inputs);
  if (tapes_listen()) {
    std::optional<std::vector<Content>> made;
    if (Tape* tape = call_taker(inputs)) {
      Mute mute(*tape);
      made = tape->carry_out_call(graph, inputs, where);
      if (made) return std::move(*made);
    } else {
      return graph->run(inputs, where);
    }
    return evaluate_graph(graph->graph(), inputs);  // each op is noted
  }
  return graph->run(inputs, where);
}

}  // namespace burin::detail
