// What stands behind a function: its key, its entries, and the cache that finds them. Private to the frontend.
#pragma once
#include <burin/function.h>

#include "frontend/record/recorder.h"
#include "frontend/transform/callable_graph.h"
#include "frontend/value/variable.h"
#include "runtime/core/fork.h"
#include "runtime/ops/few.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace burin::detail {

/// One field of a key: what a leaf of the arguments must be.
struct KeyField {
  Leaf::Kind kind;
  HostValue::Kind host_kind{};
  bool weak = false, state = false, donated = false, from_signature = false;
  std::array<std::int8_t, max_rank> size_name{
      -1, -1, -1, -1, -1, -1, -1, -1};  ///< by axis: the name in Key::names, -1: a number, -2: an expression
  TensorType tensor{};
  std::uint64_t bits = 0;
  std::string text{};
  std::string_view type{};  ///< of a static value, as the compiler spells it
  bool same_kind(const KeyField& o) const { return kind == o.kind && type == o.type && host_kind == o.host_kind; }
};
std::string to_string(const KeyField&);

inline constexpr std::size_t max_names = 16;  ///< named sizes of one signature
/// What decides which trace a call uses. Hash, comparison, explanation and printing all read these fields.
struct Key {
  std::vector<KeyField> fields;
  std::vector<std::string> names;  ///< of sizes, in order of first appearance
  std::uint8_t level = 0;
  std::uint8_t device = 0;  ///< another of the same kind and chip serves as well; any_device: of the trace around
  bool by_scope = false;    ///< no argument tells the device
  std::uint64_t hash = 0;
};

/// A hidden input: a value bound while tracing, or a Variable, whose value at the call it is.
struct HiddenInput {
  NodeRef value;
  std::shared_ptr<VariableCell> variable;
};
/// A Variable of an entry.
struct BoundVariable {
  VariableCell* cell;
  std::uint32_t hidden;  ///< which hidden input it is
  int output;            ///< which output it is given; -1: it is only read
};

/// What a call takes from where it stands: its level, and the device where no argument tells it.
struct Mode {
  std::uint8_t level;
  std::uint8_t device;  ///< the scope's; inside a trace that trace's, whatever the arguments
  bool in_trace = false;
};

struct Entry {
  Key key;
  std::vector<std::string> paths;  ///< of the key's fields: `arg0.w1`
  std::shared_ptr<const Graph> graph;
  /// By output of `graph`: the input that it is, or -1 for what is computed. What is an input is shared, not copied: an
  /// unchanged parameter, exchanged ones, a result that is an argument.
  std::vector<int> sources;
  std::shared_ptr<const Graph> computed;  ///< `graph` with only the outputs that are computed: what executables run
  std::shared_ptr<const CallableGraph> callable;  ///< `graph`, for calls under tapes
  std::vector<HiddenInput> hidden;                ///< in the graph's order, behind the arguments
  std::vector<BoundVariable> variables;           ///< in the order in which calls lock them
  bool captures_traced = false;                   ///< good for the trace that it was made in only
  bool by_guards = false;  ///< serves calls that its guards allow; another trace serves the others
  /// Made by reduce_retracing: the host may have seen that sizes differ, so no two names are one number or one of these.
  std::optional<std::vector<Dim>> numbers{};
  std::size_t num_results = 0;
  std::vector<std::size_t> state_outputs;                 ///< by state leaf: which output it is given
  std::shared_ptr<void> prototype;                        ///< the returned tree, its tensors emptied
  std::shared_ptr<Executable> executable;                 ///< null where the entry has served traces only
  std::shared_ptr<const Program> program;                 ///< in its place on another device than the CPU
  mutable std::atomic<const Executable*> ready{nullptr};  ///< the executable, for calls
  std::size_t bytes = 0;
  std::string story;  ///< why it was traced
};

/// A place in the cache: being traced by a thread, or ready.
struct Place {
  Key key;
  std::shared_ptr<const Entry> entry;  ///< null while it is being made
  std::thread::id maker;
  std::uint32_t generation = rt::fork_generation();  ///< its maker's; another one: it did not come along with a fork
  std::atomic<bool> finished{false};                 ///< its maker works on it no more
  std::uint64_t used = 0;
};

struct FunctionState {
  FunctionOptions options;
  std::string name;
  std::source_location where;
  std::uint64_t number = 0;                  ///< never used again: what threads remember entries by
  std::atomic<std::uint64_t> generation{0};  ///< raised when an entry leaves, so that threads forget it

  rt::Mutex mutex;
  std::atomic<std::uint32_t> made{0};  ///< raised when a place is ready or gone, for those who wait
  std::vector<std::shared_ptr<Place>> places;
  std::uint64_t clock = 0;
  FunctionStats stats;
  std::vector<std::string> stories;
  std::vector<std::pair<std::string, int>>
      static_retraces;                ///< path of a static value that alone caused a trace, how often
  std::vector<std::string> unrolled;  ///< lines that were reported as host loops
  ~FunctionState();
};

