// save and load: a function's traces as one file, and calling what was read from it.
#include "compiler/graph/saved.h"

#include <burin/load.h>

#include "compiler/graph/sizes.h"
#include "frontend/execute/on_device.h"
#include "frontend/function/function_state.h"
#include "frontend/record/eager.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace burin {

namespace detail {

namespace {

// The variables of all traces, in the order of their locks, with the values that they have at one moment.
struct Snapshot {
  std::map<std::uint64_t, VariableCell*> cells;
  std::map<const VariableCell*, NodeRef> values;
  std::map<const VariableCell*, std::uint32_t>
      assigned;  // by some trace: kept as a variable, with its place in the file

  void add(const Entry& e) {
    for (auto& v : e.variables) {
      cells[v.cell->number] = v.cell;
      if (v.output >= 0) assigned[v.cell] = 0;
    }
  }
  void take() {
    for (auto& [number, cell] : cells) cell->lock.lock();
    for (auto& [number, cell] : cells) values[cell] = HandleAccess::node(cell->handle);
    for (auto& [number, cell] : cells) cell->lock.unlock();
  }
  void write(SavedFunction& saved) {
    for (auto& [number, cell] : cells) {
      auto it = assigned.find(cell);
      if (it == assigned.end()) continue;
      it->second = static_cast<std::uint32_t>(saved.variables.size());
      std::string name = cell->name.empty() ? "variable" + std::to_string(it->second) : cell->name;
      saved.variables.push_back({std::move(name), read_value(*values[cell].get())});
    }
  }
};

SavedTrace saved_trace(const Entry& e, const Snapshot& now) {
  SavedTrace trace{e.graph->copy(), {}, {}, {}, {}};
  for (std::size_t i = 0; i < e.key.fields.size(); ++i) {
    const KeyField& k = e.key.fields[i];
    SavedLeaf leaf;
    leaf.path = e.paths[i];
    leaf.kind = k.kind == Leaf::Kind::tensor ? SavedLeaf::Kind::tensor
                : k.kind == Leaf::Kind::host ? SavedLeaf::Kind::host
                                             : SavedLeaf::Kind::length;
    if (k.kind == Leaf::Kind::host) leaf.type = k.type;
    if (k.kind != Leaf::Kind::tensor) leaf.text = to_string(k);
    leaf.weak = k.weak;
    leaf.state = k.state;
    trace.arguments.push_back(std::move(leaf));
  }
  for (auto& out : e.graph->outputs()) {
    if (out.kind != OutputKind::result) continue;
    SavedLeaf leaf;
    leaf.path = out.name;
    trace.results.push_back(std::move(leaf));
  }
  auto input = static_cast<std::uint32_t>(e.graph->inputs().size() - e.hidden.size());
  for (auto& h : e.hidden) {
    auto kept = now.assigned.find(h.variable.get());
    if (kept != now.assigned.end()) {
      trace.variables.push_back({input, kept->second});
    } else {  // nothing in the file changes it: a value like any other
      trace.graph.set_input_kind(input, InputKind::capture);
      trace.captures.push_back(read_value(*(h.variable ? now.values.at(h.variable.get()) : h.value).get()));
    }
    ++input;
  }
  return trace;
}

}  // namespace

void save(const FunctionState& c, const std::string& file) {
  auto& f = const_cast<FunctionState&>(c);
  SavedFunction saved;
  saved.name = f.name;
  std::vector<std::shared_ptr<const Entry>> entries;
  {
    std::lock_guard lock(f.mutex);
    for (auto& p : f.places)
      if (p->entry) entries.push_back(p->entry);
  }
  Snapshot now;
  for (auto& e : entries) now.add(*e);
  now.take();
  now.write(saved);
  for (auto& e : entries) saved.traces.push_back(saved_trace(*e, now));
  if (saved.traces.empty())
    fail({ErrorCode::invalid_argument, "save: \"" + f.name + "\" has not been traced yet", "no-trace", "",
          "call it once, or trace it: trace(spec<f32>({\"batch\", 128}))"},
         f.where);
  if (auto ok = write_saved(saved, file); !ok) fail(ok.error(), f.where);
}

}  // namespace detail

struct LoadedFunction::State {
  struct Trace {
    std::shared_ptr<const Graph> graph;
    std::shared_ptr<const detail::CallableGraph> callable;  // for calls under tapes
    std::vector<detail::NodeRef> captures;
    std::vector<SavedBinding> variables;
    std::vector<SavedTrace::Source> sources;  // by input
    std::shared_ptr<detail::Executable> executable;
    mutable std::shared_ptr<detail::Executable> checked{};  // made by the first call in check mode
    std::shared_ptr<const detail::Program> program{};       // in its place on another device
  };
  Level level = Level::full;
  std::uint8_t device = 0;
  mutable rt::Turn checking;

