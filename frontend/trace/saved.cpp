// save and load: a function's traces as one file, and calling what was read from it.
#include "compiler/graph/saved.h"

#include "compiler/graph/sizes.h"
#include "frontend/trace/device.h"
#include "frontend/trace/evaluate.h"
#include "frontend/trace/function_state.h"

#include <algorithm>
#include <mutex>

namespace burin {

namespace detail {

void save(const FunctionState& c, const std::string& file) {
  auto& f = const_cast<FunctionState&>(c);
  SavedFunction saved;
  saved.name = f.name;
  {
    std::lock_guard lock(f.mutex);
    for (auto& p : f.places) {
      if (!p->entry) continue;
      const Entry& e = *p->entry;
      SavedTrace trace{e.graph->copy(), {}, {}, {}};
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
      if (!e.variables.empty())
        fail({ErrorCode::unsupported,
              "save: \"" + f.name + "\" uses " + describe(*e.variables[0].cell) + "; a file holds no Variables yet",
              "variable", "", "save a function that takes the value as an argument, by reference where it is updated"},
             f.where);
      for (auto& h : e.hidden) trace.captures.push_back(h.value.get()->value);
      saved.traces.push_back(std::move(trace));
    }
  }
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
    std::vector<HostTensor> captures;
    std::shared_ptr<detail::Executable> executable;
    mutable std::shared_ptr<detail::Executable> checked{};  // made by the first call in check mode
  };
  Level level = Level::full;
  mutable std::mutex checking;

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
};

LoadedFunction load(const std::string& file, Level level, std::source_location where) {
  auto saved = read_saved(file);
  if (!saved) detail::fail(std::move(saved.error()), where);
  auto state = std::make_shared<LoadedFunction::State>();
  state->name = saved->name;
  state->level = level;
  for (auto& t : saved->traces) {
    LoadedFunction::State::Trace trace;
    trace.graph = std::make_shared<const Graph>(std::move(t.graph));
    trace.captures = std::move(t.captures);
    trace.executable = state->make(trace.graph, false);
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
    std::vector<TensorType> types;
    const Graph& g = *trace.graph;
    std::vector<TensorType> wanted;
    for (auto& in : g.inputs())
      if (in.kind != InputKind::capture) wanted.push_back(g.type(in.value));
    if (given.size() != wanted.size()) {
      if (!mismatch)
        mismatch = {ErrorCode::invalid_argument,
                    state_->name + ": " + std::to_string(given.size()) + " tensors were given; expected " +
                        std::to_string(wanted.size()),
                    "argument-count", "", ""};
      continue;
    }
    std::vector<detail::Content> inputs = given;
    for (std::size_t i = 0; i < inputs.size(); ++i) {  // a number takes the dtype that the trace has there
      if (wanted[i].shape.empty()) inputs[i] = detail::adapt(inputs[i], wanted[i].dtype);
      types.push_back(detail::type_of(inputs[i].node));
    }
    for (auto& c : trace.captures) types.push_back(c.type);
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
    std::vector<Tensor> results;
    if (r.trace || detail::tapes_listen()) {
      for (auto& c : trace.captures) inputs.push_back({detail::make_eager(c), false});
      for (auto& c : detail::evaluate_graph(g, inputs)) results.push_back(HandleAccess::make(std::move(c.node)));
      return results;
    }
    std::vector<const HostTensor*> values;
    for (auto& c : inputs) {
      if (c.node.get()->traced()) detail::foreign_value(*c.node.get(), {});
      values.push_back(&c.node.get()->value);
    }
    for (auto& c : trace.captures) values.push_back(&c);
    std::vector<std::int64_t> sizes;
    for (auto& name : g.size_names())
      for (auto& b : *bindings)
        if (b.name == name) sizes.push_back(b.value.value());
    std::vector<HostTensor> made;
    for (auto& out : g.outputs()) {
      HostTensor t{substitute(g.type(out.value), *bindings), {}};
      t.buffer = Buffer::allocate(t.num_bytes());
      if (!t.buffer) raise(detail::no_memory(g, out.value, t.type));
      made.push_back(std::move(t));
    }
    std::vector<HostTensor*> outputs;
    for (auto& m : made) outputs.push_back(&m);
    if (auto ok = state_->executable_of(trace)->run(values, outputs, sizes); !ok) raise(ok.error());
    for (auto& m : made) results.push_back(HandleAccess::make(detail::make_eager(std::move(m))));
    return results;
  }
  if (!mismatch) raise({ErrorCode::invalid_argument, state_->name + ": the file holds no trace", "no-trace", "", ""});
  if (state_->traces.size() > 1)
    mismatch->hint = "the file holds " + std::to_string(state_->traces.size()) + " traces; none has these types";
  raise(std::move(*mismatch));
}

}  // namespace burin
