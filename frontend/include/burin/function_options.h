// What can be asked of a function: its options, its counts, and the scopes that change how functions of a thread run.
#pragma once
#include <burin/arg.h>
#include <burin/spec.h>

#include <string>
#include <vector>

namespace burin {

/// How far a function goes, for debugging: each level does all that the ones before it do.
enum class Level : std::uint8_t {
  eager,    ///< calls the callable; nothing is traced
  graph,    ///< traced, then the graph runs op by op through the reference kernels
  no_fuse,  ///< compiled, one op a kernel
  full,     ///< compiled
};
/// Overrides the level of every function called on this thread while it lives. Example: `LevelScope scope(Level::eager);`
class BURIN_API LevelScope {
 public:
  explicit LevelScope(Level) noexcept;
  ~LevelScope();
  LevelScope(const LevelScope&) = delete;
  LevelScope& operator=(const LevelScope&) = delete;

 private:
  std::uint8_t saved_;
};
/// Check mode, on this thread while it lives: an op that makes a NaN, and an integer division by zero, is a DeviceError that
/// names the op, its line and the element, eagerly and in functions, which are compiled anew for it. Nothing is fused then.
/// Example: `CheckScope scope; step(params, batch);  // throws "log: NaN at element 3 of the result [nan]"`
class BURIN_API CheckScope {
 public:
  explicit CheckScope(bool on = true) noexcept;
  ~CheckScope();
  CheckScope(const CheckScope&) = delete;
  CheckScope& operator=(const CheckScope&) = delete;

 private:
  bool saved_;
};
/// A trace or retrace on this thread throws TraceError with the explanation while it lives.
class BURIN_API NoRetraceScope {
 public:
  NoRetraceScope() noexcept;
  ~NoRetraceScope();
  NoRetraceScope(const NoRetraceScope&) = delete;
  NoRetraceScope& operator=(const NoRetraceScope&) = delete;

 private:
  bool saved_;
};

/// Options of `function`.
struct FunctionOptions {
  std::string name{};  ///< what errors and views call it; by default from the callable, or its line
  Level level = Level::full;
  /// One for each tensor of the arguments, in order; or some of them by their paths, the others being as each call has them;
  /// empty: any types, a trace for each.
  std::vector<Spec> signature{};
  std::size_t max_entries = 64;  ///< traces kept; the least recently used goes first
  int max_traces = 0;            ///< more than this many traces are a TraceError; 0: no limit
  /// A call that differs from an earlier trace in sizes only is traced with names for these sizes, so that one trace serves
  /// all further ones. Where that cannot be (the callable needs a number, or the sizes are related otherwise), it is traced as
  /// it is, and `BURIN_LOG=trace` says why. Code for named sizes may be slower. Without effect under an input signature.
  bool reduce_retracing = false;
  /// For debugging: each call traces again, and a TraceError tells where the callable would now record something else than
  /// the trace that runs: a host value or a captured tensor has changed since.
  bool verify_trace = false;
};

/// Counts of one function, since it was made.
struct FunctionStats {
  std::uint64_t calls = 0;  ///< misses included; hits of other threads may lag
  std::uint64_t traces = 0;
  std::uint64_t compiles = 0;     ///< graphs given to the compiler; cache hits are not
  std::uint64_t memory_hits = 0;  ///< executables found in the process's cache
  std::uint64_t disk_hits = 0;
  std::uint64_t evictions = 0;
  std::size_t entries = 0;
  /// The most that a call takes at its peak beside its arguments and results, of the traces kept: temporaries and workspace, in
  /// bytes, planned before it runs. A trace with named sizes counts at the largest of its calls so far. Of compiled code on the
  /// CPU; 0 where nothing is taken, and for the levels `eager` and `graph`, which plan nothing.
  std::int64_t planned_bytes = 0;
  std::size_t derivatives =
      0;  ///< kept for calls under tapes: one for each set of arguments that gradients are taken by
};

}  // namespace burin