  std::shared_ptr<detail::Executable> executable_of(const Trace& t) const {
    if (!detail::checking()) return t.executable;
    std::lock_guard lock(checking);
    if (!t.checked) t.checked = make(t.graph, true);
    return t.checked;
  }
  std::shared_ptr<detail::Executable> make(std::shared_ptr<const Graph> graph, bool check) const {
    if (level == Level::graph || level == Level::eager) return detail::interpreted(std::move(graph), check);
    detail::ExecutableStats made;
    auto x = detail::compiled(std::move(graph), level == Level::full, made, check);
    if (!x) raise(std::move(x.error()));
    return std::move(*x);
  }
  std::string name;
  std::vector<Trace> traces;
  std::vector<Variable> variables;
  mutable rt::Turn calling;  // held by calls of traces that have variables

  // The graph's inputs: arguments, captures and variables, each in order.
  std::vector<detail::Content> inputs_of(const Trace& t, std::vector<detail::Content> arguments) const {
    std::vector<detail::Content> inputs;
    std::size_t argument = 0, capture = 0, variable = 0;
    for (auto source : t.sources) switch (source) {
        case SavedTrace::Source::argument: inputs.push_back(std::move(arguments[argument++])); break;
        case SavedTrace::Source::capture: inputs.push_back({t.captures[capture++], false}); break;
        case SavedTrace::Source::variable:
          inputs.push_back(detail::HandleAccess::read(variables[t.variables[variable++].variable].value()));
          break;
      }
    return inputs;
  }
  // The outputs in order as results, but for those that are assigned to variables.
  void deliver(const Trace& t, std::vector<detail::NodeRef> outputs, std::vector<Tensor>& results) const {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Output& out = t.graph->outputs()[i];
      auto bound = std::find_if(t.variables.begin(), t.variables.end(), [&](const SavedBinding& b) {
        return out.kind == OutputKind::state && b.input == out.overwrites;
      });
      Tensor value = detail::HandleAccess::make(std::move(outputs[i]));
      if (bound == t.variables.end()) results.push_back(std::move(value));
      else Variable(variables[bound->variable]).assign(value);
    }
  }
};

LoadedFunction load(const std::string& file, Level level, std::source_location where) {
  return load(file, LoadOptions{.level = level}, where);
}
LoadedFunction load(const std::string& file, const LoadOptions& options, std::source_location where) {
  auto saved = read_saved(file);
  if (!saved) detail::fail(std::move(saved.error()), where);
  auto state = std::make_shared<LoadedFunction::State>();
  state->name = saved->name;
  const Level level = options.level;
  state->level = level;
  state->device = options.device ? detail::DeviceAccess::number(*options.device) : detail::scope_device;
  for (auto& v : saved->variables)
    state->variables.emplace_back(detail::HandleAccess::make(detail::make_on(state->device, std::move(v.value), where)),
                                  v.name, where);
  for (auto& t : saved->traces) {
    LoadedFunction::State::Trace trace;
    trace.sources = t.sources();
    trace.graph = std::make_shared<const Graph>(std::move(t.graph));
    trace.callable = std::make_shared<const detail::CallableGraph>(trace.graph, level);
    for (HostTensor& c : t.captures) trace.captures.push_back(detail::make_on(state->device, std::move(c), where));
    trace.variables = std::move(t.variables);
    if (state->device == 0) {
      trace.executable = state->make(trace.graph, false);
    } else {
      auto program = detail::program_for(state->device, trace.graph, level == Level::full, false);
      if (!program) detail::fail(std::move(program.error()), where);
      trace.program = std::move(*program);
    }
    state->traces.push_back(std::move(trace));
  }
  LoadedFunction f;
  f.state_ = std::move(state);
  return f;
}

const std::string& LoadedFunction::name() const { return state_->name; }
std::vector<std::shared_ptr<const Graph>> LoadedFunction::graphs() const {
  std::vector<std::shared_ptr<const Graph>> list;
  for (auto& t : state_->traces) list.push_back(t.graph);
  return list;
}

