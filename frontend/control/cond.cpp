// cond: two branches and their merge. See control.h and recorder.h.
#include <burin/control.h>

#include "frontend/control/exits.h"
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
  bool is_open = false, is_rest = false;
  Plain plain = Plain::none;
  std::size_t depth = 0;  // frames, that of the open branch included
  Frame frames[2];
  bool left[2] = {};         // by break_if or continue_if, certainly
  std::vector<Tensor> held;  // what the open branch returns, where part of it may be left out
  std::vector<Content> yields[2];
  std::vector<std::string> paths;  // of what is returned, while tracing
  std::vector<std::uint64_t> statics[2];
  Recorder& r = context();
};

namespace {

// One merged value of the two sides, already of the same type, or a reason why not.
struct Merge {
  Content sides[2];
  Content merged{};
  bool needs_result = false;
};

bool can_splice(const Trace& t, BlockId b) {
  for (OpId o : t.graph.block(b).ops)
    if (effects(t.graph, t.graph.op(o)) != 0 || !t.graph.op(o).regions.empty()) return false;
  return true;
}

/// Repeats the ops of a block that yields one value where the trace stands now; gives that value.
ValueId splice(Trace& t, BlockId b) {
  t.rewritten = true;
  std::unordered_map<std::uint32_t, ValueId> map;
  auto mapped = [&](ValueId v) {
    auto it = map.find(index(v));
    return it == map.end() ? v : it->second;
  };
  const std::vector<OpId> ops = t.graph.block(b).ops;
  for (OpId o : ops) {
    const Op op = t.graph.op(o);
    std::vector<ValueId> operands;
    for (ValueId v : t.graph.operands(op)) operands.push_back(mapped(v));
    std::vector<TensorType> types;
    for (std::uint32_t i = 0; i < op.num_results; ++i) types.push_back(t.type(t.graph.result(op, i)));
    const OpId copy = t.graph.append(t.current, op.kind, operands, op.attributes, types, op.line);
    for (std::uint32_t i = 0; i < op.num_results; ++i)
      map[index(t.graph.result(op, i))] = t.graph.result(t.graph.op(copy), i);
  }
  return mapped(t.graph.block(b).yields[0]);
}

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
  if (!state_->is_open) return;
  state_->held.clear();
  while (state_->r.frames.size() >= state_->depth) state_->r.abandon();
}

void Branches::open() {
  State& s = *state_;
  s.r.open(traced_ ? Frame::Kind::branch : Frame::Kind::eager_branch, s.where);
  s.depth = s.r.frames.size();
  s.is_open = true;
}

void Branches::yield(const Leaves& l) {
  State& s = *state_;
  s.statics[s.opened] = l.statics;
  if (s.paths.empty()) s.paths = l.paths;
  if (s.r.frames.size() == s.depth) {
    for (auto* t : l.tensors) s.yields[s.opened].push_back(HandleAccess::read(*t));
    return;
  }
  {  // what follows an early exit: through handles of the branch, which are undefined on the other way
    Untracked untracked;
    s.held.resize(l.tensors.size());
  }
  for (std::size_t i = 0; i < s.held.size(); ++i) {
    s.r.born_before(s.r.frames[s.depth], s.held[i]);
    HandleAccess::write(s.held[i], HandleAccess::read(*l.tensors[i]));
  }
}

void Branches::allow(Plain plain) { state_->plain = plain; }

void Branches::left() { state_->left[state_->opened] = true; }

void Branches::keep_open() {
  state_->is_open = false;
  state_->is_rest = true;
}

