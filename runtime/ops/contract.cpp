// matmul: shape rule, then the referee's three plain loops, accumulated in f64 or wrapping integers, rounded once.
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

namespace burin::shape_rules {

Types matmul(const ShapeQuery& q) {
  const TensorType &lhs = q.operands[0], &rhs = q.operands[1];
  int m = lhs.shape.rank(), n = rhs.shape.rank();
  if (m < 2 || n < 2) {
    std::string hint = n == 1 && m >= 1 ? "did you mean reshape(rhs, {" + to_string(rhs.shape[0]) + ", 1})?"
                       : m == 1         ? "did you mean reshape(lhs, {1, " + to_string(lhs.shape[0]) + "})?"
                                        : "";
    return violation(q, "rank", "operands are not matrices: " + operand_text(q) + "; expected rank 2 or more for both",
                     hint);
  }
  auto at = [](const TensorType& t, int from_end) {
    return t.shape[static_cast<std::size_t>(t.shape.rank() - from_end)];
  };
  if (!same_size(q, at(lhs, 1), at(rhs, 2))) {
    std::string hint = n == 2 && at(lhs, 1) == at(rhs, 1)   ? "did you mean transpose(rhs)?"
                       : m == 2 && at(lhs, 2) == at(rhs, 2) ? "did you mean transpose(lhs)?"
                                                            : "";
    return violation(q, "shape-mismatch",
                     "inner dimensions differ: " + operand_text(q) + "; expected rhs dim " + std::to_string(n - 2) +
                         " to be " + to_string(at(lhs, 1)),
                     hint);
  }
  auto batch = broadcast_shapes(q, 2);
  if (!batch)
    return violation(q, "shape-mismatch",
                     "leading axes do not broadcast: " + operand_text(q) +
                         "; expected each size before the last two to be equal or 1");
  batch->push_back(at(lhs, 2));
  batch->push_back(at(rhs, 1));
  return one(q, *batch);
}

}  // namespace burin::shape_rules

namespace burin::reference {

void matmul(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes&, const KernelSink&) {
  const HostTensor &lhs = operands[0], &rhs = operands[1];
  scalar::Sizes a(lhs.type.shape), b(rhs.type.shape), y(results[0].type.shape);
  std::int64_t m = y[y.rank - 2], n = y[y.rank - 1], k = a[a.rank - 1];
  // The leading axes are walked as a broadcast of matrices.
  auto leading = [](scalar::Sizes s) {
    s.rank -= 2;
    return s;
  };
  scalar::Sizes batch = leading(y);
  scalar::Walk<2> walk{batch, {scalar::Strides(leading(a), batch), scalar::Strides(leading(b), batch)}};
  visit<numeric_dtypes>(lhs.type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* pa = static_cast<const scalar::Stored<T>*>(lhs.buffer.data());
    auto* pb = static_cast<const scalar::Stored<T>*>(rhs.buffer.data());
    auto* py = static_cast<scalar::Stored<T>*>(results[0].buffer.mutable_data());
    for (std::int64_t r = 0, count = batch.count(); r < count; ++r, walk.next(batch.rank - 1)) {
      const auto* ra = pa + walk.offset[0] * m * k;
      const auto* rb = pb + walk.offset[1] * k * n;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          scalar::Value<T> sum(0);
          for (std::int64_t p = 0; p < k; ++p)
            sum = sum + scalar::load<T>(ra[i * k + p]) * scalar::load<T>(rb[p * n + j]);
          *py++ = scalar::store<T>(sum);
        }
    }
  });
}

}  // namespace burin::reference
