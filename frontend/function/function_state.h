// What stands behind a function: its entries and the cache that finds them. Private to the frontend.
#pragma once
#include <burin/function.h>

#include "frontend/function/key.h"
#include "frontend/record/recorder.h"
#include "frontend/transform/callable_graph.h"
#include "frontend/value/variable.h"
#include "runtime/core/fork.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace burin::detail {

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
  mutable std::shared_ptr<Executable> executable;         ///< null where the entry has served traces only
  mutable std::shared_ptr<const Program> program;         ///< in its place on another device than the CPU
  mutable std::atomic<const Executable*> ready{nullptr};  ///< the executable, for calls
  mutable std::atomic<bool> warned{false};                ///< that the referee runs calls in place of the code
  std::size_t bytes = 0;
  std::string story;  ///< why it was traced
};

/// A place in the cache: being traced by a thread, or ready.
struct Place {
  Key key;
  std::shared_ptr<Entry> entry;  ///< null while it is being made
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
