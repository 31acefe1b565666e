// Calls of a function: the entry that a thread remembers, the cache of the function, tracing by one thread while others
// wait, and running an entry now or inside another trace. See function_state.h.
#include "frontend/trace/function_state.h"

#include "compiler/graph/inline.h"
#include "compiler/graph/interpret.h"
#include "frontend/trace/device.h"
#include "frontend/trace/evaluate.h"
#include "frontend/trace/log.h"
#include "runtime/core/profile.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>

namespace burin {

namespace detail {

namespace {

constexpr std::uint8_t no_level = 255;
constinit thread_local std::uint8_t level_override __attribute__((tls_model("initial-exec"))) = no_level;
constinit thread_local bool check_mode __attribute__((tls_model("initial-exec"))) = false;
constinit thread_local bool no_retrace __attribute__((tls_model("initial-exec"))) = false;

// The entries that this thread used last. A hit reads them and writes nothing that another thread sees.
struct Remembered {
  std::uint64_t function = 0, generation = 0, hits = 0;
  std::shared_ptr<const Entry> entry;
};
struct Memory {
  std::array<Remembered, 64> slots;
};
// Reached through a variable without a destructor: no check on each call of whether it has been built.
constinit thread_local Memory* memory __attribute__((tls_model("initial-exec"))) = nullptr;
struct MemoryOwner {
  Memory own;
  MemoryOwner() { memory = &own; }
  ~MemoryOwner() { memory = nullptr; }
};
Memory& make_memory() {
  static thread_local MemoryOwner owner;
  if (!memory) memory = &owner.own;
  return *memory;
}
Remembered& remembered(const FunctionState& f) {
  Memory& m = memory ? *memory : make_memory();
  return m.slots[f.number % m.slots.size()];
}

// All entries of all functions share one budget; a function over it gives up its oldest entries when it next traces.
constexpr std::size_t budget = std::size_t{1} << 30;
std::atomic<std::size_t> spent{0};

struct Paths final : TreeVisitor {
  std::vector<std::string> list;
  void tensor(Tensor&, const Path& p) override { list.push_back(to_string(p)); }
  void host(const HostValue&, const Path& p) override { list.push_back(to_string(p)); }
  void length(std::size_t, const Path& p) override { list.push_back(to_string(p)); }
};

std::string callable_name(const void* code, std::string_view, const std::source_location& where) {
  Dl_info info;
  if (code && dladdr(code, &info) && info.dli_sname && info.dli_saddr == code) {
    int status = 1;
    char* plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
    std::string s = status == 0 ? plain : info.dli_sname;
    std::free(plain);
    s = s.substr(0, s.find('('));
    if (auto colon = s.rfind("::"); colon != std::string::npos) s = s.substr(colon + 2);
    return s;
  }
  std::string file = where.file_name();
  return "function at " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line());
}

// Needs the lock. Drops what is over the function's own limit or the budget, least recently used first.
void evict(FunctionState& f) {
  std::size_t ready = 0;
  for (auto& p : f.places) ready += p->entry != nullptr;
  while (ready > f.options.max_entries || (ready > 1 && spent.load(std::memory_order_relaxed) > budget)) {
    auto oldest = f.places.end();
    for (auto it = f.places.begin(); it != f.places.end(); ++it)
      if ((*it)->entry && (oldest == f.places.end() || (*it)->used < (*oldest)->used)) oldest = it;
    log_to(Log::cache, Severity::debug, [&] { return "\"" + f.name + "\" gives up the entry of its oldest call"; });
    refund((*oldest)->entry->bytes);
    f.places.erase(oldest);
    f.generation.fetch_add(1, std::memory_order_release);
    ++f.stats.evictions;
    --ready;
  }
}

// A size that no call can have, or a name that no file could hold, is told where the type is written.
void check_sizes(const FunctionState& f, const TensorType& type, const std::string& whose) {
  for (Dim d : type.shape) {
    std::string what, hint;
    if (d.is_overflow()) what = "a size beyond 64 bits";
    else if (constant_value(d).value_or(0) < 0) {
      what = "the negative size " + burin::to_string(d);
      hint = "a size that varies has a name: \"batch\"";
    } else if (parse_dim(burin::to_string(d)) != d) {
      what = "a size called \"" + burin::to_string(d) + "\"";
      hint = "a name is letters, digits and _, and begins with no digit";
    } else {
      continue;
    }
    fail({ErrorCode::invalid_argument, f.name + ": " + whose + " has " + what, "signature", "", hint}, f.where);
  }
}
void check_signature(const FunctionState& f) {
  for (std::size_t i = 0; i < f.options.signature.size(); ++i)
    check_sizes(f, f.options.signature[i].type, "spec " + std::to_string(i) + " of the input signature");
}

}  // namespace

void charge(std::size_t bytes) { spent.fetch_add(bytes, std::memory_order_relaxed); }
void refund(std::size_t bytes) { spent.fetch_sub(bytes, std::memory_order_relaxed); }

FunctionState::~FunctionState() {
  Untracked untracked;
  for (auto& p : places) {
    if (!p->entry) continue;
    refund(p->entry->bytes);
    // Threads may remember the entry until another function takes its slot: what is large goes now.
    auto& e = const_cast<Entry&>(*p->entry);
    e.ready.store(nullptr, std::memory_order_relaxed);
    e.executable.reset();
    e.variables.clear();
    e.hidden.clear();
    e.prototype.reset();
    e.graph.reset();
    e.computed.reset();
    e.callable.reset();
  }
  places.clear();
}

bool checking() noexcept { return check_mode; }

std::uint8_t current_level(const FunctionState& f) {
  const std::uint8_t level = level_override == no_level ? static_cast<std::uint8_t>(f.options.level) : level_override;
  return check_mode ? static_cast<std::uint8_t>(level | checked_bit) : level;
}

std::shared_ptr<FunctionState> make_function(FunctionOptions options, const void* code, std::string_view callable,
                                             const std::source_location& where) {
  static std::atomic<std::uint64_t> next{1};
  rt::profiler_start_from_environment();
  logs(Log::run, Severity::warn);  // the log is the place of warnings from now on, where BURIN_LOG asks for it
  auto f = std::make_shared<FunctionState>();
  f->name = options.name.empty() ? callable_name(code, callable, where) : options.name;
  f->options = std::move(options);
  f->options.max_entries = std::max<std::size_t>(f->options.max_entries, 1);
  f->where = where;
  f->number = next.fetch_add(1, std::memory_order_relaxed);
  check_signature(*f);
  return f;
}

// -- a call ------------------------------------------------------------------------------------------------------

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

std::size_t entry_bytes(const Entry& e) {
  return sizeof(Entry) + e.graph->num_ops() * 160 + e.graph->num_values() * 100 +
         e.key.fields.size() * sizeof(KeyField) + (e.executable ? e.executable->bytes() : 0);
}

// Takes the place of a key that nobody traces, or waits for who does.
std::shared_ptr<const Entry> find_or_trace(FunctionState& f, Call& call, std::uint8_t level, Call::TraceThunk trace,
                                           Call::WalkThunk walk, void* user, bool compile) {
  Paths paths;
  walk(user, paths);
  Key key = make_key(f, call.leaves(), level, paths.list);
  auto place = std::make_shared<Place>();
  std::vector<std::shared_ptr<const Entry>> before;
  {
    std::unique_lock lock(f.mutex);
    for (;;) {
      Dim bound[max_names];
      auto it = std::find_if(f.places.begin(), f.places.end(), [&](auto& p) {
        // A key with named sizes serves many types, which hash differently.
        return (p->key.hash == key.hash || !p->key.names.empty()) && matches(p->key, call.leaves(), level, bound) &&
               (!p->entry || !p->entry->by_guards || guards_allow(*p->entry, bound));
      });
      if (it == f.places.end()) break;
      if ((*it)->entry) {
        (*it)->used = ++f.clock;
        return (*it)->entry;
      }
      if ((*it)->maker == std::this_thread::get_id()) {
        lock.unlock();
        fail({ErrorCode::trace, "\"" + f.name + "\" calls itself while it is being traced", "recursion", "",
              "call the plain function instead, and let the recursion end on a host value"},
             f.where);
      }
      f.made.wait(lock);
    }
    for (auto& p : f.places)
      if (p->entry) before.push_back(p->entry);
    if (f.options.max_traces > 0 && f.stats.traces >= static_cast<std::uint64_t>(f.options.max_traces)) {
      Entry wanted;
      wanted.key = key;
      wanted.paths = paths.list;
      std::string why = explain_trace(f, wanted, before);
      lock.unlock();
      fail({ErrorCode::trace,
            "\"" + f.name + "\" needs another trace; max_traces is " + std::to_string(f.options.max_traces),
            "max-traces", "", why},
           f.where);
    }
    place->key = key;
    place->maker = std::this_thread::get_id();
    f.places.push_back(place);
  }
  auto leave = [&] {
    std::lock_guard lock(f.mutex);
    std::erase(f.places, place);
    f.made.notify_all();
  };
  std::shared_ptr<Entry> entry;
  try {
    if (no_retrace) {
      Entry wanted;
      wanted.key = key;
      wanted.paths = paths.list;
      std::string why = explain_trace(f, wanted, before);
      fail({ErrorCode::trace, "a trace is needed inside a NoRetraceScope", "no-retrace", "", why}, f.where);
    }
    Elapsed elapsed;
    {
      rt::ProfileScope span("trace", f.name);
      if (f.options.reduce_retracing && f.options.signature.empty() && !context().trace)
        if (auto named = name_sizes(key, before)) {
          auto take_key = [&](const Key& k) {
            std::lock_guard lock(f.mutex);
            place->key = k;
          };
          take_key(*named);
          entry = trace_named(f, call, *named, paths.list, trace, user);
          if (!entry) take_key(key);
        }
      if (!entry) entry = trace_entry(f, call, std::move(key), std::move(paths.list), trace, user);
      entry->by_guards = f.options.signature.empty() && !entry->key.names.empty();
    }
    {
      std::lock_guard lock(f.mutex);
      entry->story = explain_trace(f, *entry, before);
    }
    log_to(Log::trace, Severity::info, [&] {
      return entry->story + "\n  " + std::to_string(entry->graph->num_ops()) + " ops in " + elapsed.text() + ", " +
             where_text(f.where);
    });
    log_to(Log::trace, Severity::trace, [&] { return burin::to_string(*entry->graph); });
    if (compile && !entry->captures_traced && !context().trace) make_executable(f, *entry);
  } catch (...) {
    log_to(Log::trace, Severity::debug, [&] { return "\"" + f.name + "\" cannot be traced or compiled"; });
    leave();
    throw;
  }
  entry->bytes = entry_bytes(*entry);
  Untracked untracked;
  std::lock_guard lock(f.mutex);
  ++f.stats.traces;
  f.stories.push_back(entry->story);
  if (f.stories.size() > 256) f.stories.erase(f.stories.begin());
  if (entry->captures_traced) {  // bound to values of the trace around: not for another call
    std::erase(f.places, place);
  } else {
    place->entry = entry;
    place->used = ++f.clock;
    charge(entry->bytes);
    evict(f);
  }
  f.made.notify_all();
  return entry;
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

}  // namespace

void Call::run(TraceThunk trace, WalkThunk walk_arguments, void* user) {
  FunctionState& f = function_;
  Recorder& r = context();
  const std::uint8_t level = current_level(f);
  std::span<Leaf> given = leaves();
  if (r.trace || recorder)
    for (auto& l : given)
      if (l.tensor) HandleAccess::read(*l.tensor);  // open loops learn of it before its type is looked at
  num_state_ = mark_aliases(f, given);

  Dim bound[max_names];
  Remembered& last = remembered(f);
  const Entry* e = nullptr;
  if (last.function == f.number && last.generation == f.generation.load(std::memory_order_acquire) &&
      matches(last.entry->key, given, level, bound) && (!last.entry->by_guards || guards_allow(*last.entry, bound))) {
    ++last.hits;
    e = last.entry.get();
  } else {
    auto found = find_or_trace(f, *this, level, trace, walk_arguments, user, true);
    e = found.get();
    if (!found->captures_traced) {
      Untracked untracked;
      std::lock_guard lock(f.mutex);
      if (last.function == f.number) f.stats.calls += last.hits;
      last.hits = 0;
      ++f.stats.calls;
      last.generation = f.generation.load(std::memory_order_acquire);
      last.entry = found;
      last.function = f.number;
    }
    hold_ = std::move(found);
    matches(e->key, given, level, bound);
  }
  entry_ = e;
  if (f.options.verify_trace && !r.trace) verify_entry(f, *this, *e, trace, user);
  const Graph& g = *e->graph;
  NodeRef* out = CallAccess::results(*this, g.outputs().size());

  if (r.trace) {
    std::vector<Content> inputs;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (!given[i].tensor) continue;
      Content c = HandleAccess::raw(*given[i].tensor);
      const KeyField& k = e->key.fields[i];
      if (type_of(c.node).dtype != k.tensor.dtype) c = adapt(c, k.tensor.dtype);
      inputs.push_back(strong(std::move(c)));
    }
    for (auto& h : e->hidden)
      inputs.push_back(h.variable ? HandleAccess::read(h.variable->handle) : Content{h.value, false});
    if (tapes_listen()) {  // each op is noted
      auto results = evaluate_graph(g, inputs);
      for (std::size_t i = 0; i < results.size(); ++i) out[i] = std::move(results[i].node);
    } else {
      std::vector<ValueId> ids;
      for (auto& c : inputs) ids.push_back(lower(c, *r.trace));
      auto values = inline_graph(r.trace->graph, r.trace->current, g, ids);
      if (!values) fail(std::move(values.error()), f.where);
      for (std::size_t i = 0; i < values->size(); ++i)
        out[i] = make_traced(*r.trace, (*values)[i], r.trace->graph.type((*values)[i]), f.where);
    }
    for (auto& v : e->variables)
      if (v.output >= 0) HandleAccess::write(v.cell->handle, {out[v.output], false});
    return;
  }

