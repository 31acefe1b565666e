// The referee's contractions: three plain loops, accumulated in f64 or wrapping integers, rounded once.
#include "runtime/ops/scalar.h"

namespace burin::reference {

void matmul(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes&, const KernelSink& sink) {
  const HostTensor &lhs = operands[0], &rhs = operands[1];
  scalar::Sizes a(lhs.type.shape), b(rhs.type.shape), y(results[0].type.shape);
  std::int64_t m = y[y.rank - 2], n = y[y.rank - 1], k = a[a.rank - 1];
  // The leading axes are walked as a broadcast of matrices.
  auto leading = [](scalar::Sizes s) { s.rank -= 2; return s; };
  scalar::Sizes batch = leading(y);
  scalar::Walk<2> walk{batch, {scalar::Strides(leading(a), batch), scalar::Strides(leading(b), batch)}};
  scalar::visit<0xfe>(lhs.type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* pa = static_cast<const scalar::Stored<T>*>(lhs.buffer.data());
    auto* pb = static_cast<const scalar::Stored<T>*>(rhs.buffer.data());
    auto* py = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
    for (std::int64_t r = 0, count = batch.count(); r < count; ++r, walk.next(batch.rank - 1)) {
      const auto* ra = pa + walk.offset[0] * m * k;
      const auto* rb = pb + walk.offset[1] * k * n;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          scalar::Value<T> sum(0);
          for (std::int64_t p = 0; p < k; ++p) sum = sum + scalar::load<T>(ra[i * k + p]) * scalar::load<T>(rb[p * n + j]);
          *py++ = scalar::store<T>(sum);
        }
    }
  });
  if (sink.check_mode) scalar::report_nan(results[0], sink);
}

}  // namespace burin::reference
