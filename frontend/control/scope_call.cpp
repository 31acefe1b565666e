// The session behind the templates of custom_gradient.h: records the function and its derivative on the arguments' types.
#include <burin/custom_gradient.h>

#include <burin/composites.h>

#include "frontend/control/scopes.h"
#include "frontend/record/eager.h"
#include "frontend/value/variable.h"

namespace burin::detail {

struct ScopeCall::State {
  std::string who;
  std::source_location where;
  Leaves arguments;
  std::vector<Content> values;
  std::vector<TensorType> results;
  Trace body, back;
  std::optional<Recording> recording;
  RecordedGraph forward;
  std::optional<RecordedGraph> backward;

  void input(Trace& t, Tensor& leaf, const TensorType& type) {
    const ValueId v = t.graph.add_input(InputKind::argument, type, "");
    HandleAccess::set_raw(leaf, {make_traced(t, v, type, where), false});
  }
  void open(Trace& t) {
    t.name = t.graph.name = who;
    recording.emplace(context(), t, where);
    for (std::size_t i = 0; i < values.size(); ++i) input(t, *arguments.tensors[i], type_of(values[i].node));
  }
  RecordedGraph close(Trace& t) {
    const Frame frame = recording->close();
    std::string assigned;
    for (const Slot& slot : frame.slots)
      if (slot.written)
        assigned = HandleAccess::variable(*slot.handle) ? describe(cell_of(*slot.handle)) : "a tensor outside";
    recording.reset();
    for (Tensor* leaf : arguments.tensors) HandleAccess::set_raw(*leaf, {});
    if (!assigned.empty())
      fail({ErrorCode::trace, who + ": " + assigned + " is assigned within its function", "assigned-outside", "",
            "return it; random numbers are drawn with a key there: generator.key() before the call gives one"},
           where);
    RecordedGraph made{{}, {}};
    for (const Capture& c : t.captures) made.captures.push_back({c.node, false});
    made.graph = t.finish();
    return made;
  }
};

ScopeCall::ScopeCall(const char* who, const std::source_location& where) : state_(std::make_unique<State>()) {
  state_->who = who;
  state_->where = where;
}
ScopeCall::~ScopeCall() = default;

void ScopeCall::argument(const Leaves& leaves) {
  State& s = *state_;
  for (std::size_t i = 0; i < leaves.tensors.size(); ++i) {
    Tensor& leaf = *leaves.tensors[i];
    if (!leaf.defined())
      fail({ErrorCode::invalid_argument, s.who + ": '" + leaves.paths[i] + "' holds nothing", "undefined", "",
            "assign it first"},
           s.where);
    s.values.push_back(strong(HandleAccess::read(leaf)));
    s.arguments.tensors.push_back(&leaf);
  }
  s.arguments.statics.insert(s.arguments.statics.end(), leaves.statics.begin(), leaves.statics.end());
}

void ScopeCall::begin() { state_->open(state_->body); }

void ScopeCall::end(const Leaves& results) {
  State& s = *state_;
  for (Tensor* t : results.tensors) {
    const Content c = HandleAccess::raw(*t);
    check_usable(c, t, s.where);
    s.results.push_back(type_of(c.node));
    s.body.graph.add_output(OutputKind::result, lower(c, s.body), "");
    HandleAccess::set_raw(*t, {});
  }
  s.forward = s.close(s.body);
}

void ScopeCall::begin_backward(const Leaves& results, const Leaves& cotangents) {
  State& s = *state_;
  s.open(s.back);
  for (std::size_t i = 0; i < s.results.size(); ++i) s.input(s.back, *results.tensors[i], s.results[i]);
  for (std::size_t i = 0; i < s.results.size(); ++i)
    if (is_floating(s.results[i].dtype)) s.input(s.back, *cotangents.tensors[i], s.results[i]);
}

void ScopeCall::yield_backward(const Leaves& cotangents) {
  State& s = *state_;
  check_same_structure(s.arguments, cotangents, "custom_gradient", s.where);
  for (std::size_t i = 0; i < s.values.size(); ++i) {
    const TensorType& wanted = type_of(s.values[i].node);
    if (!is_floating(wanted.dtype)) continue;
    Content c = HandleAccess::read(*cotangents.tensors[i]);
    const DeviceOf device(std::span(&s.values[i], 1));
    if (!c.defined()) c = HandleAccess::raw(zeros(wanted.shape, wanted.dtype, s.where));
    c = strong(adapt(c, wanted.dtype, "custom_gradient"));
    if (type_of(c.node) != wanted)
      fail({ErrorCode::invalid_argument,
            "custom_gradient: backward gives '" + cotangents.paths[i] + "' as " + to_string(type_of(c.node)) +
                "; expected " + to_string(wanted),
            "cotangent-type", "", "it has the type of the argument that it belongs to"},
           s.where);
    s.back.graph.add_output(OutputKind::result, lower(c, s.back), "");
  }
}

void ScopeCall::end_backward(const Leaves& results, const Leaves& cotangents) {
  State& s = *state_;
  for (auto* list : {&results, &cotangents})
    for (Tensor* t : list->tensors) HandleAccess::set_raw(*t, {});
  s.backward = s.close(s.back);
}

void ScopeCall::finish(const Leaves& results) {
  State& s = *state_;
  const OpKind kind = s.backward ? OpKind::custom_gradient : OpKind::remat;
  const RegionOp op = scope_op(kind, std::move(s.values), std::move(s.forward), std::move(s.backward), s.where);
  const std::vector<Content> made = carry_out_scope(op);
  for (std::size_t i = 0; i < made.size(); ++i) HandleAccess::set_raw(*results.tensors[i], made[i]);
}

}  // namespace burin::detail
