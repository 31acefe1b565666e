// while_loop: one frame for test and body, carried state found by reads and writes. See control.h and recorder.h.
#include <burin/control.h>

#include "frontend/control/exits.h"
#include "frontend/control/regions.h"
#include "runtime/core/warning.h"

#include <algorithm>

namespace burin::detail {

struct Loop::State {
  std::source_location where;
  Trace* trace = nullptr;
  bool is_open = false, recorded = false;
  bool once = false;      // the body runs at least once
  std::size_t depth = 0;  // frames, its own included
  ValueId again = ValueId::none;
  LoopBound bound;
  std::int64_t trips = 0;  // of an eager loop
  Recorder& r = context();
};

Loop::Loop(const std::source_location& where, LoopBound bound)
    : exits_(where, false),
      state_(std::make_unique<State>()) {
  State& s = *state_;
  s.where = where;
  s.bound = bound;
  s.trace = s.r.trace;
  s.r.open(s.trace ? Frame::Kind::loop : Frame::Kind::eager_loop, where);
  s.depth = s.r.frames.size();
  s.is_open = true;
}
Loop::~Loop() {
  if (!state_->is_open) return;
  while (state_->r.frames.size() >= state_->depth) state_->r.abandon();
}

std::optional<Tensor> Loop::may_have_left() const { return exits_.state_->left; }
void Loop::runs_once() { state_->once = true; }

bool Loop::begin_test() {
  State& s = *state_;
  if (s.recorded || exits_.broken()) {
    finish();
    return false;
  }
  s.r.frames.back().in_test = true;
  return true;
}

bool Loop::end_test(const Arg& again) {
  State& s = *state_;
  Content c = HandleAccess::read(*again.tensor());
  check_usable(c, again.tensor(), s.where);
  check_condition(c, s.bound.who, s.where);
  if (s.trace) {
    s.again = lower(c, *s.trace);
    s.r.begin_body();
    s.recorded = true;
    return true;
  }
  s.r.frames.back().in_test = false;
  if (s.r.poison) finish();
  if (!condition_value(c)) {
    finish();
    return false;
  }
  if (s.bound.trips && s.bound.trips->is_known() && s.trips++ >= s.bound.trips->value())
    fail(fault_error(op_info(OpKind::while_), BURIN_RT_FAULT_TRIP_COUNT, 0, s.bound.trips->value()), s.where);
  return true;
}

void Loop::end_trip() {
  State& s = *state_;
  if (s.trace) return;
  std::vector<TypeChange> changes;
  for (auto& slot : s.r.frames.back().slots) {
    Content now = HandleAccess::raw(*slot.handle);
    if (!slot.written || !now.defined()) continue;
    if (!slot.entry.defined()) slot.entry = strong(now);
    Content next = strong(adapt(now, type_of(slot.entry.node).dtype, s.bound.who));
    if (type_of(next.node) != type_of(slot.entry.node))
      changes.emplace_back(s.r.describe(slot.handle, slot.entry), slot.entry, next);
    HandleAccess::set_raw(*slot.handle, next);
  }
  if (!changes.empty()) carried_types_changed(changes, s.bound.who, s.where);
}

void Loop::finish() {
  State& s = *state_;
  s.is_open = false;
  Frame f = s.r.close("loop body");
  if (!s.trace) return;  // handles hold the last trip's values already, and outer frames know of the writes
  Trace& t = *s.trace;
  SourceScope lines(s.where);
  if (const Exits::State& exits = *exits_.state_; exits.left)
    if (Slot* left = f.find(&*exits.left); left && left->written) {
      if (!left->test_argument) {
        left->test_argument = make_traced(t, t.graph.add_argument(f.test_block, {boolean, {}}), {boolean, {}}, s.where);
        left->test_argument.get()->block = f.test_block;
      }
      guard_test(f, *left, s.again, t, s.where);
    }

  struct Carried {
    Slot* slot;
    TensorType type;
  };
  std::vector<Carried> carried;
  std::vector<TypeChange> changes;
  std::vector<Slot*> kept;  // assigned what they held
  std::vector<ValueId> inits, nexts, arguments, test_arguments;
  for (auto& slot : f.slots) {
    const bool same =
        slot.written && slot.argument && slot.result.node == slot.argument && !maybe_undefined(slot.entry);
    if (same) kept.push_back(&slot);
    if (!slot.written || same) {  // invariant: the arguments stand for the outer value
      ValueId outside = value_in(slot.entry, TensorType{}, t, t.current);
      for (auto& a : {slot.test_argument, slot.argument})
        if (a) t.forward[index(a.get()->id)] = outside;
      continue;
    }
    bool no_entry = untyped(slot.entry), no_result = untyped(slot.result);
    TensorType type;
    if (!no_entry) {
      type = type_of(slot.entry.node);
      if (!no_result) {
        InBlock in(t, f.block);
        slot.result = adapt(slot.result, type.dtype, s.bound.who);
        if (type_of(slot.result.node) != type) {
          changes.emplace_back(s.r.describe(slot.handle, slot.entry), slot.entry, slot.result);
          continue;
        }
      }
    } else if (!no_result) {
      type = type_of(slot.result.node);
    }
    for (auto* c : {&slot.entry, &slot.result}) settle_type(*c, type, t);
    for (auto* a : {&slot.test_argument, &slot.argument})
      if (*a) settle_type({*a, false}, type, t);
    carried.push_back({&slot, type});
    inits.push_back(value_in(slot.entry, type, t, t.current));
    nexts.push_back(value_in(slot.result, type, t, f.block));
    test_arguments.push_back(slot.test_argument ? slot.test_argument.get()->id
                                                : t.graph.add_argument(f.test_block, type));
    arguments.push_back(slot.argument ? slot.argument.get()->id : t.graph.add_argument(f.block, type));
  }
  if (!changes.empty()) carried_types_changed(changes, s.bound.who, s.where);
  if (!s.bound.certain && std::none_of(carried.begin(), carried.end(), [](auto& c) { return c.slot->test_argument; }))
    rt::warn(t.name + ": the test of the " + s.bound.who + " at " + place(s.where) +
             " reads nothing that the body assigns: it runs " + (s.bound.trips ? "into its max_trips" : "for ever") +
             " or not at all (lambdas that capture by copy, "
             "[=], have tensors of their own)");
  t.arguments[index(f.test_block)] = test_arguments;
  t.arguments[index(f.block)] = arguments;
  std::vector<ValueId> handed_on{s.again};
  handed_on.insert(handed_on.end(), test_arguments.begin(), test_arguments.end());
  t.graph.set_yields(f.test_block, handed_on);
  t.graph.set_yields(f.block, nexts);
  std::vector<TensorType> types;
  for (auto& c : carried) types.push_back(c.type);
  const BlockId blocks[2] = {f.test_block, f.block};
  Contents operands;
  for (std::size_t i = 0; i < carried.size(); ++i) {
    const Content& entry = carried[i].slot->entry;
    operands.push_back(entry.defined() ? strong(entry) : Content{make_traced(t, inits[i], types[i], s.where), false});
  }
  Contents results;
  if (auto made = carried_out_by_tape(OpKind::while_, t, blocks, std::move(operands), s.bound, s.where)) {
    results = std::move(*made);
  } else {
    OpId op = t.graph.append(t.current, OpKind::while_, inits,
                             region_attributes(OpKind::while_, s.bound.trips, s.bound.certain), types,
                             s.r.line_in(t, s.where), {blocks[0], blocks[1]});
    for (std::uint32_t i = 0; i < carried.size(); ++i)
      results.push_back({make_traced(t, t.graph.result(t.graph.op(op), i), types[i], s.where), false});
  }
  for (std::size_t i = 0; i < carried.size(); ++i) {
    const Slot& slot = *carried[i].slot;
    if ((s.once || !maybe_undefined(slot.entry)) && !maybe_undefined(slot.result)) continue;
    results[i].node.get()->maybe_undefined = true;
    results[i].node.get()->branch_line = s.where.line();
  }
  for (std::size_t i = 0; i < carried.size(); ++i) HandleAccess::write(*carried[i].slot->handle, results[i]);
  for (Slot* slot : kept) HandleAccess::write(*slot->handle, strong(slot->entry));
}

}  // namespace burin::detail
