// Derivative rules: functions on Tensors, written with the public ops, so that one set serves eager, traced, nested and
// loaded functions. Formulas come from the catalogue (generated Formulas.inc); what a formula cannot say stands in this
// folder, a file a family. Must not know tapes or graphs.
#pragma once
#include <burin/tensor.h>

#include "runtime/ops/catalogue.h"

#include <span>
#include <vector>

namespace burin::rules {

/// An op as it ran: what a rule may use of the forward pass.
struct Primal {
  OpKind kind;
  std::span<const Tensor> operands;
  std::span<const Tensor> results;
  const Attributes& attributes;
};

/// Cotangents of the operands from those of the results. `cotangents` has one defined Tensor a result, with its type;
/// the answer has one a operand, undefined where `wanted` is false or nothing flows.
using Vjp = std::vector<Tensor> (*)(const Primal&, std::span<const Tensor> cotangents, std::span<const bool> wanted);

/// The tangent of an op's one result from those of its operands, of which at least one is defined; undefined where nothing
/// flows.
using Jvp = Tensor (*)(const Primal&, std::span<const Tensor> tangents);

/// The op on all lanes at once. A batched operand has the lanes as its first axis, and so has the result; at least one is
/// batched. `p.results` is empty.
using Batch = Tensor (*)(const Primal& p, std::span<const bool> batched, Dim lanes);

/// The rule of that op, or null where the catalogue says `none`.
Vjp vjp_of(OpKind);
Jvp jvp_of(OpKind);
Batch batch_of(OpKind);
/// False where a cotangent never flows into that operand (a condition, indices).
bool differentiable(OpKind, std::size_t operand);

/// Sums `g` over the axes along which `like` was broadcast to g's shape.
Tensor unbroadcast(const Tensor& g, const Tensor& like);
/// `x` in the dtype of `like`, as it is where they agree.
Tensor cast_like(const Tensor& x, const Tensor& like);
Tensor zeros_like(const Tensor& x);
/// The op itself on the tangents: of an op that is linear in all of its differentiable operands together.
Tensor jvp_linear(const Primal&, std::span<const Tensor> tangents);

/// Of any op whose result's elements depend on the operands' elements at the same place.
Tensor batch_elementwise(const Primal&, std::span<const bool> batched, Dim lanes);
/// x as it is if it is batched, else repeated for each lane.
Tensor in_lanes(const Tensor& x, bool batched, Dim lanes);

template <class T> const T& attribute(const Primal& p, std::size_t i) { return std::get<T>(p.attributes[i]); }

}  // namespace burin::rules
