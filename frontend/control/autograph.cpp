// The part of the entry points (autograph.h) that looks into handles.
#include <burin/autograph.h>

#include "frontend/control/regions.h"

#include <burin/ops.h>

namespace burin::detail {

std::optional<bool> known_truth(const Tensor& t, const Where& where) {
  const Content c = HandleAccess::read(t);
  check_usable(c, &t, where);
  check_condition(c, "condition", where);
  if (c.node.get()->traced()) return std::nullopt;
  return condition_value(c);
}

void also_clear(Known& k, const Tensor& f, const Where& where) {
  if (k.known && !*k.known) return;
  const auto set = known_truth(f, where);
  if (set && !*set) return;
  if (set) {
    k = {false, {}};
    return;
  }
  const Tensor clear = logical_not(Arg(f, where));
  k = {std::nullopt, k.known ? clear : logical_and(Arg(k.tensor, where), clear)};
}

void certainly_defined(const Leaves& l) {
  for (Tensor* t : l.tensors)
    if (const Content c = HandleAccess::read(*t); c.defined()) c.node.get()->maybe_undefined = false;
}

}  // namespace burin::detail
