// Handles, frames and layers of a thread's recorder. See recorder.h for the rules' source.
#include "frontend/record/recorder.h"

#include "frontend/value/per_thread.h"
#include "frontend/value/variable.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <unordered_map>

namespace burin::detail {

constinit thread_local Recorder* recorder = nullptr;

namespace {

constinit thread_local Recorder* this_thread __attribute__((tls_model("initial-exec"))) = nullptr;

// Stamps of different recordings never overlap, on whatever thread: a handle kept from an earlier one is always older.
std::uint64_t next_stamps() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(std::uint64_t{1} << 32, std::memory_order_relaxed);
}

// Traces being recorded on any thread; consulted only to word an error.
struct LiveTraces {
  rt::Mutex mutex;
  std::unordered_map<std::uint64_t, std::string> names;         // by number
  std::array<std::pair<std::uint64_t, std::string>, 64> ended;  // the last ones, by number
};
LiveTraces& live_traces() {
  static constinit rt::Immortal<LiveTraces> l;
  return l.get();
}

bool outer(const Frame& f, const Tensor* h) { return HandleAccess::born(*h) < f.stamp; }

}  // namespace

Recorder* context_if_any() noexcept { return this_thread; }
Recorder& context() { return this_thread ? *this_thread : fill_for_thread(this_thread); }

void Recorder::hook() {
  recorder = frames.empty() ? nullptr : this;
  loops_open = std::any_of(frames.begin(), frames.end(), [](const Frame& f) { return f.is_loop(); });
}

// -- handles -----------------------------------------------------------------------------------------------------

void Recorder::born(std::uint64_t& stamp) {
  stamp = ++clock;
  if (!frames.empty()) ++frames.back().live;
}

void Recorder::born_before(const Frame& f, const Tensor& t) {
  HandleAccess::set_born(t, f.stamp - 1);
  const auto at = static_cast<std::size_t>(&f - frames.data());
  if (at > 0) ++frames[at - 1].live;
}

void Recorder::died(const Tensor* h, std::uint64_t stamp) noexcept {
  bool inside = false;
  for (std::size_t i = frames.size(); i-- > 0;) {
    Frame& f = frames[i];
    if (stamp >= f.stamp) {
      --f.live;
      break;
    }
    // What follows an early exit ends with the region around it, and so may what lives there.
    inside |= (f.kind == Frame::Kind::branch && !f.rest) || f.kind == Frame::Kind::loop;
    std::erase_if(f.slots, [&](const Slot& s) { return s.handle == h; });
  }
  if (inside && !poison && std::uncaught_exceptions() == 0)
    poison = Error{ErrorCode::trace, "a tensor made before the branch or loop is destroyed inside it",
                   "destroyed-inside", "", "let it live until the region ends; reserve() a container that grows"};
  if (!names.empty() && (maybe_named & name_bit(h))) names.erase(h);
}

// A function's trace takes the variable as an input: of the function, so at its top, wherever it is first used.
void Recorder::bind_variable(Frame& f, Tensor* h) {
  VariableCell& cell = cell_of(*h);
  Trace& t = *f.trace;
  Slot s;
  s.handle = h;
  s.entry = HandleAccess::raw(*h);
  if (const std::uint8_t own = s.entry.node.get()->device; own != t.device) {
    if (t.device != any_device)
      fail(mixed_devices("\"" + t.name + "\" and " + detail::describe(cell), t.device, own), f.where);
    t.device = own;
  }
  const auto input = static_cast<std::uint32_t>(t.graph.inputs().size());
  const std::string name = cell.name.empty() ? "variable" + std::to_string(t.states.size()) : cell.name;
  const ValueId v = t.graph.add_input(InputKind::state, cell.type, name);
  t.states.push_back({cell.shared_from_this(), v, input});
  s.argument = make_traced(t, v, cell.type, cell.where);
  s.argument.get()->block = BlockId::top;
  HandleAccess::set_raw(*h, {s.argument, false});
  f.slots.push_back(std::move(s));
}