void Branches::close() {
  State& s = *state_;
  s.r.close_rests(s.depth);
  for (Tensor& t : s.held) {
    Content c = HandleAccess::read(t);
    c.node.get()->maybe_undefined = false;  // where it is, nobody goes on to read it
    s.yields[s.opened].push_back(std::move(c));
  }
  s.held.clear();
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
      HandleAccess::set_raw(*slot.handle, slot.entry.defined()
                                              ? strong(adapt(now, type_of(slot.entry.node).dtype, "cond"))
                                              : strong(now));
    }
    for (std::size_t i = 0; i < results.tensors.size(); ++i)
      HandleAccess::set_raw(*results.tensors[i], strong(s.yields[0][i]));
    return;
  }
  Trace& t = *s.trace;
  for (int i = 0; i < 2; ++i)
    if (s.left[i]) {  // returned nothing
      s.yields[i].assign(s.yields[1 - i].size(), {});
      s.statics[i] = s.statics[1 - i];
    }
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
  std::vector<TypeChange> differ;
  for (std::size_t k = 0; k < merges.size(); ++k) {
    Merge& m = merges[k];
    auto name = [&] {
      if (k < handles.size()) return s.r.describe(handles[k], m.sides[0]);
      const std::size_t i = k - handles.size();
      if (i >= s.paths.size()) return "result " + std::to_string(i);
      return s.paths[i] == "result" ? "the result" : s.paths[i];
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
      Dtype target = m.sides[0].weak && m.sides[1].weak ? promote(d0, d1).value_or(d0) : m.sides[0].weak ? d1 : d0;
      for (int i = 0; i < 2; ++i) {
        InBlock in(t, s.frames[i].block);
        m.sides[i] = adapt(m.sides[i], target, "cond");
      }
      type = type_of(m.sides[0].node);
      if (type != type_of(m.sides[1].node)) {
        differ.emplace_back(name(), m.sides[0], m.sides[1]);
        continue;
      }
    }
    for (int i = 0; i < 2; ++i) yields[i].push_back(value_in(m.sides[i], type, t, s.frames[i].block));
    types.push_back(type);
    m.needs_result = true;
  }

  if (!differ.empty() && s.is_rest) carried_types_changed(differ, "while_loop", s.r.loops.back()->where);
  if (!differ.empty())
    fail({ErrorCode::invalid_argument,
          "cond: " + listed(differ, " after the then branch", " after the else branch") + "; both must have one type",
          "branch-types", "", "cast or reshape in one branch"},
         s.where);

  const BlockId blocks[2] = {s.frames[0].block, s.frames[1].block};
  for (int i = 0; i < 2; ++i) t.graph.set_yields(blocks[i], yields[i]);
  // One value, with no state beside it, may be computed whichever way the condition goes.
  auto as_plain_op = [&]() -> std::optional<Content> {
    const bool needs_both = s.plain == Plain::where;
    const bool lazy_then = needs_both || s.plain == Plain::logical_and;
    if (s.plain == Plain::none || !handles.empty() || types.size() != 1) return std::nullopt;
    if ((lazy_then && !can_splice(t, blocks[0])) || ((needs_both || !lazy_then) && !can_splice(t, blocks[1])))
      return std::nullopt;
    std::vector<ValueId> operands{lower(s.condition, t)};
    if (lazy_then) operands.push_back(splice(t, blocks[0]));
    if (needs_both || !lazy_then) operands.push_back(splice(t, blocks[1]));
    const OpKind kind = needs_both ? OpKind::where : lazy_then ? OpKind::logical_and : OpKind::logical_or;
    const OpId op = t.graph.append(t.current, kind, operands, {}, types, s.r.line_in(t, s.where));
    return Content{make_traced(t, t.graph.result(t.graph.op(op)), types[0], s.where), false};
  };
  Contents made;
  if (auto carried = carried_out_by_tape(OpKind::if_, t, blocks, {s.condition}, {}, s.where)) {
    made = std::move(*carried);
  } else if (auto value = as_plain_op()) {
    made.push_back(std::move(*value));
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
    if ((!s.left[0] && maybe_undefined(m.sides[0])) || (!s.left[1] && maybe_undefined(m.sides[1]))) {
      m.merged.node.get()->maybe_undefined = true;
      m.merged.node.get()->branch_line = s.where.line();
    }
  }
  for (std::size_t k = 0; k < handles.size(); ++k) HandleAccess::write(*handles[k], merges[k].merged);
  for (std::size_t i = 0; i < results.tensors.size(); ++i)
    HandleAccess::set_raw(*results.tensors[i], merges[handles.size() + i].merged);
}

void Branches::resume() {
  State& s = *state_;
  if (s.left[0] && (s.left[1] || !traced_)) throw Left{};
  if (!traced_ || s.r.loops.empty()) return;
  Exits::State& loop = *s.r.loops.back();
  if (!loop.away) return;
  for (const Frame& f : s.frames)
    for (const Slot& slot : f.slots)
      if (slot.handle == &*loop.away && slot.written) return open_rest(*loop.away, s.where, [] {});
}

}  // namespace burin::detail
