// The table of derivative rules and what rules share. The formulas of the catalogue are compiled here, once.
#include "frontend/rules/rules.h"

#include <burin/ops.h>

namespace burin::rules {

Tensor unbroadcast(const Tensor& g, const Tensor& like) {
  const Shape& from = g.shape();
  const Shape& to = like.shape();
  if (from == to) return g;
  const auto extra = static_cast<std::size_t>(from.rank() - to.rank());
  std::vector<std::int64_t> leading, stretched;
  for (std::size_t i = 0; i < extra; ++i) leading.push_back(static_cast<std::int64_t>(i));
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i] == Dim(1) && from[i + extra] != Dim(1)) stretched.push_back(static_cast<std::int64_t>(i));
  Tensor sum = leading.empty() ? g : reduce_sum(g, Axes(leading));
  return stretched.empty() ? sum : reduce_sum(sum, Axes(stretched), true);
}

Tensor cast_like(const Tensor& x, const Tensor& like) { return x.dtype() == like.dtype() ? x : cast(x, like.dtype()); }

Tensor zeros_like(const Tensor& x) { return broadcast_to(cast(Tensor(0.0f), x.dtype()), x.shape()); }

#include "frontend/rules/Formulas.inc"  // generated

static_assert(std::size(vjp_table) > 0);

Vjp vjp_of(OpKind kind) { return vjp_table[static_cast<std::size_t>(kind)]; }
bool differentiable(OpKind kind, std::size_t operand) { return differentiable_operand(kind, operand); }

std::vector<Tensor> vjp_cast(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {cast_like(cotangents[0], p.operands[0])};
}

}  // namespace burin::rules