std::vector<Tensor> LoadedFunction::call(std::span<const Tensor> leaves) const {
  using detail::HandleAccess;
  std::vector<detail::Content> given;
  for (auto& t : leaves) {
    given.push_back(HandleAccess::read(t));
    detail::check_usable(given.back(), &t, {});
  }
  std::optional<Error> mismatch;
  for (auto& trace : state_->traces) {
    const Graph& g = *trace.graph;
    std::vector<TensorType> wanted;
    for (std::size_t i = 0; i < trace.sources.size(); ++i)
      if (trace.sources[i] == SavedTrace::Source::argument) wanted.push_back(g.type(g.inputs()[i].value));
    if (given.size() != wanted.size()) {
      if (!mismatch)
        mismatch = {ErrorCode::invalid_argument,
                    state_->name + ": " + std::to_string(given.size()) + " tensors were given; expected " +
                        std::to_string(wanted.size()),
                    "argument-count", "", ""};
      continue;
    }
    std::vector<detail::Content> arguments = given;
    std::vector<TensorType> types;
    for (std::size_t i = 0, next = 0; i < trace.sources.size(); ++i) {
      if (trace.sources[i] != SavedTrace::Source::argument) {
        types.push_back(g.type(g.inputs()[i].value));
        continue;
      }
      detail::Content& c = arguments[next];  // a number takes the dtype that the trace has there
      if (wanted[next].shape.empty() && detail::keeps_value(c, wanted[next].dtype))
        c = detail::adapt(c, wanted[next].dtype, state_->name);
      types.push_back(detail::type_of(c.node));
      ++next;
    }
    auto& r = detail::context();
    std::vector<Guard> open;
    auto bindings = bind_sizes(g, types, r.trace ? &open : nullptr);
    if (!bindings) {
      if (!mismatch) {
        mismatch = std::move(bindings.error());
        if (mismatch->tag != "guard") mismatch->message = state_->name + ": " + mismatch->message;
      }
      continue;
    }
    std::unique_lock<rt::Turn> turn(state_->calling, std::defer_lock);
    if (!trace.variables.empty() && !r.trace) turn.lock();
    const std::vector<detail::Content> inputs = state_->inputs_of(trace, std::move(arguments));
    std::vector<Tensor> results;
    std::vector<detail::NodeRef> outputs;
    if (r.trace || detail::tapes_listen()) {
      for (auto& c : detail::call_graph(trace.callable, inputs, {})) outputs.push_back(std::move(c.node));
      state_->deliver(trace, std::move(outputs), results);
      return results;
    }
    std::vector<const DeviceTensor*> values;
    std::vector<const detail::NodeRef*> nodes;
    for (auto& c : inputs) {
      if (c.node.get()->traced()) detail::foreign_value(*c.node.get(), {});
      values.push_back(&c.node.get()->value);
      nodes.push_back(&c.node);
    }
    if (detail::common_device(nodes, state_->device, state_->name, {}) != state_->device)
      detail::fail(
          detail::mixed_devices(state_->name, detail::common_device(nodes, 0, state_->name, {}), state_->device), {});
    std::vector<std::int64_t> sizes;
    for (auto& name : g.size_names())
      for (auto& b : *bindings)
        if (b.name == name) sizes.push_back(b.value.value());
    if (state_->device != 0) {
      std::vector<detail::OutputUse> uses(g.outputs().size());
      for (const SavedBinding& b : trace.variables)
        for (std::size_t i = 0; i < uses.size(); ++i)
          if (g.outputs()[i].kind == OutputKind::state && g.outputs()[i].overwrites == b.input)
            uses[i].replaces = static_cast<int>(b.input);
      outputs =
          detail::call_on_device({state_->device, trace.program, g, *bindings, sizes, state_->name}, nodes, uses, {});
      state_->deliver(trace, std::move(outputs), results);
      return results;
    }
    std::vector<DeviceTensor> made;
    for (auto& out : g.outputs()) {
      auto t = detail::output_memory(g, out.value, substitute(g.type(out.value), *bindings));
      if (!t) raise(std::move(t.error()));
      made.push_back(std::move(*t));
    }
    std::vector<DeviceTensor*> writable;
    for (auto& m : made) writable.push_back(&m);
    if (auto ok = state_->executable_of(trace)->run(values, writable, sizes); !ok) raise(ok.error());
    for (auto& m : made) outputs.push_back(detail::make_eager(std::move(m)));
    state_->deliver(trace, std::move(outputs), results);
    return results;
  }
  if (!mismatch) raise({ErrorCode::invalid_argument, state_->name + ": the file holds no trace", "no-trace", "", ""});
  if (state_->traces.size() > 1)
    mismatch->hint = "the file holds " + std::to_string(state_->traces.size()) + " traces; none has these types";
  raise(std::move(*mismatch));
}

}  // namespace burin
