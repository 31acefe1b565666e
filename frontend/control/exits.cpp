// break_if and continue_if. Where the condition is known they throw Left, which the innermost branch (while tracing) or the
// loop catches. Else what follows becomes the other side of a branch, which ends with the region that the exit stands in; if
// that is a branch of the body, what follows it is guarded in turn by the handle `away`, up to the end of the trip.
#include "frontend/control/exits.h"

namespace burin::detail {

namespace {

const char* name_of(Exit kind) { return kind == Exit::break_ ? "break_if" : "continue_if"; }

// A literal: known while tracing.
void set(Tensor& flag, bool value) {
  Tensor t(value);
  HandleAccess::write(flag, HandleAccess::raw(t));
}

/// The value of a flag that no tensor has decided.
std::optional<bool> known(const std::optional<Tensor>& flag) {
  if (!flag) return false;
  const Content c = HandleAccess::raw(*flag);
  if (c.node.get()->traced()) return std::nullopt;
  return condition_value(c);
}

/// Handles that belong to what is around the loop.
void make_flags(Exits::State& l) {
  if (l.left) return;
  {
    Untracked untracked;
    l.left.emplace();
    l.away.emplace();
  }
  for (Tensor* t : {&*l.left, &*l.away}) {
    NodeRef no = number_value(Literal{}, boolean, {});
    no.get()->literal = true;
    HandleAccess::set_raw(*t, {no, false});
    if (!l.unrolled) l.r.born_before(l.r.frames[l.base - 1], *t);
    else if (l.r.frames.size() > l.base) l.r.born_before(l.r.frames[l.base], *t);
    else HandleAccess::adopt(*t);
  }
}

Exits::State& innermost(Exit kind, const std::source_location& where) {
  Recorder& r = context();
  const std::string name = name_of(kind);
  auto outside = [&] {
    fail({ErrorCode::trace, name + ": there is no loop around it", "outside-loop", "",
          "call it in the body of while_loop, for_loop, scan or map; a host loop has break and continue"},
         where);
  };
  if (r.loops.empty() || !r.loops.back()->in_body) outside();
  Exits::State& l = *r.loops.back();
  bool function = false;
  for (std::size_t i = l.base; i < r.frames.size(); ++i) function |= r.frames[i].kind == Frame::Kind::function;
  bool tape = false;
  for (std::size_t i = l.layers; i < r.layers.size(); ++i) tape |= r.layers[i].tape != nullptr;
  if (function || tape)
    fail({ErrorCode::trace,
          name + ": the loop is outside of the function that is differentiated, vmapped or traced here", "exit-through",
          "", "return the condition, and call " + name + " with it in the loop's body"},
         where);
  return l;
}

bool in_branch(const Exits::State& l) {
  for (std::size_t i = l.base; i < l.r.frames.size(); ++i)
    if (l.r.frames[i].kind == Frame::Kind::branch && !l.r.frames[i].rest) return true;
  return false;
}

void note_exit(Exits::State& l, Exit kind) {
  if (kind == Exit::break_) set(*l.left, true);
  if (in_branch(l)) set(*l.away, true);
}

}  // namespace

void leave_if(Exit kind, bool condition, const std::source_location& where) {
  Exits::State& l = innermost(kind, where);
  if (!condition) return;
  if (!l.r.trace) {
    l.broken = kind == Exit::break_;
  } else {
    make_flags(l);
    note_exit(l, kind);
  }
  throw Left{};
}

void leave_if(Exit kind, const Arg& condition, const std::source_location& where) {
  Exits::State& l = innermost(kind, where);
  const Content c = HandleAccess::read(*condition.tensor());
  check_usable(c, condition.tensor(), where);
  check_condition(c, name_of(kind), where);
  if (!l.r.trace) return leave_if(kind, condition_value(c), where);
  make_flags(l);
  open_rest(*condition.tensor(), where, [&] { note_exit(l, kind); });
}

Exits::Exits(const std::source_location& where) : Exits(where, true) {}
Exits::Exits(const std::source_location& where, bool unrolled) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.where = where;
  s.unrolled = unrolled;
  s.r.loops.push_back(&s);
}
Exits::~Exits() {
  State& s = *state_;
  if (s.in_body)  // an exception: the frames of tensor loops are theirs to close
    while (s.r.frames.size() > s.base && s.r.frames.back().rest) s.r.abandon();
  std::erase(s.r.loops, &s);
}

bool Exits::broken() const { return state_->broken; }

void Exits::begin() {
  State& s = *state_;
  s.base = s.r.frames.size();
  s.layers = s.r.layers.size();
  s.in_body = true;
  if (s.unrolled && !known(s.left)) open_rest(*s.left, s.where, [] {});
}

void Exits::end() {
  State& s = *state_;
  s.r.close_rests(s.base);
  s.in_body = false;
  if (!s.left) return;
  if (s.unrolled) {
    s.broken = known(s.left).value_or(false);
    set(*s.away, false);
    return;
  }
  // `away` begins each trip as false: what it holds at a trip's end is not carried.
  if (Slot* slot = s.r.frames[s.base - 1].find(&*s.away)) {
    slot->written = false;
    HandleAccess::set_raw(*s.away, slot->entry);
  }
}

void guard_test(Frame& f, const Slot& left, ValueId& again, Trace& t, const std::source_location& where) {
  const std::uint32_t line = context().line_in(t, where);
  const TensorType type{boolean, {}};
  bool pure = true;
  for (OpId o : t.graph.block(f.test_block).ops)
    pure = pure && effects(t.graph, t.graph.op(o)) == 0 && t.graph.op(o).regions.empty();
  const ValueId flag = left.test_argument.get()->id;
  if (pure) {
    const OpId stays =
        t.graph.append(f.test_block, OpKind::logical_not, std::span(&flag, 1), {}, std::span(&type, 1), line);
    const ValueId both[2] = {again, t.graph.result(t.graph.op(stays))};
    again = t.graph.result(
        t.graph.op(t.graph.append(f.test_block, OpKind::logical_and, both, {}, std::span(&type, 1), line)));
    return;
  }
  // The test becomes the else branch of a new one, whose arguments stand for its own.
  const BlockId asked = f.test_block, test = t.add_block(f.parent), no = t.add_block(test);
  t.open[index(test)] = t.open[index(no)] = false;
  ValueId left_now = flag;
  for (Slot& s : f.slots) {
    if (!s.test_argument) continue;
    const Node& old = *s.test_argument.get();
    const ValueId argument = t.graph.add_argument(test, t.type(old.id));
    t.forward[index(old.id)] = argument;
    if (&s == &left) left_now = argument;
    NodeRef fresh = make_traced(t, argument, old.value.type, old.where);
    fresh.get()->block = test;
    fresh.get()->untyped = old.untyped;
    s.test_argument = fresh;
  }
  t.arguments[index(asked)] = {};
  t.graph.set_yields(asked, std::span(&again, 1));
  const OpId constant =
      t.graph.append(no, OpKind::constant, {}, Attributes{make_constant(literal_value(Literal{}, boolean))},
                     std::span(&type, 1), line);
  const ValueId stop = t.graph.result(t.graph.op(constant));
  t.graph.set_yields(no, std::span(&stop, 1));
  const OpId chosen =
      t.graph.append(test, OpKind::if_, std::span(&left_now, 1), {}, std::span(&type, 1), line, {no, asked});
  again = t.graph.result(t.graph.op(chosen));
  f.test_block = test;
}

}  // namespace burin::detail