void Recorder::note_read(const Tensor* h, std::size_t upto) {
  const bool variable = HandleAccess::variable(*h);
  for (std::size_t i = 0; i < upto; ++i) {
    Frame& f = frames[i];
    if (variable && f.kind == Frame::Kind::function) {
      if (f.trace->binds_variables && !f.find(h)) bind_variable(f, const_cast<Tensor*>(h));
      continue;
    }
    if (!f.is_loop() || !outer(f, h) || f.find(h)) continue;
    if (variable && f.kind == Frame::Kind::eager_loop) continue;  // around the trace: its handle is the shared one
    Slot s;
    s.handle = const_cast<Tensor*>(h);
    s.entry = HandleAccess::raw(*h);
    if (f.kind == Frame::Kind::eager_loop) {
      HandleAccess::set_raw(*h, {s.entry.node, false});
      f.slots.push_back(std::move(s));
      continue;
    }
    const Node* entry = s.entry.node.get();
    bool untyped = !entry || entry->untyped;
    TensorType type = untyped ? TensorType{} : entry->value.type;
    NodeRef arg =
        make_traced(*f.trace, f.trace->graph.add_argument(f.block, type), type, entry ? entry->where : f.where);
    arg.get()->block = f.block;
    arg.get()->untyped = untyped;
    arg.get()->maybe_undefined = !entry || entry->maybe_undefined;
    arg.get()->branch_line = entry ? entry->branch_line : 0;
    (f.in_test ? s.test_argument : s.argument) = arg;
    f.slots.push_back(std::move(s));
    HandleAccess::set_raw(*h, {arg, false});
  }
}

void Recorder::note_write(Tensor* h) {
  const bool variable = HandleAccess::variable(*h);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!outer(frames[i], h)) continue;
    if (variable && (frames[i].kind == Frame::Kind::eager_branch || frames[i].kind == Frame::Kind::eager_loop))
      continue;
    const bool binds = variable && frames[i].kind == Frame::Kind::function;  // an output needs the input
    if (binds || i + 1 < frames.size()) note_read(h, i + 1);  // deeper, the write may not happen: the old value counts
    Frame& f = frames[i];
    if (f.in_test && !poison)
      poison = Error{ErrorCode::trace, describe(h, HandleAccess::raw(*h)) + " is assigned inside a loop's test",
                     "assigned-in-test", "", "assign it in the body"};
    Slot* s = f.find(h);
    if (!s) {  // what it held *here*: a loop inside may have renamed it since
      Content before = HandleAccess::raw(*h);
      for (std::size_t j = frames.size(); j-- > i + 1;)
        if (auto* d = frames[j].find(h)) before = d->entry;
      Slot fresh;
      fresh.handle = h;
      fresh.entry = std::move(before);
      f.slots.push_back(std::move(fresh));
      s = &f.slots.back();
    }
    s->written = true;
  }
}

Tensor& Recorder::shadow(VariableCell& cell) {
  auto& s = shadows[&cell];
  if (!s) {
    Untracked untracked;
    s = std::make_unique<Shadow>(cell.shared_from_this());
    std::lock_guard lock(cell.lock);
    HandleAccess::set_raw(s->handle, HandleAccess::raw(cell.handle));
  }
  return s->handle;
}

Content HandleAccess::read(const Tensor& t) {
  if (t.variable_ && !is_shadow(t)) {
    VariableCell& cell = cell_of(t);
    if (recorder && recorder->trace) return read(recorder->shadow(cell));
    std::lock_guard lock(cell.lock);
    return raw(t);
  }
  note_read(t);
  return raw(t);
}
const NodeRef* HandleAccess::peek(const Tensor& t) {
  if (t.variable_ && !is_shadow(t)) return nullptr;
  note_read(t);
  return &t.node_;
}
void HandleAccess::note_read(const Tensor& t) {
  if (recorder && (recorder->loops_open || t.variable_)) recorder->note_read(&t, recorder->frames.size());
}
void HandleAccess::write(Tensor& t, Content c) {
  if (t.variable_ && !is_shadow(t)) {
    VariableCell& cell = cell_of(t);
    if (recorder && recorder->trace) {
      write(recorder->shadow(cell), std::move(c));
      return;
    }
    std::lock_guard lock(cell.lock);
    std::swap(c.node, t.node_);  // the old value goes when the lock has gone
    return;
  }
  if (recorder) recorder->note_write(&t);
  set_raw(t, std::move(c));
}

// -- layers and frames -------------------------------------------------------------------------------------------

void Recorder::push_trace(Trace& t) {
  static std::atomic<std::uint64_t> next{1};
  t.number = next.fetch_add(1, std::memory_order_relaxed);
  {
    auto& live = live_traces();
    std::lock_guard lock(live.mutex);
    live.names.emplace(t.number, t.name);
  }
  if (trace && t.device == any_device) t.device = trace->device;
  trace = &t;
  layers.push_back({&t, nullptr, 0});
}