  constexpr std::size_t room = 32;
  const std::size_t n = given.size() + e->hidden.size();
  RunInput few[room];
  std::vector<RunInput> many(n > room ? n : 0);
  RunInput* inputs = n > room ? many.data() : few;
  std::size_t count = 0;
  std::vector<NodeRef> converted;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].tensor) continue;
    const NodeRef& node = HandleAccess::node(*given[i].tensor);
    const KeyField& k = e->key.fields[i];
    if (node.get()->traced()) foreign_value(*node.get(), f.where);
    if (type_of(node).dtype != k.tensor.dtype) {  // a weak number under an input signature
      if (converted.empty()) converted.reserve(given.size());
      converted.push_back(adapt(HandleAccess::raw(*given[i].tensor), k.tensor.dtype).node);
      inputs[count++] = {&converted.back(), false};
    } else {
      inputs[count++] = {&node, given[i].aliased};
    }
  }
  RunInput* hidden = inputs + count;
  for (auto& h : e->hidden) inputs[count++] = {&h.value, false};
  // A tape keeps the old values, and so does a host loop or branch that may be undone.
  const bool noted = r.tapes && tapes_listen(), in_place = !noted && !recorder;
  auto run = [&] {
    if (noted && called_by_tape(*e, {inputs, count}, f.where, out)) return;
    run_entry(f, *e, {inputs, count}, {bound, e->key.names.size()}, in_place, out);
  };
  if (e->variables.empty()) {
    run();
    return;
  }
  HeldVariables held(*e, hidden, !in_place);
  run();
  held.update(out);
}

