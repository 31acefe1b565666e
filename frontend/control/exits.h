// What break_if and continue_if share with cond and the loops: the state of a loop's exits, and rests, the branches that hold
// what follows an exit up to the end of the region around it. See exits.cpp.
#pragma once
#include "frontend/control/regions.h"

#include <optional>

namespace burin::detail {

struct Exits::State {
  std::source_location where;
  bool unrolled = false;  ///< the host decides on its trips
  bool in_body = false;
  bool broken = false;               ///< certainly left
  std::size_t base = 0, layers = 0;  ///< frames and layers where the body starts
  // While tracing: whether the loop has been left, and whether what follows in this trip shall not run (of exits that
  // stand in a branch of the body; what follows others is theirs).
  std::optional<Tensor> left, away;
  Recorder& r = context();
};

/// Opens the branches of `condition`: what `then` records; and the rest of the region, which close_rests() closes.
template <class Then> void open_rest(const Tensor& condition, const std::source_location& where, Then then) {
  const auto rest = std::make_shared<Branches>(Arg(condition, where));
  rest->open();
  then();
  rest->close();
  rest->open();
  rest->keep_open();
  context().frames.back().rest = rest;
}

/// Behind the body, when the loop's frame is closed: the test is not asked once `left` holds.
void guard_test(Frame&, const Slot& left, ValueId& again, Trace&, const std::source_location&);

}  // namespace burin::detail