void Recorder::pop_trace(Trace& t) noexcept {
  {
    auto& live = live_traces();
    std::lock_guard lock(live.mutex);
    if (auto of = live.names.extract(t.number))
      live.ended[t.number % live.ended.size()] = {t.number, std::move(of.mapped())};
  }
  layers.pop_back();
  trace = nullptr;
  for (auto i = layers.rbegin(); i != layers.rend() && !trace; ++i) trace = i->trace;
  if (!trace) shadows.clear();
  hook();
}

void Recorder::open(Frame::Kind kind, const std::source_location& where) {
  if (trace && frames.size() > static_cast<std::size_t>(max_nesting))
    fail(
        {ErrorCode::trace,
         "branches and loops are recorded inside each other more than " + std::to_string(max_nesting) + " deep",
         "recursion", "", "a recursion must end on a host value: both branches of a cond are recorded; use while_loop"},
        where);
  if (frames.empty()) clock = next_stamps();
  Frame f{kind};
  f.stamp = ++clock;
  f.trace = trace;
  f.where = where;
  f.tapes = layers.size();
  if (kind == Frame::Kind::branch || kind == Frame::Kind::loop) {
    f.parent = trace->current;
    f.block = trace->add_block(trace->current);
    f.test_block = f.block;
    f.in_test = kind == Frame::Kind::loop;
    trace->current = f.block;
    layers.push_back({trace, nullptr, 0});
  }
  frames.push_back(std::move(f));
  hook();
}

void Recorder::begin_body() {
  Frame& f = frames.back();
  f.in_test = false;
  if (f.kind == Frame::Kind::eager_loop) return;
  f.trace->open[index(f.block)] = false;
  f.block = f.trace->add_block(f.parent);
  f.trace->current = f.block;
  for (auto& s : f.slots) {          // what the test read is an argument of the body too
    if (!s.test_argument) continue;  // assigned in the test: an error when the loop closes
    const Node& t = *s.test_argument.get();
    s.argument = make_traced(*f.trace, f.trace->graph.add_argument(f.block, t.value.type), t.value.type, t.where);
    Node& b = *s.argument.get();
    b.block = f.block;
    b.untyped = t.untyped;
    b.maybe_undefined = t.maybe_undefined;
    b.branch_line = t.branch_line;
    HandleAccess::set_raw(*s.handle, {s.argument, false});
  }
}

Frame Recorder::close(const char* what) {
  Frame& top = frames.back();
  bool region = top.kind == Frame::Kind::branch || top.kind == Frame::Kind::loop;
  if (region && top.live != 0 && !poison)
    poison = Error{ErrorCode::trace,
                   std::string(what) + ": " + std::to_string(top.live) + (top.live == 1 ? " tensor" : " tensors") +
                       " made inside " + (top.live == 1 ? "outlives" : "outlive") + " it (stored in a container?)",
                   "outlives-region", "", "assign to a Tensor declared before it"};
  for (auto& s : top.slots) s.result = HandleAccess::raw(*s.handle);
  Frame f = top;
  f.rest.reset();  // the branch keeps the frame: it would own itself
  abandon();
  if (poison) {
    Error e = std::move(*poison);
    poison.reset();
    fail(std::move(e), f.where);
  }
  return f;
}

void Recorder::close_rests(std::size_t height) {
  while (frames.size() > height && frames.back().rest) {
    const auto rest = frames.back().rest;
    rest->close();
    rest->finish({});
  }
}

void Recorder::abandon() noexcept {
  Frame& f = frames.back();
  for (auto& s : f.slots)
    if (f.kind != Frame::Kind::eager_branch && (f.kind != Frame::Kind::eager_loop || !s.written))
      HandleAccess::set_raw(*s.handle, s.entry);
  if (f.kind == Frame::Kind::branch || f.kind == Frame::Kind::loop) {
    f.trace->open[index(f.block)] = false;
    f.trace->open[index(f.test_block)] = false;
    f.trace->current = f.parent;
    while (layers.size() > f.tapes + 1) layers.pop_back();  // tapes left open by an exception
    layers.pop_back();
  }
  frames.pop_back();
  hook();
}

std::string Recorder::describe(const Tensor* h, const Content& c) const {
  if (HandleAccess::variable(*h)) return detail::describe(cell_of(*h));
  auto it = names.find(h);
  if (it != names.end()) return "'" + it->second + "'";
  if (!c.defined()) return "a tensor";
  const Node& n = *c.node.get();
  std::string made = n.where.line() ? " made at " + place(n.where) : "";
  return n.untyped ? "a tensor" : "the " + to_string(n.value.type) + " tensor" + made;
}

