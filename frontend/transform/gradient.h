// Reverse mode over a tape: what `grad` and `value_and_grad` are made of. The backward pass runs through the dispatch, so
// it is recorded where a trace is open and noted by the tapes around (higher orders need nothing more).
#pragma once
#include "compiler/graph/graph.h"
#include "frontend/record/tape.h"
#include "frontend/value/node.h"

#include <functional>
#include <optional>
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

  /// Makes a value a source; the caller keeps it alive.
  void watch(const Content& c) { descendants_.insert(identity(c)); }
  /// Forgets all.
  void clear() {
    steps_.clear();
    descendants_.clear();
  }
  void note(const NotedOp&) override;
  bool watches(std::span<const Content>) const override;
  bool takes(const RegionOp&) const override;
  std::vector<Content> carry_out(const RegionOp&) override;
  std::optional<std::vector<Content>> carry_out_call(const std::shared_ptr<const CallableGraph>&,
                                                     const std::vector<Content>& inputs,
                                                     const std::source_location&) override;  // calls.cpp
  /// Whether the value descends from a source.
  bool descends(const Tensor&) const;
  bool descends(const Content&) const;
  /// Cotangents of `sources` given those of `results`; undefined for a source that nothing reaches. Ops run in reverse order.
  std::vector<Tensor> reach(std::span<const Tensor> results, std::span<const Tensor> cotangents,
                            std::span<const Tensor> sources) const;
  /// The same with zeros for sources that nothing reaches.
  std::vector<Tensor> backward(std::span<const Tensor> results, std::span<const Tensor> cotangents,
                               std::span<const Tensor> sources) const;

  /// Cotangents of an op's operands from those of its results, which are all defined; undefined where nothing flows.
  using Pullback = std::function<std::vector<Tensor>(std::span<const Tensor> cotangents)>;
  /// Notes an op that brings its own derivative. The pullback keeps contents, never handles. A result that is an operand handed
  /// on, or another result, gets an identity of its own: its cotangent is this op's alone.
  void note(OpKind, std::vector<Content> operands, std::vector<Content>& results, Pullback,
            const std::source_location&);

 private:
  /// Values are kept as contents, not as handles: open regions track handles, and these are none of the user's.
  struct Step {
    OpKind kind;
    std::vector<Content> operands, results;
    Attributes attributes;
    Pullback pullback;
    std::source_location where;
    std::optional<SourceLine> line{};  // of an op that was evaluated from a finished graph
  };
  std::vector<Tensor> step_cotangents(const Step&, std::span<const Tensor> operands, std::span<const Tensor> results,
                                      std::span<const Tensor> cotangents) const;
  std::vector<Content> loop(const RegionOp&);    // gradient_regions.cpp
  std::vector<Content> branch(const RegionOp&);  // likewise
  std::vector<Content> remat(const RegionOp&);   // gradient_scopes.cpp
  std::vector<Content> custom_gradient(const RegionOp&);

  std::vector<Step> steps_;
  std::unordered_set<Identity, IdentityHash> descendants_;
};

/// The error for an op that a derivative would pass through.
Error no_derivative(OpKind);
/// Throws where a derivative by this leaf cannot be: it holds nothing, or no floating-point numbers.
void check_source(const Tensor&, const std::string& path, const char* who, const std::source_location&);

/// Throws where this is not what a gradient starts from.
void check_loss(const Tensor& loss, const char* who, const std::source_location& where);

std::vector<Content> contents(std::span<const Tensor>);
std::vector<Tensor> handles(std::span<const Content>);

/// The derivative on the device of its value, which a step may have moved.
Tensor beside(const Tensor& value, const Tensor& derivative);

/// The same value under an identity of its own: what a function reaches by capture is not its argument.
Tensor fresh_identity(const Tensor&);

}  // namespace burin::detail
