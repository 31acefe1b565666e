// The table of derivative rules and what rules share. The formulas of the catalogue are compiled here, once.
#include "frontend/rules/rules.h"

#include <burin/ops.h>

#include "frontend/record/dispatch.h"

namespace burin::rules {

Tensor unbroadcast(const Tensor& g, const Tensor& like) {
  const Shape& from = g.shape();
  const Shape& to = like.shape();
  if (from == to) return g;
  const auto extra = static_cast<std::size_t>(from.rank() - to.rank());
  std::vector<std::int64_t> axes;  // in one sum: two would round twice
  for (std::size_t i = 0; i < from.size(); ++i)
    if (i < extra || (to[i - extra] == Dim(1) && from[i] != Dim(1))) axes.push_back(static_cast<std::int64_t>(i));
  const bool keep = extra == 0;
  const Tensor sum = reduce_sum(g, Axes(axes), keep);
  return keep || axes.size() == extra ? sum : reshape(sum, to);
}

Tensor cast_like(const Tensor& x, const Tensor& like) { return x.dtype() == like.dtype() ? x : cast(x, like.dtype()); }

Tensor zeros_like(const Tensor& x) { return broadcast_to(cast(Tensor(0.0f), x.dtype()), x.shape()); }

Tensor jvp_linear(const Primal& p, std::span<const Tensor> tangents) {
  std::vector<Tensor> operands;
  std::vector<Arg> args;
  operands.reserve(p.operands.size());
  for (std::size_t i = 0; i < p.operands.size(); ++i) {
    const bool moves = is_floating(p.operands[i].dtype()) && differentiable(p.kind, i);
    operands.push_back(!moves ? p.operands[i] : tangents[i].defined() ? tangents[i] : zeros_like(p.operands[i]));
  }
  for (const Tensor& t : operands) args.emplace_back(t);
  return detail::dispatch(p.kind, args, p.attributes, detail::promote_none);
}

namespace {

void add_part(Tensor& sum, const Tensor& part) { sum = sum.defined() ? sum + part : part; }
/// A tangent in its result's shape: an operand that was broadcast has a smaller one.
Tensor spread(const Tensor& tangent, const Tensor& y) {
  return !tangent.defined() || tangent.shape() == y.shape() ? tangent : broadcast_to(tangent, y.shape());
}

}  // namespace

#include "frontend/rules/Formulas.inc"  // generated

static_assert(std::size(vjp_table) > 0);

Vjp vjp_of(OpKind kind) { return vjp_table[static_cast<std::size_t>(kind)]; }
Batch batch_of(OpKind kind) { return batch_table[static_cast<std::size_t>(kind)]; }
Jvp jvp_of(OpKind kind) { return jvp_table[static_cast<std::size_t>(kind)]; }
bool differentiable(OpKind kind, std::size_t operand) { return differentiable_operand(kind, operand); }

std::vector<Tensor> vjp_cast(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool>) {
  return {cast_like(cotangents[0], p.operands[0])};
}
Tensor jvp_cast(const Primal& p, std::span<const Tensor> tangents) { return cast_like(tangents[0], p.results[0]); }

}  // namespace burin::rules
