// gather scatter_add scatter: shape rules, then the referee's kernels. An index out of range is a fault; the nearest position stands
// in.
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace burin::shape_rules {

Types gather(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  const Shape& indices = q.operands[1].shape;
  if (indices.num_elements() != Dim(0) && !not_empty(q, axis)) return empty_axis(q, axis);
  auto shape = with_axis_replaced(q, axis, indices);
  if (!shape)
    return violation(q, "rank",
                     "the result would have rank " + std::to_string(q.operands[0].shape.rank() - 1 + indices.rank()) +
                         ": " + operand_text(q) + "; expected 8 or less");
  return one(q, *shape);
}

Types scatter_add(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  const Shape &indices = q.operands[1].shape, &updates = q.operands[2].shape;
  auto expected = with_axis_replaced(q, axis, indices);
  bool same = expected && expected->rank() == updates.rank();
  for (std::size_t i = 0; same && i < updates.size(); ++i) same = same_size(q, (*expected)[i], updates[i]);
  if (!same)
    return violation(q, "shape-mismatch",
                     "updates do not fit: " + operand_text(q) + "; expected updates of shape " +
                         (expected ? to_string(*expected) : "of rank 8 or less"));
  if (indices.num_elements() != Dim(0) && !not_empty(q, axis)) return empty_axis(q, axis);
  return one(q, q.operands[0].shape);
}

Types scatter(const ShapeQuery& q) { return scatter_add(q); }

}  // namespace burin::shape_rules

namespace burin::reference {

namespace {

using Operands = std::span<const HostTensor>;
using Results = std::span<HostTensor>;

/// The indices as positions along the axis, faults reported by element of `indices`; none where no element is at any of them.
std::vector<std::int64_t> positions(const HostTensor& indices, const scalar::AxisView& x, const KernelSink& sink) {
  if (x.outer * x.inner == 0) return {};
  const std::int64_t size = x.size;
  std::vector<std::int64_t> result(static_cast<std::size_t>(indices.num_elements()));
  visit<integer_dtypes>(indices.type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* p = static_cast<const T*>(indices.buffer.data());
    for (std::size_t i = 0; i < result.size(); ++i) {
      // Beyond the greatest i64 any size is exceeded.
      constexpr bool wide = std::is_same_v<T, std::uint64_t>;
      auto at = wide && p[i] > static_cast<T>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(p[i]);
      result[i] = std::clamp<std::int64_t>(at, 0, size - 1);
      if (at != result[i] && sink.fault)
        sink.fault(sink.self, BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, static_cast<std::int64_t>(i), at);
    }
  });
  return result;
}

}  // namespace

void gather(Operands operands, Results results, const Attributes& attributes, const KernelSink& sink) {
  scalar::AxisView x(operands[0].type.shape, std::get<std::int64_t>(attributes[0]));
  const auto at = positions(operands[1], x, sink);
  auto row = static_cast<std::size_t>(bytes(operands[0].type.dtype, x.inner));
  auto* from = static_cast<const std::byte*>(operands[0].buffer.data());
  auto* to = static_cast<std::byte*>(results[0].buffer.mutable_data());
  for (std::int64_t o = 0; o < x.outer; ++o)
    for (std::int64_t position : at) {
      if (row > 0) std::memcpy(to, from + static_cast<std::size_t>(o * x.size + position) * row, row);
      to += row;
    }
}

void scatter_add(Operands operands, Results results, const Attributes& attributes, const KernelSink& sink) {
  scalar::AxisView x(operands[0].type.shape, std::get<std::int64_t>(attributes[0]));
  const auto at = positions(operands[1], x, sink);
  visit<numeric_dtypes>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* from = static_cast<const scalar::Stored<T>*>(operands[0].buffer.data());
    auto* updates = static_cast<const scalar::Stored<T>*>(operands[2].buffer.data());
    auto* to = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
    // Sums stay wide until all updates are in: one rounding, whatever their number.
    std::vector<scalar::Value<T>> sums;
    for (std::int64_t i = 0, n = operands[0].num_elements(); i < n; ++i) sums.push_back(scalar::load<T>(from[i]));
    for (std::int64_t o = 0; o < x.outer; ++o)
      for (std::int64_t position : at)
        for (std::int64_t i = 0; i < x.inner; ++i) {
          auto& sum = sums[static_cast<std::size_t>((o * x.size + position) * x.inner + i)];
          sum = sum + scalar::load<T>(*updates++);
        }
    for (scalar::Value<T> sum : sums) *to++ = scalar::store<T>(sum);
  });
}

void scatter(Operands operands, Results results, const Attributes& attributes, const KernelSink& sink) {
  scalar::AxisView x(operands[0].type.shape, std::get<std::int64_t>(attributes[0]));
  const auto at = positions(operands[1], x, sink);
  auto row = static_cast<std::size_t>(bytes(operands[0].type.dtype, x.inner));
  auto* from = static_cast<const std::byte*>(operands[2].buffer.data());
  auto* to = static_cast<std::byte*>(results[0].buffer.mutable_data());
  if (row == 0) return;
  if (auto all = static_cast<std::size_t>(x.outer * x.size) * row) std::memcpy(to, operands[0].buffer.data(), all);
  for (std::int64_t o = 0; o < x.outer; ++o)
    for (std::int64_t position : at) {
      std::memcpy(to + static_cast<std::size_t>(o * x.size + position) * row, from, row);
      from += row;
    }
}

}  // namespace burin::reference