// -- tapes -------------------------------------------------------------------------------------------------------

TapeScope::TapeScope(Tape& t) : tape_(t) {
  auto& c = context();
  c.layers.push_back({nullptr, &t, 0});
  ++c.tapes;
}
TapeScope::~TapeScope() {
  auto& c = context();
  auto own = std::find_if(c.layers.rbegin(), c.layers.rend(), [&](const Layer& l) { return l.tape == &tape_; });
  if (own != c.layers.rend()) {  // else an exception, or the end of its region, took it
    const auto at = c.layers.size() - 1 - static_cast<std::size_t>(own - c.layers.rbegin());
    c.layers.erase(c.layers.begin() + static_cast<std::ptrdiff_t>(at));
    for (Frame& f : c.frames)
      if (f.tapes > at) --f.tapes;
  }
  --c.tapes;
}

bool tapes_listen() {
  auto& c = context();
  if (!c.tapes) return false;
  for (auto i = c.layers.rbegin(); i != c.layers.rend() && i->tape; ++i)
    if (i->listens()) return true;
  return false;
}
void tell_tapes(const NotedOp& op) {
  auto& c = context();
  std::size_t first = c.layers.size();
  while (first > 0 && c.layers[first - 1].tape) --first;
  // The outermost first: a tape may record ops that read the results, which tapes further out then know already. By index:
  // note() may open scopes of its own, which close before it returns.
  for (std::size_t i = first; i < c.layers.size(); ++i) {
    if (!c.layers[i].listens()) continue;
    Mute mute(*c.layers[i].tape);
    c.layers[i].tape->note(op);
  }
}

Mute::Mute(const Tape& tape) {
  auto& layers = context().layers;
  to_ = layers.size();
  from_ = 0;
  while (layers[from_].tape != &tape) ++from_;
  for (std::size_t i = from_; i < to_; ++i) ++layers[i].muted;
}
Mute::~Mute() {
  auto& layers = context().layers;
  for (std::size_t i = from_; i < to_ && i < layers.size(); ++i) --layers[i].muted;
}

Tape* taker(const RegionOp& op) {
  auto& c = context();
  for (auto i = c.layers.rbegin(); i != c.layers.rend() && i->tape; ++i)
    if (i->listens() && i->tape->takes(op)) return i->tape;
  return nullptr;
}

Tape* call_taker(std::span<const Content> inputs) {
  auto& c = context();
  for (auto i = c.layers.rbegin(); i != c.layers.rend() && i->tape; ++i)
    if (i->listens() && i->tape->watches(inputs)) return i->tape;
  return nullptr;
}

Identity identity(const Tensor& t) { return identity(HandleAccess::raw(t)); }
Identity identity(const Content& c) {
  const Node* n = c.node.get();
  if (!n) return {};
  if (n->traced()) return {n->trace, index(n->id)};
  return {0, reinterpret_cast<std::uintptr_t>(n)};
}

// Where a value of a trace that is not on this thread's stack may have come from.
void foreign_value(const Node& n, const std::source_location& where) {
  bool alive;
  std::string of = "its trace";
  {
    auto& live = live_traces();
    std::lock_guard lock(live.mutex);
    alive = live.names.contains(n.trace);
    if (const auto& [number, name] = live.ended[n.trace % live.ended.size()]; number == n.trace && !name.empty())
      of = "the trace of \"" + name + "\"";
  }
  std::string type = n.untyped ? "" : " " + to_string(n.value.type);
  if (n.where.line()) type += ", made at " + place(n.where) + ",";
  if (alive)
    fail({ErrorCode::trace, "a traced tensor" + type + " is used in another thread than the one that traces it",
          "other-thread", "", "pass values between threads, not tensors of a trace"},
         where);
  fail({ErrorCode::trace, "a traced tensor" + type + " is used after " + of + " ended", "after-trace", "",
        "return it from the function instead of storing it outside"},
       where);
}

}  // namespace burin::detail

namespace burin {

SourceScope::SourceScope(const std::source_location& where) noexcept {
  auto& c = detail::context();
  outermost_ = c.scope == nullptr;
  if (outermost_) {
    c.scope_storage = where;
    c.scope = &c.scope_storage;
  }
}
SourceScope::~SourceScope() {
  if (outermost_) detail::context().scope = nullptr;
}

}  // namespace burin
