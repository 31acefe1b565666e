// Running an entry: its inputs, what may be overwritten, the variables that the call holds. Private to the frontend.
#pragma once
#include "frontend/function/function_state.h"
#include "runtime/ops/few.h"

#include <span>

namespace burin::detail {

/// Makes the executable of an entry.
void make_executable(FunctionState&, const Entry&);
/// Whether a call may overwrite the value: nobody else holds it, and its memory is ours.
bool may_overwrite(const Node&);
/// An input of a run: a value, in the handle that holds it.
struct RunInput {
  const NodeRef* node = nullptr;
  bool aliased = false;  ///< given to another parameter too, by the same handle
};
/// Runs an entry now. `inputs` stand in the graph's order and are not traced; `results` are given the outputs' values.
/// State is overwritten in place where `in_place` allows it and nobody else sees it; then its result is its own node.
/// When it throws, no value has changed.
void run_entry(FunctionState&, const Entry&, std::span<const RunInput> inputs, std::span<const Dim> sizes,
               bool in_place, NodeRef* results);

/// The variables of an entry for one call: locked in one order over all calls. Those that are only read are let go at once, as
/// the values are kept; the others when the call has updated them or failed.
class HeldVariables {
 public:
  /// Fills the hidden inputs that are variables. `keep`: holds on to the old values, so that none is overwritten.
  HeldVariables(const Entry&, RunInput* hidden, bool keep);
  ~HeldVariables() { release(); }
  HeldVariables(const HeldVariables&) = delete;
  HeldVariables& operator=(const HeldVariables&) = delete;
  /// Gives them the entry's outputs and lets go of them.
  void update(const NodeRef* results) noexcept;

 private:
  void release() noexcept;
  const Entry& entry_;
  Few<NodeRef, 8> kept_;
  bool held_ = true;
};

}  // namespace burin::detail
