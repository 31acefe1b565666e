// Which entry serves a call: the one that the thread used last, one of the function's cache, or a new one, traced by one
// thread while others wait for it. See function_state.h.
#include "frontend/function/lookup.h"
#include "frontend/function/run.h"
#include "frontend/function/tracer.h"

#include "frontend/execute/log.h"
#include "frontend/value/per_thread.h"
#include "runtime/core/immortal.h"
#include "runtime/core/profile.h"

#include <algorithm>

namespace burin::detail {

namespace {

// The entries that this thread used last. A hit reads them and writes nothing that another thread sees.
struct Remembered {
  std::uint64_t function = 0, generation = 0, hits = 0;
  std::shared_ptr<const Entry> entry;
};
struct Memory {
  std::array<Remembered, 64> slots;
};
constinit thread_local Memory* memory __attribute__((tls_model("initial-exec"))) = nullptr;
Remembered& remembered(const FunctionState& f) {
  Memory& m = memory ? *memory : fill_for_thread(memory);
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

std::size_t entry_bytes(const Entry& e) {
  return sizeof(Entry) + e.graph->num_ops() * 160 + e.graph->num_values() * 100 +
         e.key.fields.size() * sizeof(KeyField) + (e.executable ? e.executable->bytes() : 0);
}

// What a trace would be, for the explanation of why it is refused. Needs the lock: explaining counts what it tells.
std::string why_traced(FunctionState& f, const Key& key, const std::vector<std::string>& paths,
                       std::span<const std::shared_ptr<const Entry>> before) {
  Entry wanted;
  wanted.key = key;
  wanted.paths = paths;
  return explain_trace(f, wanted, before);
}

// Who waits for whom, over all functions: two that call each other, traced by two threads, would wait for ever.
struct Waiting {
  std::thread::id thread;
  std::shared_ptr<const Place> place;
};
struct Waits {
  rt::Mutex mutex;
  std::vector<Waiting> list;
};
Waits& waits() {
  static constinit rt::Immortal<Waits> w;
  return w.get();
}

// Whether the maker of the place waits, perhaps by others, for this thread. Needs the lock of the list.
bool waits_for_us(const std::vector<Waiting>& list, const Place& place) {
  const Place* p = &place;
  for (std::size_t steps = 0; steps <= list.size(); ++steps) {
    auto at = std::find_if(list.begin(), list.end(), [&](const Waiting& w) { return w.thread == p->maker; });
    if (at == list.end() || at->place->finished.load(std::memory_order_acquire)) return false;
    p = at->place.get();
    if (p->maker == std::this_thread::get_id()) return true;
  }
  return false;
}

// Until something of the function has been made or given up. Lets go of the lock meanwhile.
void wait_for(FunctionState& f, const std::shared_ptr<Place>& place, std::unique_lock<rt::Mutex>& lock) {
  const std::thread::id self = std::this_thread::get_id();
  bool cycle = false;
  {
    std::lock_guard guard(waits().mutex);
    cycle = waits_for_us(waits().list, *place);
    if (!cycle) waits().list.push_back({self, place});
  }
  const std::uint32_t seen = f.made.load(std::memory_order_relaxed);
  lock.unlock();
  if (cycle)
    fail({ErrorCode::trace,
          "\"" + f.name +
              "\" is being traced by another thread, which waits for a trace that this thread makes: they call each "
              "other",
          "recursion", "", "call the plain function instead, and let the recursion end on a host value"},
         f.where);
  f.made.wait(seen, std::memory_order_acquire);
  {
    std::lock_guard guard(waits().mutex);
    std::erase_if(waits().list, [&](const Waiting& w) { return w.thread == self; });
  }
  lock.lock();
}

// Needs the lock of the function: the place is ready, or it has been given up and another thread may try.
void finish(FunctionState& f, Place& place) {
  place.finished.store(true, std::memory_order_release);
  f.made.fetch_add(1, std::memory_order_release);
  f.made.notify_all();
}

// The entry that has the key, once it is ready; else none, and `place` is in the cache for this thread to fill.
std::shared_ptr<const Entry> find_or_reserve(FunctionState& f, std::span<const Leaf> leaves, Mode mode,
                                             const std::vector<std::string>& paths, const std::shared_ptr<Place>& place,
                                             std::vector<std::shared_ptr<const Entry>>& before) {
  const Key& key = place->key;
  std::unique_lock<rt::Mutex> lock(f.mutex);
  for (;;) {
    Dim bound[max_names];
    auto it = std::find_if(f.places.begin(), f.places.end(), [&](auto& p) {
      // A key with named sizes serves many types, which hash differently.
      return (p->key.hash == key.hash || !p->key.names.empty()) && matches(p->key, leaves, mode, bound) &&
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
    if ((*it)->generation != rt::fork_generation()) {  // a thread that this process does not have was tracing it
      f.places.erase(it);
      continue;
    }
    wait_for(f, *it, lock);
  }
  for (auto& p : f.places)
    if (p->entry) before.push_back(p->entry);
  if (f.options.max_traces > 0 && f.stats.traces >= static_cast<std::uint64_t>(f.options.max_traces)) {
    std::string why = why_traced(f, key, paths, before);
    lock.unlock();
    fail({ErrorCode::trace,
          "\"" + f.name + "\" needs another trace; max_traces is " + std::to_string(f.options.max_traces), "max-traces",
          "", why},
         f.where);
  }
  f.places.push_back(place);
  return nullptr;
}

// Traces for the key of the place, or for the key with named sizes, which the place then has.
std::shared_ptr<Entry> trace_place(FunctionState& f, Call& call, Place& place, std::vector<std::string> paths,
                                   std::span<const std::shared_ptr<const Entry>> before, Call::TraceThunk trace,
                                   void* user) {
  rt::ProfileScope span("trace", f.name);
  Key key = place.key;
  std::shared_ptr<Entry> entry;
  if (f.options.reduce_retracing && f.options.signature.empty() && !context().trace)
    if (auto named = name_sizes(key, before)) {
      auto take_key = [&](const Key& k) {
        std::lock_guard lock(f.mutex);
        place.key = k;
      };
      take_key(*named);
      entry = trace_named(f, call, *named, paths, trace, user);
      if (!entry) take_key(key);
    }
  if (!entry) entry = trace_entry(f, call, std::move(key), std::move(paths), trace, user);
  entry->by_guards = f.options.signature.empty() && !entry->key.names.empty();
  return entry;
}

}  // namespace

std::shared_ptr<const Entry> find_or_trace(FunctionState& f, Call& call, Mode mode, Call::TraceThunk trace,
                                           Call::WalkThunk walk, void* user, bool compile) {
  Paths paths;
  walk(user, paths);
  auto place = std::make_shared<Place>();
  place->key = make_key(f, call.leaves(), mode, paths.list);
  place->maker = std::this_thread::get_id();
  std::vector<std::shared_ptr<const Entry>> before;
  if (auto found = find_or_reserve(f, call.leaves(), mode, paths.list, place, before)) return found;

  std::shared_ptr<Entry> entry;
  try {
    if (retrace_forbidden()) {
      std::unique_lock<rt::Mutex> lock(f.mutex);
      std::string why = why_traced(f, place->key, paths.list, before);
      lock.unlock();
      fail({ErrorCode::trace, "a trace is needed inside a NoRetraceScope", "no-retrace", "", why}, f.where);
    }
    Elapsed elapsed;
    entry = trace_place(f, call, *place, std::move(paths.list), before, trace, user);
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
    std::lock_guard lock(f.mutex);
    std::erase(f.places, place);
    finish(f, *place);
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
  finish(f, *place);
  return entry;
}

const Entry* look_up(FunctionState& f, Call& call, Mode mode, Call::TraceThunk trace, Call::WalkThunk walk, void* user,
                     Dim* bound, std::shared_ptr<const Entry>& hold) {
  Remembered& last = remembered(f);
  if (last.function == f.number && last.generation == f.generation.load(std::memory_order_acquire) &&
      matches(last.entry->key, call.leaves(), mode, bound) &&
      (!last.entry->by_guards || guards_allow(*last.entry, bound))) {
    ++last.hits;
    return last.entry.get();
  }
  auto found = find_or_trace(f, call, mode, trace, walk, user, true);
  if (!found->captures_traced) {
    Untracked untracked;
    std::lock_guard lock(f.mutex);
    f.stats.calls += take_hits(f) + 1;
    last.hits = 0;
    last.generation = f.generation.load(std::memory_order_acquire);
    last.entry = found;
    last.function = f.number;
  }
  hold = std::move(found);
  matches(hold->key, call.leaves(), mode, bound);
  return hold.get();
}

std::uint64_t take_hits(const FunctionState& f) {
  Remembered& last = remembered(f);
  return last.function == f.number ? std::exchange(last.hits, 0) : 0;
}

void charge(std::size_t bytes) { spent.fetch_add(bytes, std::memory_order_relaxed); }
void refund(std::size_t bytes) { spent.fetch_sub(bytes, std::memory_order_relaxed); }

FunctionState::~FunctionState() {
  Untracked untracked;
  for (auto& p : places) {
    if (!p->entry) continue;
    refund(p->entry->bytes);
    // Threads may remember the entry until another function takes its slot: what is large goes now.
    Entry& e = *p->entry;
    e.ready.store(nullptr, std::memory_order_relaxed);
    e.executable.reset();
    e.program.reset();
    e.variables.clear();
    e.hidden.clear();
    e.prototype.reset();
    e.graph.reset();
    e.computed.reset();
    e.callable.reset();
  }
  places.clear();
}

}  // namespace burin::detail
