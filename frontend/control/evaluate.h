// A finished graph sent through the dispatch: run now, or recorded, and seen by tapes op by op.
#pragma once
#include "frontend/record/recorder.h"

namespace burin::detail {

/// Ops run or recorded while it lives carry this line: that of the graph's op they come from.
class ReplayLine {
 public:
  explicit ReplayLine(const SourceLine* l) : r_(context()), saved_(std::exchange(r_.replay_line, l)) {}
  ~ReplayLine() { r_.replay_line = saved_; }
  ReplayLine(const ReplayLine&) = delete;
  ReplayLine& operator=(const ReplayLine&) = delete;

 private:
  Recorder& r_;
  const SourceLine* saved_;
};

/// One op without regions, on exact dtypes; a constant too.
std::vector<Content> evaluate_op(OpKind, const Attributes&, std::span<const Content> operands);
/// The graph's outputs for these inputs (in signature order, captures included). Ops keep their graph's source lines.
std::vector<Content> evaluate_graph(const Graph&, std::span<const Content> inputs);
/// The same for a graph that was taken out of a trace on this thread: its named sizes are that trace's own.
std::vector<Content> evaluate_region(const Graph&, std::span<const Content> inputs);

}  // namespace burin::detail
