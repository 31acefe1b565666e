// reduce_sum reduce_max argmin cumsum: shape rules, then the referee's kernels: elements in row-major order, accumulated in f64 or
// wrapping integers, rounded once.
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace burin::shape_rules {

Types reduce(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  const auto& axes = attribute<std::vector<std::int64_t>>(q, 0);
  bool keepdims = attribute<bool>(q, 1);
  std::uint32_t reduced = 0;
  for (std::int64_t axis : axes) {
    if (!has_axis(q, axis)) return bad_axis(q, axis);
    if (reduced & (1u << axis))
      return violation(
          q, "repeated-axis",
          "axis " + std::to_string(axis) + " is given twice: x is " + to_string(x) + "; expected each axis once");
    reduced |= 1u << axis;
  }
  Shape out;
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (!(reduced & (1u << i))) out.push_back(x.shape[static_cast<std::size_t>(i)]);
    else if (keepdims) out.push_back(1);
  }
  return one(q, out);
}

Types argmin(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  if (!not_empty(q, axis)) return empty_axis(q, axis);
  return one(q, *with_axis_replaced(q, axis, {}));
}

Types cumsum(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  return has_axis(q, axis) ? one(q, q.operands[0].shape) : bad_axis(q, axis);
}

}  // namespace burin::shape_rules

namespace burin::reference {

namespace {

/// result = combine over `axes` of x, from `init`; any element type whose Value combine takes.
template <class T, class F>
void reduce_with(const HostTensor& x, HostTensor& result, const std::vector<std::int64_t>& axes, scalar::Value<T> init,
                 F combine) {
  scalar::Sizes sizes(x.type.shape);
  // The result's strides under x's shape: 0 along reduced axes, whether they were kept or not.
  scalar::Walk<1> walk{sizes, {scalar::Strides(sizes, sizes)}};
  std::int64_t step = 1;
  for (int i = sizes.rank - 1; i >= 0; --i) {
    bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    walk.strides[0].s[i] = reduced ? 0 : step;
    if (!reduced) step *= sizes[i];
  }
  std::vector<scalar::Value<T>> sums(static_cast<std::size_t>(result.num_elements()), init);
  auto* in = static_cast<const scalar::Stored<T>*>(x.buffer.data());
  for (std::int64_t i = 0, n = sizes.count(); i < n; ++i, walk.next(sizes.rank - 1)) {
    auto at = static_cast<std::size_t>(walk.offset[0]);
    sums[at] = combine(sums[at], scalar::load<T>(in[i]));
  }
  auto* out = static_cast<scalar::Stored<T>*>(result.buffer.mutable_data());
  for (std::size_t i = 0; i < sums.size(); ++i) out[i] = scalar::store<T>(sums[i]);
}

}  // namespace

void reduce_sum(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes,
                const KernelSink&) {
  const auto& axes = std::get<std::vector<std::int64_t>>(attributes[0]);
  if (axes.empty()) {  // nothing is added, not 0 either: -0 stays
    if (results[0].num_bytes() > 0)
      std::memcpy(results[0].buffer.mutable_data(), operands[0].buffer.data(),
                  static_cast<std::size_t>(results[0].num_bytes()));
    return;
  }
  visit<numeric_dtypes>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    reduce_with<T>(operands[0], results[0], axes, scalar::Value<T>(0), [](auto sum, auto x) { return sum + x; });
  });
}

void reduce_max(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes,
                const KernelSink&) {
  visit<numeric_dtypes>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    scalar::Value<T> least;
    if constexpr (std::is_same_v<scalar::Value<T>, double>) least = -std::numeric_limits<double>::infinity();
    else least = scalar::Value<T>(std::numeric_limits<T>::min());
    reduce_with<T>(operands[0], results[0], std::get<std::vector<std::int64_t>>(attributes[0]), least,
                   [](auto best, auto x) { return scalar::maximum(best, x); });
  });
}

void argmin(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes,
            const KernelSink&) {
  scalar::AxisView x(operands[0].type.shape, std::get<std::int64_t>(attributes[0]));
  auto* out = static_cast<std::int64_t*>(results[0].buffer.mutable_data());
  visit<numeric_dtypes>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
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

void cumsum(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes,
            const KernelSink&) {
  scalar::AxisView x(operands[0].type.shape, std::get<std::int64_t>(attributes[0]));
  const bool exclusive = std::get<bool>(attributes[1]), reverse = std::get<bool>(attributes[2]);
  visit<numeric_dtypes>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* from = static_cast<const scalar::Stored<T>*>(operands[0].buffer.data());
    auto* to = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
    for (std::int64_t o = 0; o < x.outer; ++o)
      for (std::int64_t i = 0; i < x.inner; ++i) {
        scalar::Value<T> sum(0);
        for (std::int64_t k = 0; k < x.size; ++k) {
          const std::int64_t at = (o * x.size + (reverse ? x.size - 1 - k : k)) * x.inner + i;
          const scalar::Value<T> before = sum;
          sum = sum + scalar::load<T>(from[at]);
          to[at] = scalar::store<T>(exclusive ? before : sum);
        }
      }
  });
}

}  // namespace burin::reference
