// CallableGraph: a finished graph that is called on values, what a tape needs of it included: for each set of inputs that a
// derivative is taken by, a forward graph with residuals and a backward graph, or one graph of values and tangents. All are
// made, and compiled, at the first call that asks; all are CallableGraphs again, so that higher orders are compiled too.
#pragma once
#include "frontend/execute/executable.h"
#include "frontend/record/recorder.h"
#include "runtime/core/fork.h"

#include <burin/function.h>

#include <map>
#include <mutex>

namespace burin::detail {

class CallableGraph {
 public:
  CallableGraph(std::shared_ptr<const Graph> graph, Level level) : graph_(std::move(graph)), level_(level) {}

  const Graph& graph() const { return *graph_; }
  /// Whether the inputs' shapes tell every named size.
  bool knows_sizes() const;
  /// How many derivatives it keeps, theirs included.
  std::size_t derivatives() const;
  /// Runs it now, on values that are not traced. Tapes do not hear of it.
  std::vector<Content> run(std::span<const Content> inputs, const std::source_location&) const;

  /// `early` takes the inputs and gives the results, then what else is saved. `late` takes the inputs named by `reads`, the
  /// outputs of `early` named by `saved`, and a cotangent for each active result; it gives a cotangent for each input in
  /// `reached`.
  struct Backward {
    std::shared_ptr<const CallableGraph> early, late;
    std::vector<std::uint32_t> reads, reached;
    std::vector<std::size_t> saved;
    std::vector<bool> active_results;
  };
  /// Null where only an evaluation op by op has this derivative: a loop without a bound, sizes that values alone tell.
  std::shared_ptr<const Backward> backward(const std::vector<bool>& active, const std::source_location&) const;

  /// `graph` takes the inputs, then the tangents of the active ones; it gives the results, then the tangents of `moved`.
  struct Forward {
    std::shared_ptr<const CallableGraph> graph;
    std::vector<std::size_t> moved;
  };
  std::shared_ptr<const Forward> forward(const std::vector<bool>& active, const std::source_location&) const;

 private:
  const Executable& executable(const std::source_location&) const;
  std::vector<Content> submit(std::span<const Content> inputs, std::uint8_t device, std::span<const DimBinding>,
                              const std::source_location&) const;

  std::shared_ptr<const Graph> graph_;
  Level level_;
  mutable rt::Turn mutex_;
  mutable std::shared_ptr<Executable> executables_[2];  // in check mode: the second
  mutable std::map<std::pair<std::uint8_t, bool>, std::shared_ptr<const Program>> programs_;  // elsewhere
  mutable std::map<std::vector<bool>, std::shared_ptr<const Backward>> backward_;
  mutable std::map<std::vector<bool>, std::shared_ptr<const Forward>> forward_;
};

/// Calls it as a user's call does: as ops of the open trace, by the tape that takes it, or now.
std::vector<Content> call_graph(const std::shared_ptr<const CallableGraph>&, std::vector<Content> inputs,
                                const std::source_location&);

}  // namespace burin::detail
