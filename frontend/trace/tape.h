// Tape: what `grad` and its kin use to see the ops that the dispatch carries out. A tape never changes what runs.
//
// How to use it:
//   struct MyTape : Tape { void note(const NotedOp& op) override { ... } };
//   MyTape tape;  { TapeScope scope(tape);  loss = f(sources);  }   // then walk what was noted backwards with public ops
// - Identity: `identity(tensor)` is equal for two handles iff they hold the same value. Keep the Tensors that are needed
//   later by value (wrapped in Untracked where no handle of ours should be seen by open regions): that keeps them alive.
// - An op is noted after it ran, promotion included: `cast` ops and constants arrive as ops of their own right, operands
//   and results have exact dtypes. A tape need only remember an op if one operand descends from a source.
// - A `cond` or `while` recorded above a tape is offered to it when it closes (RegionOp): a tape that takes it carries it out
//   in a form of its own, which tapes further out may take again. `call` of a compiled function: see NotedOp::call.
// - While a rule runs (`gradient()`), its ops reach the tapes that are still open: outer tapes, so higher orders work.
//   Close your own scope first, or the backward ops are noted on it.
// - What a tape records while it notes or carries out an op is heard by tapes further out only; of several, the outermost
//   notes first. Scopes nest in any order with traces.
#pragma once
#include "frontend/trace/dispatch.h"
#include "frontend/trace/node.h"

#include <burin/control.h>
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
Identity identity(const Content&);

/// One op as it was carried out. The spans live for the duration of `note` only; copy the Tensors.
struct NotedOp {
  OpKind kind;
  std::span<const Tensor> operands;
  const Attributes& attributes;
  std::span<const Tensor> results;
  std::shared_ptr<const Graph> call = {};  ///< a compiled function run eagerly: its graph; operands are its inputs
  std::source_location where;
};

/// A `cond` or a `while` whose regions have been recorded, before it is an op of the trace.
struct RegionOp {
  OpKind kind;
  std::source_location where;
  std::vector<Content> operands;  ///< the condition; or the values carried at first
  std::vector<Content> captures;  ///< outer values that the regions use
  /// then, else; or test, body. Inputs: the carried values (of a loop), then the captures; sizes as in the trace around.
  std::shared_ptr<const Graph> regions[2];
  LoopBound bound = {};
};

/// An observer on the recorder stack.
class Tape {
 public:
  virtual ~Tape() = default;
  /// The op has run. Must not throw for ops that it does not care about.
  virtual void note(const NotedOp&) = 0;
  /// Whether `carry_out` shall run this op.
  virtual bool takes(const RegionOp&) const { return false; }
  /// Runs the op, by recording other ops; gives its results.
  virtual std::vector<Content> carry_out(const RegionOp&) { return {}; }
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
