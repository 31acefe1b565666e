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
//   in a form of its own, which tapes further out may take again. So is a compiled function that is called eagerly.
// - While a rule runs (`gradient()`), its ops reach the tapes that are still open: outer tapes, so higher orders work.
//   Close your own scope first, or the backward ops are noted on it.
// - What a tape records while it notes or carries out an op is heard by tapes further out only; of several, the outermost
//   notes first. Scopes nest in any order with traces.
#pragma once
#include "frontend/record/dispatch.h"
#include "frontend/value/node.h"

#include <burin/control.h>
#include <burin/tree.h>

#include <memory>
#include <optional>

namespace burin {
class Graph;
}

namespace burin::detail {

class CallableGraph;

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
  std::source_location where;
};

/// An op with regions that have been recorded, before it is an op of the trace.
struct RegionOp {
  OpKind kind;
  std::source_location where;
  std::vector<Content> operands;  ///< the condition; or the values carried at first; or what a scope's body takes
  std::vector<Content> captures;  ///< outer values that the regions use; of a scope operands
  /// then, else; or test, body; or body, backward. Inputs: the carried values (of a loop), then the captures; of a scope as
  /// the catalogue says. Sizes as in the trace around.
  std::shared_ptr<const Graph> regions[2];
  LoopBound bound = {};
  Attributes attributes = {};  ///< of a scope
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
  /// Whether any of these values matters to the tape: then it is asked to carry out a compiled call of them.
  virtual bool watches(std::span<const Content>) const { return true; }
  /// Calls the graph with what the tape needs of it; gives its results. Nothing: it must hear of each op instead.
  virtual std::optional<std::vector<Content>> carry_out_call(const std::shared_ptr<const CallableGraph>&,
                                                             const std::vector<Content>& /*inputs*/,
                                                             const std::source_location&) {
    return std::nullopt;
  }
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
