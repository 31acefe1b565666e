// The referee's reductions: elements in row-major order, accumulated in f64 or wrapping integers, rounded once.
#include "runtime/ops/scalar.h"

#include <algorithm>
#include <vector>

namespace burin::reference {
namespace {

/// result = combine over `axes` of x, from `init`; any element type whose Value combine takes.
template <class T, class F>
void reduce_with(const HostTensor& x, HostTensor& result, const std::vector<std::int64_t>& axes, scalar::Value<T> init, F combine) {
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

void reduce_sum(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes, const KernelSink& sink) {
  scalar::visit<0xfe>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    reduce_with<T>(operands[0], results[0], std::get<std::vector<std::int64_t>>(attributes[0]), scalar::Value<T>(0),
                   [](auto sum, auto x) { return sum + x; });
  });
  if (sink.check_mode) scalar::report_nan(results[0], sink);
}

void reduce_max(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes& attributes, const KernelSink& sink) {
  scalar::visit<0xfe>(operands[0].type.dtype, [&]<class T>(std::type_identity<T>) {
    scalar::Value<T> least;
    if constexpr (std::is_same_v<scalar::Value<T>, double>) least = -std::numeric_limits<double>::infinity();
    else least = scalar::Value<T>(std::numeric_limits<T>::min());
    reduce_with<T>(operands[0], results[0], std::get<std::vector<std::int64_t>>(attributes[0]), least,
                   [](auto best, auto x) { return scalar::maximum(best, x); });
  });
  if (sink.check_mode) scalar::report_nan(results[0], sink);
}

}  // namespace burin::reference
