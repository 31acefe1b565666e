// The referee's kernels for ops whose positions are data. An index out of range is a fault; the nearest position stands in.
#include "runtime/ops/scalar.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace burin::reference {
namespace {

using Operands = std::span<const HostTensor>;
using Results = std::span<HostTensor>;

/// The indices as positions in [0, size), faults reported by element of `indices`.
std::vector<std::int64_t> positions(const HostTensor& indices, std::int64_t size, const KernelSink& sink) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(indices.num_elements()));
  scalar::visit<0x1e>(indices.type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* p = static_cast<const T*>(indices.buffer.data());
    for (std::size_t i = 0; i < result.size(); ++i) {
      auto at = static_cast<std::int64_t>(p[i]);
      result[i] = std::clamp<std::int64_t>(at, 0, size - 1);
      if (at != result[i] && sink.fault) sink.fault(sink.self, BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, static_cast<std::int64_t>(i), at);
    }
  });
  return result;
}

/// x as [outer, size, inner] around an axis.
struct AxisView {
  std::int64_t outer, size, inner;
  AxisView(const TensorType& x, std::int64_t axis) {
    scalar::Sizes sizes(x.shape);
    outer = sizes.product(0, static_cast<int>(axis));
    size = sizes[static_cast<int>(axis)];
    inner = sizes.product(static_cast<int>(axis) + 1, sizes.rank);
  }
};

}  // namespace

void gather(Operands operands, Results results, const Attributes& attributes, const KernelSink& sink) {
  AxisView x(operands[0].type, std::get<std::int64_t>(attributes[0]));
  auto at = operands[1].num_elements() == 0 ? std::vector<std::int64_t>() : positions(operands[1], x.size, sink);
  auto row = static_cast<std::size_t>(x.inner * byte_size(operands[0].type.dtype));
  auto* from = static_cast<const std::byte*>(operands[0].buffer.data());
  auto* to = static_cast<std::byte*>(results[0].buffer.mutable_data());
  for (std::int64_t o = 0; o < x.outer; ++o)
    for (std::int64_t position : at) {
      if (row > 0) std::memcpy(to, from + static_cast<std::size_t>(o * x.size + position) * row, row);
      to += row;
    }
}

void scatter_add(Operands operands, Results results, const Attributes& attributes, const KernelSink& sink) {
  AxisView x(operands[0].type, std::get<std::int64_t>(attributes[0]));
  auto at = operands[1].num_elements() == 0 ? std::vector<std::int64_t>() : positions(operands[1], x.size, sink);
  scalar::visit<0xfe>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
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
  if (sink.check_mode) scalar::report_nan(results[0], sink);
}

void argmin(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  AxisView x(operands[0].type, std::get<std::int64_t>(attributes[0]));
  auto* out = static_cast<std::int64_t*>(results[0].buffer.mutable_data());
  scalar::visit<0xfe>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* in = static_cast<const scalar::Stored<T>*>(operands[0].buffer.data());
    for (std::int64_t o = 0; o < x.outer; ++o)
      for (std::int64_t i = 0; i < x.inner; ++i) {
        auto value = [&](std::int64_t k) { return scalar::load<T>(in[(o * x.size + k) * x.inner + i]); };
        std::int64_t best = 0;
        auto is_nan = [](auto v) { return !(v == v); };
        for (std::int64_t k = 1; k < x.size && !is_nan(value(best)); ++k)
          if (value(k) < value(best) || is_nan(value(k))) best = k;
        *out++ = best;
      }
  });
}

}  // namespace burin::reference
