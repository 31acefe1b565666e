// cond: two branches and their merge. See control.h and recorder.h.
#include <burin/control.h>

#include "frontend/control/regions.h"

#include <burin/promotion.h>

#include <algorithm>

namespace burin::detail {

Named::Named(const vars& v) {
  auto& r = context();
  for (auto& [name, t] : v.list()) {
    r.give_name(t, name);
    handles_.push_back(t);
  }
}
Named::Named(const Leaves& l) {
  auto& r = context();
  for (std::size_t i = 0; i < l.paths.size(); ++i) {
    r.give_name(l.tensors[i], l.paths[i]);
    handles_.push_back(l.tensors[i]);
  }
}
Named::~Named() {
  auto& r = context();
  for (auto* h : handles_) r.names.erase(h);
}

struct Branches::State {
  std::source_location where;
  Content condition;
  Trace* trace = nullptr;
  int opened = 0;
  bool is_open = false;
  Frame frames[2];
  std::vector<Content> yields[2];
  std::vector<std::uint64_t> statics[2];
  Recorder& r = context();
};

namespace {

// One merged value of the two sides, already of the same type, or a reason why not.
struct Merge {
  Content sides[2];
  Content merged;
  bool needs_result = false;
};

const char* side_name(int i) { return i == 0 ? "then" : "else"; }

}  // namespace

Branches::Branches(const Arg& condition) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.where = condition.where();
  s.condition = HandleAccess::read(*condition.tensor());
  check_usable(s.condition, condition.tensor(), s.where);
  check_condition(s.condition, "cond", s.where);
  s.trace = s.r.trace;
  traced_ = s.trace != nullptr;
  if (traced_) lower(s.condition, *s.trace);  // usable here?
  else value_ = condition_value(s.condition);
}

Branches::~Branches() {
  if (state_ && state_->is_open) state_->r.abandon();
}

void Branches::open() {
  State& s = *state_;
  s.r.open(traced_ ? Frame::Kind::branch : Frame::Kind::eager_branch, s.where);
  s.is_open = true;
}

void Branches::yield(const Leaves& l) {
  State& s = *state_;
  for (auto* t : l.tensors) s.yields[s.opened].push_back(HandleAccess::read(*t));
  s.statics[s.opened] = l.statics;
}

void Branches::close() {
  State& s = *state_;
  s.is_open = false;
  s.frames[s.opened] = s.r.close(side_name(s.opened) == std::string("then") ? "then branch" : "else branch");
  ++s.opened;
}

void Branches::finish(const Leaves& results) {
  State& s = *state_;
  if (!traced_) {  // what was assigned is strong, as a merge would be
    for (auto& slot : s.frames[0].slots) {
      Content now = HandleAccess::raw(*slot.handle);
      if (!slot.written || !now.defined()) continue;
      HandleAccess::set_raw(*slot.handle,
                            slot.entry.defined() ? strong(adapt(now, type_of(slot.entry.node).dtype)) : strong(now));
    }
    for (std::size_t i = 0; i < results.tensors.size(); ++i)
      HandleAccess::set_raw(*results.tensors[i], strong(s.yields[0][i]));
    return;
  }
  Trace& t = *s.trace;
  if (s.yields[0].size() != s.yields[1].size() || s.statics[0] != s.statics[1])
    fail({ErrorCode::invalid_argument,
          "cond: the branches return trees of different structure or with different host values", "tree", "",
          "return the same containers and host values from both"},
         s.where);
  std::vector<Tensor*> handles;
  for (auto& f : s.frames)
    for (auto& slot : f.slots)
      if (slot.written && std::find(handles.begin(), handles.end(), slot.handle) == handles.end())
        handles.push_back(slot.handle);

  std::vector<Merge> merges;
  for (Tensor* h : handles) {
    Content now = HandleAccess::read(*h);
    Merge m;
    for (int i = 0; i < 2; ++i) {
      Slot* slot = s.frames[i].find(h);
      m.sides[i] = slot && slot->written ? slot->result : now;
    }
    merges.push_back(std::move(m));
  }
  for (std::size_t i = 0; i < s.yields[0].size(); ++i) merges.push_back({{s.yields[0][i], s.yields[1][i]}, {}, false});

  std::vector<ValueId> yields[2];
  std::vector<TensorType> types;
  for (std::size_t k = 0; k < merges.size(); ++k) {
    Merge& m = merges[k];
    auto name = [&] {
      if (k >= handles.size()) return "result " + std::to_string(k - handles.size());
      return s.r.describe(handles[k], m.sides[0]);
    };
    if (m.sides[0].node && m.sides[0].node == m.sides[1].node) {
      m.merged = strong(m.sides[0]);
      continue;
    }
    if (untyped(m.sides[0]) && untyped(m.sides[1])) continue;  // nothing that could be read later
    TensorType type;
    if (untyped(m.sides[0]) || untyped(m.sides[1])) {
      type = type_of(m.sides[untyped(m.sides[0]) ? 1 : 0].node);
      for (auto& side : m.sides) settle_type(side, type, t);
    } else {
      Dtype d0 = type_of(m.sides[0].node).dtype, d1 = type_of(m.sides[1].node).dtype;
      Dtype target = m.sides[0].weak && m.sides[1].weak ? promote(d0, d1) : m.sides[0].weak ? d1 : d0;
      for (int i = 0; i < 2; ++i) {
        InBlock in(t, s.frames[i].block);
        m.sides[i] = adapt(m.sides[i], target);
      }
      type = type_of(m.sides[0].node);
      if (type != type_of(m.sides[1].node))
        fail({ErrorCode::invalid_argument,
              "cond: " + name() + " is " + to_string(type) + " after the then branch" + made_at(m.sides[0]) + " and " +
                  to_string(type_of(m.sides[1].node)) + " after the else branch" + made_at(m.sides[1]) +
                  "; both must have one type",
              "branch-types", "", "cast or reshape in one branch"},
             s.where);
    }
    for (int i = 0; i < 2; ++i) yields[i].push_back(value_in(m.sides[i], type, t, s.frames[i].block));
    types.push_back(type);
    m.needs_result = true;
  }

  const BlockId blocks[2] = {s.frames[0].block, s.frames[1].block};
  for (int i = 0; i < 2; ++i) t.graph.set_yields(blocks[i], yields[i]);
  Contents made;
  if (auto carried = carried_out_by_tape(OpKind::if_, t, blocks, {s.condition}, {}, s.where)) {
    made = std::move(*carried);
  } else {
    ValueId condition = lower(s.condition, t);
    OpId op = t.graph.append(t.current, OpKind::if_, std::span(&condition, 1), {}, types, s.r.line_in(t, s.where),
                             {blocks[0], blocks[1]});
    for (std::uint32_t i = 0; i < types.size(); ++i)
      made.push_back({make_traced(t, t.graph.result(t.graph.op(op), i), types[i], s.where), false});
  }
  std::size_t next = 0;
  for (auto& m : merges) {
    if (!m.needs_result) continue;
    m.merged = made[next++];
    if (maybe_undefined(m.sides[0]) || maybe_undefined(m.sides[1])) {
      m.merged.node.get()->maybe_undefined = true;
      m.merged.node.get()->branch_line = s.where.line();
    }
  }
  for (std::size_t k = 0; k < handles.size(); ++k) HandleAccess::write(*handles[k], merges[k].merged);
  for (std::size_t i = 0; i < results.tensors.size(); ++i)
    HandleAccess::set_raw(*results.tensors[i], merges[handles.size() + i].merged);
}

}  // namespace burin::detail
