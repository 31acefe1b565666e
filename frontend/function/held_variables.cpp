// HeldVariables: the locks that a call takes on the variables of its entry.
#include "frontend/function/run.h"

namespace burin::detail {

HeldVariables::HeldVariables(const Entry& e, RunInput* hidden, bool keep) : entry_(e) {
  std::size_t n = 0;
  for (auto& v : e.variables) n += keep || v.output < 0;
  kept_.reserve(n);
  for (auto& v : e.variables) v.cell->lock.lock();
  for (auto& v : e.variables) {
    const NodeRef* node = &HandleAccess::node(v.cell->handle);
    if (keep || v.output < 0) node = &kept_.emplace_back(*node);
    hidden[v.hidden].node = node;
    if (v.output < 0) v.cell->lock.unlock();
  }
}
void HeldVariables::update(const NodeRef* results) noexcept {
  for (auto& v : entry_.variables)
    if (v.output >= 0) put(*v.cell, results[v.output]);
  release();
}
void HeldVariables::release() noexcept {
  if (!held_) return;
  held_ = false;
  for (auto& v : entry_.variables)
    if (v.output >= 0) v.cell->lock.unlock();
}

}  // namespace burin::detail