// -- key.cpp
/// The spec of a leaf, tensor number `position` of the arguments; null where the input signature leaves it to the call.
const Spec* spec_of(const FunctionState&, std::size_t position, const std::string& path);
/// Whether the input signature names tensors by their paths.
bool by_path(const FunctionState&);
/// Throws InvalidArgument where it names a path that no tensor of the arguments has; `tensors` are those that there are.
void check_paths(const FunctionState&, const std::vector<std::string>& tensors);
/// That the arguments hold another number of tensors than the input signature.
Error signature_count(const FunctionState&, std::size_t tensors);
/// The key of a call; with an input signature, the signature's types (a leaf that does not fit is an InvalidArgument).
Key make_key(const FunctionState&, std::span<const Leaf>, Mode, const std::vector<std::string>& paths);
/// Fills in the names and the hash, which follow from the fields.
void finish_key(Key&);
/// Whether the call has that key; binds its named sizes (`bound` has room for max_names). Allocates nothing where names stand alone.
bool matches(const Key&, std::span<const Leaf>, Mode, Dim* bound);
/// The nearest of the keys before, what changed, and the remedy; notes static values that alone cause traces.
std::string explain_trace(FunctionState&, const Entry& made, std::span<const std::shared_ptr<const Entry>> before);

// -- sizes.cpp
/// The key with names for the sizes in which it differs from the nearest of the keys before; none where more differs.
std::optional<Key> name_sizes(const Key&, std::span<const std::shared_ptr<const Entry>> before);
/// Whether the entry's guards allow sizes that its key has bound.
bool guards_allow(const Entry&, const Dim* bound);
/// The entry for the key with named sizes; null where the callable refuses them, or their guards refuse this call.
std::shared_ptr<Entry> trace_named(FunctionState&, Call&, const Key& named, const std::vector<std::string>& paths,
                                   Call::TraceThunk, void* user);

// -- verify.cpp
/// Traces again and throws TraceError where the callable records something else than the entry.
void verify_entry(FunctionState&, Call&, const Entry&, Call::TraceThunk, void* user);

// -- function.cpp
/// Throws InvalidArgument for a size that no call can have, or a name that no file could hold: told where the type is written.
void check_sizes(const FunctionState&, const TensorType&, const std::string& whose);
/// Whether a NoRetraceScope is open.
bool retrace_forbidden() noexcept;
/// The level of a call, and `checked_bit` in check mode: what a key keeps of both.
std::uint8_t current_level(const FunctionState&);
inline constexpr std::uint8_t checked_bit = 0x80;
inline Level level_of(std::uint8_t mode) { return static_cast<Level>(mode & ~checked_bit); }
inline bool is_checked(std::uint8_t mode) { return (mode & checked_bit) != 0; }

// -- run.cpp
/// Makes the executable of an entry.
void make_executable(FunctionState&, Entry&);
/// Whether a call may overwrite the value: nobody else holds it, and its memory is ours.
bool may_overwrite(const Node&);
/// An input of a run: a value, in the handle that holds it.
struct RunInput {
  const NodeRef* node = nullptr;
  bool aliased = false;  ///< given to another parameter too, by the same handle
};
/// Runs an entry now. `inputs` stand in the graph's order and are not traced; `results` are given the outputs' values.
/// State is overwritten in place where `in_place` allows it and nobody else sees it; then its result is its own node.
/// When it throws, no value has changed.
void run_entry(FunctionState&, const Entry&, std::span<const RunInput> inputs, std::span<const Dim> sizes,
               bool in_place, NodeRef* results);

// -- held_variables.cpp
/// The variables of an entry for one call: locked in one order over all calls. Those that are only read are let go at once, as
/// the values are kept; the others when the call has updated them or failed.
class HeldVariables {
 public:
  /// Fills the hidden inputs that are variables. `keep`: holds on to the old values, so that none is overwritten.
  HeldVariables(const Entry&, RunInput* hidden, bool keep);
  ~HeldVariables() { release(); }
  HeldVariables(const HeldVariables&) = delete;
  HeldVariables& operator=(const HeldVariables&) = delete;
  /// Gives them the entry's outputs and lets go of them.
  void update(const NodeRef* results) noexcept;

 private:
  void release() noexcept;
  const Entry& entry_;
  Few<NodeRef, 8> kept_;
  bool held_ = true;
};

// -- tracer.cpp
std::shared_ptr<Entry> trace_entry(FunctionState&, Call&, Key, std::vector<std::string> paths, Call::TraceThunk,
                                   void* user);

// -- lookup.cpp
/// The entry for a call's arguments: found, or traced, and compiled where asked for. One thread traces for a key, others wait.
std::shared_ptr<const Entry> find_or_trace(FunctionState&, Call&, Mode, Call::TraceThunk, Call::WalkThunk, void* user,
                                           bool compile);
/// The same for a call that runs, which begins with what this thread used last. Binds the key's named sizes (`bound` has room
/// for max_names). The thread's memory keeps the entry for the call, or `hold` does.
const Entry* look_up(FunctionState&, Call&, Mode, Call::TraceThunk, Call::WalkThunk, void* user, Dim* bound,
                     std::shared_ptr<const Entry>& hold);
/// The calls of this thread that the statistics do not count yet; the caller counts them.
std::uint64_t take_hits(const FunctionState&);
/// The budget over all functions: an entry is charged when it is kept, and refunded when it goes.
void charge(std::size_t bytes);
void refund(std::size_t bytes);

struct CallAccess {
  static FunctionState& function(Call& c) { return c.function_; }
  static void set_entry(Call& c, const Entry* e, std::shared_ptr<const Entry> hold) {
    c.entry_ = e;
    c.hold_ = std::move(hold);
  }
  static const Entry* entry(const Call& c) { return c.entry_; }
  static NodeRef* results(Call& c, std::size_t n) {
    if (n > c.few_results_.size()) c.more_results_.resize(n);
    c.num_results_ = n;
    return c.results();
  }
};

}  // namespace burin::detail