std::shared_ptr<const Graph> Call::prepare(TraceThunk trace, WalkThunk walk_arguments, void* user, bool compile) {
  FunctionState& f = function_;
  std::uint8_t level = current_level(f);
  if (level_of(level) == Level::eager)
    level = static_cast<std::uint8_t>(level - static_cast<int>(Level::eager) + static_cast<int>(Level::full));
  std::size_t i = 0;
  for (auto& l : leaves()) {
    if (!l.tensor) continue;
    const Node* n = HandleAccess::node(*l.tensor).get();
    if (n && n->stands_in) check_sizes(f, n->value.type, "tensor " + std::to_string(i) + " of the arguments");
    ++i;
  }
  mark_aliases(f, leaves());
  auto entry = find_or_trace(f, *this, level, trace, walk_arguments, user, compile);
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

// -- questions about a function ------------------------------------------------------------------------------------

FunctionStats stats(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  if (Remembered& r = remembered(f); r.function == f.number) f.stats.calls += std::exchange(r.hits, 0);
  FunctionStats s = f.stats;
  for (auto& p : f.places) {
    if (!p->entry) continue;
    ++s.entries;
    s.derivatives += p->entry->callable->derivatives();
  }
  return s;
}
std::string explain(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  std::string text;
  for (auto& s : f.stories) text += s + "\n";
  return text;
}
std::vector<std::shared_ptr<const Graph>> graphs(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  std::vector<std::shared_ptr<const Graph>> list;
  for (auto& p : f.places)
    if (p->entry) list.push_back(p->entry->graph);
  return list;
}
std::string view(const FunctionState& f) {
  std::string text;
  for (auto& g : graphs(f)) text += to_string(*g) + "\n";
  return text.empty() ? "\"" + f.name + "\" has not been traced yet\n" : text;
}

void stand_in(Tensor& t, const Spec& spec) {
  NodeRef n = make_eager({spec.type, {}});
  n.get()->stands_in = true;
  HandleAccess::set_raw(t, {std::move(n), false});
}
bool awaits_signature(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  if (f.options.signature.empty()) return false;
  std::lock_guard lock(f.mutex);
  return std::none_of(f.places.begin(), f.places.end(), [](auto& p) { return p->entry != nullptr; });
}
void stand_in(const FunctionState& f, std::span<const Leaves> parameters) {
  std::size_t next = 0;
  for (auto& l : parameters) {
    if (l.statics.size() != l.tensors.size())  // something besides tensors
      fail({ErrorCode::invalid_argument,
            "save: \"" + f.name +
                "\" has not been traced yet, and its input signature does not tell all: a parameter "
                "holds a static value or a container",
            "no-trace", "", "name the arguments once: trace(3, spec<f32>({\"batch\", 128}))"},
           f.where);
    for (auto* t : l.tensors) {
      if (next < f.options.signature.size()) stand_in(*t, f.options.signature[next]);
      ++next;
    }
  }
  if (next != f.options.signature.size()) fail(signature_count(f, next), f.where);
}

void empty_leaves(const Leaves& l) {
  for (auto* t : l.tensors) HandleAccess::set_raw(*t, {});
}

}  // namespace detail

LevelScope::LevelScope(Level l) noexcept
    : saved_(std::exchange(detail::level_override, static_cast<std::uint8_t>(l))) {}
LevelScope::~LevelScope() { detail::level_override = saved_; }
CheckScope::CheckScope(bool on) noexcept : saved_(std::exchange(detail::check_mode, on)) {}
CheckScope::~CheckScope() { detail::check_mode = saved_; }
NoRetraceScope::NoRetraceScope() noexcept : saved_(std::exchange(detail::no_retrace, true)) {}
NoRetraceScope::~NoRetraceScope() { detail::no_retrace = saved_; }

}  // namespace burin
