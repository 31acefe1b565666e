// Tape: what `grad` and its kin use to see the ops that the dispatch carries out. A tape never changes what runs.
//
// How to use it:
//   struct MyTape : Tape { void note(const NotedOp& op) override { ... } };
//   MyTape tape;  { TapeScope scope(tape);  loss = f(sources);  }   // then walk what was noted backwards with public ops
// - Identity: `identity(tensor)` is equal for two handles iff they hold the same value. Keep the Tensors that are needed
//   later by value (wrapped in Untracked where no handle of ours should be seen by open regions): that keeps them alive.
// - An op is noted after it ran, promotion included: `cast` ops and constants arrive as ops of their own right, operands
//   and results have exact dtypes. A tape need only remember an op if one operand descends from a source.
// - A tape opened outside a trace or a region sees it as one op when it closes: `kind` is if_ or while_, `operands` are the
//   explicit operands, `captures` the outer values its blocks read. `call` of a compiled function: see NotedOp::call.
// - While a rule runs (`gradient()`), its ops reach the tapes that are still open: outer tapes, so higher orders work.
//   Close your own scope first, or the backward ops are noted on it.
// - Nothing is noted by a tape whose `active()` is false; recording of scopes nests in any order with traces.
#pragma once
#include "frontend/trace/dispatch.h"

#include <burin/tree.h>

#include <memory>

namespace burin {
class Graph;
}

namespace burin::detail {

/// A value's identity: the same for every handle that holds it. {0, 0} for an undefined handle.
struct Identity {
  std::uint64_t scope = 0, value = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};
Identity identity(const Tensor&);

/// One op as it was carried out. The spans live for the duration of `note` only; copy the Tensors.
struct NotedOp {
  OpKind kind;
  std::span<const Tensor> operands;
  const Attributes& attributes;
  std::span<const Tensor> results;
  std::span<const Tensor> captures = {};   ///< region ops: outer values that their blocks use
  std::shared_ptr<const Graph> call = {};  ///< a compiled function run eagerly: its graph; operands are its inputs
  std::source_location where;
};

/// An observer on the recorder stack.
class Tape {
 public:
  virtual ~Tape() = default;
  /// The op has run. Must not throw for ops that it does not care about.
  virtual void note(const NotedOp&) = 0;
  /// False: skip this tape for now.
  virtual bool active() const { return true; }
  /// Whether any of these values matters to the tape (so that a compiled call under it is noted with its graph).
  virtual bool watches(std::span<const Tensor>) const { return true; }
};

/// Puts a tape on this thread's recorder stack for its lifetime. Scopes close in reverse order of opening; a tape opened
/// in a trace closes in that trace.
class TapeScope {
 public:
  explicit TapeScope(Tape&);
  ~TapeScope();
  TapeScope(const TapeScope&) = delete;
  TapeScope& operator=(const TapeScope&) = delete;

 private:
  Tape& tape_;
};

}  // namespace burin::detail
