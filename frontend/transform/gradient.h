// Reverse mode over a tape: what `grad` and `value_and_grad` are made of. The backward pass runs through the dispatch, so
// it is recorded where a trace is open and noted by the tapes around (higher orders need nothing more).
#pragma once
#include "frontend/trace/node.h"
#include "frontend/trace/tape.h"

#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace burin::detail {

struct IdentityHash {
  std::size_t operator()(const Identity& i) const noexcept { return i.scope * 0x9e3779b97f4a7c15u ^ i.value; }
};

/// Notes the ops that descend from its sources. Lives on one thread, inside the trace that it was opened in.
class GradientNotes final : public Tape {
 public:
  explicit GradientNotes(std::span<const Tensor> sources);

  void note(const NotedOp&) override;
  bool watches(std::span<const Tensor>) const override;
  /// Whether the value descends from a source.
  bool descends(const Tensor&) const;
  /// Cotangents of `sources` given those of `results`; zeros for a source that nothing reaches. Ops run in reverse order.
  std::vector<Tensor> backward(std::span<const Tensor> results, std::span<const Tensor> cotangents,
                               std::span<const Tensor> sources) const;

 private:
  /// Values are kept as contents, not as handles: open regions track handles, and these are none of the user's.
  struct Step {
    OpKind kind;
    std::vector<Content> operands, results;
    Attributes attributes;
    std::shared_ptr<const Graph> call;
    std::source_location where;
  };
  std::vector<Tensor> step_cotangents(const Step&, std::span<const Tensor> operands, std::span<const Tensor> results,
                                      std::span<const Tensor> cotangents) const;

  std::vector<Step> steps_;
  std::unordered_set<Identity, IdentityHash> descendants_;
};

/// The same value under an identity of its own: what a function reaches by capture is not its argument.
Tensor fresh_identity(const Tensor&);

}  // namespace burin::detail
