// Recording: opens a trace on this thread, for what records a graph: functions, and transforms of graphs.
#pragma once
#include "frontend/record/recorder.h"

namespace burin::detail {

/// A trace with its function frame on this thread's stack: pops both on every way out.
class Recording {
 public:
  Recording(Recorder& r, Trace& t, const std::source_location& where)
      : r_(r),
        t_(t),
        scope_(std::exchange(r.scope, nullptr)),
        scope_storage_(r.scope_storage) {
    r_.push_trace(t);
    r_.open(Frame::Kind::function, where);
    depth_ = r_.frames.size();
  }
  ~Recording() {
    if (depth_) {
      while (r_.frames.size() >= depth_) r_.abandon();
      r_.poison.reset();
    }
    while (!r_.layers.empty() && r_.layers.back().trace != &t_) r_.layers.pop_back();
    r_.pop_trace(t_);
    r_.scope = scope_;
    r_.scope_storage = scope_storage_;  // scopes within the recording had theirs in it
  }
  Frame close() {
    depth_ = 0;
    return r_.close("function");
  }

 private:
  Recorder& r_;
  Trace& t_;
  const std::source_location* scope_;
  std::source_location scope_storage_;
  std::size_t depth_ = 0;
};

}  // namespace burin::detail
