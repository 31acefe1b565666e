// See composites.h.
#include <burin/composites.h>

#include "frontend/trace/recorder.h"

#include <burin/ops.h>

namespace burin {

namespace {

// The number of elements that a reduction combines, as a tensor of x's dtype: a constant where the sizes are known.
Tensor count_along(const Arg& x, const std::vector<std::int64_t>& axes, Dtype dtype) {
  Shape shape = x.shape();
  Dim n = 1;
  Shape reduced;
  for (auto a : axes)
    if (a >= 0 && a < shape.rank()) {
      n = n * shape[static_cast<std::size_t>(a)];
      reduced.push_back(shape[static_cast<std::size_t>(a)]);
    }
  if (n.is_known()) return full({}, Arg(n.value(), x.where()), dtype);
  return reduce_sum(Arg(full(reduced, Arg(1, x.where()), dtype), x.where()));
}

}  // namespace

Tensor full(const Shape& shape, const Arg& value) { return full(shape, value, value.dtype()); }
Tensor full(const Shape& shape, const Arg& value, Dtype dtype) {
  SourceScope scope(value.where());
  Tensor v = value.tensor() ? *value.tensor() : detail::HandleAccess::make(detail::number_node(value, dtype));
  if (v.dtype() != dtype) v = cast(v, dtype);
  return shape.empty() && v.shape().empty() ? v : broadcast_to(v, shape);
}
Tensor zeros(const Shape& shape, Dtype dtype, std::source_location where) { return full(shape, Arg(0, where), dtype); }
Tensor ones(const Shape& shape, Dtype dtype, std::source_location where) { return full(shape, Arg(1, where), dtype); }
Tensor arange(Dim n, Dtype dtype, std::source_location where) { return iota(Shape{n}, 0, dtype, where); }

Tensor size_of(Dim n, std::source_location where) {
  if (n.is_known()) return full({}, Arg(n.value(), where), i64);
  // A named size has no value while tracing; counting ones gives it.
  return reduce_sum(Arg(full(Shape{n}, Arg(1, where), i64), where));
}

Tensor relu(const Arg& x) {
  SourceScope scope(x.where());
  return max(x, 0);
}
// Not `!(b < a)`, which would be true beside NaN.
Tensor less_equal(const Arg& a, const Arg& b) {
  SourceScope scope(a.where());
  return logical_or(less(a, b), equal(a, b));
}
Tensor greater(const Arg& a, const Arg& b) { return less(b, a); }
Tensor greater_equal(const Arg& a, const Arg& b) { return less_equal(b, a); }
Tensor not_equal(const Arg& a, const Arg& b) {
  SourceScope scope(a.where());
  return logical_not(equal(a, b));
}
Tensor sum(const Arg& x, const Axes& axes, bool keepdims) { return reduce_sum(x, axes, keepdims); }
Tensor mean(const Arg& x, const Axes& axes, bool keepdims) {
  SourceScope scope(x.where());
  Dtype dtype = is_floating(x.dtype()) ? x.dtype() : f32;
  Tensor total = reduce_sum(is_floating(x.dtype()) ? *x.tensor() : cast(x, f32), axes, keepdims);
  return total / count_along(x, detail::axes_of(x, axes), dtype);
}
Tensor softmax(const Arg& x, Axis axis) {
  SourceScope scope(x.where());
  Tensor e = exp(x - reduce_max(x, axis, true));
  return e / reduce_sum(e, axis, true);
}
Tensor log_softmax(const Arg& x, Axis axis) {
  SourceScope scope(x.where());
  Tensor centred = x - reduce_max(x, axis, true);
  return centred - log(reduce_sum(exp(centred), axis, true));
}
Tensor expand_dims(const Arg& x, Axis axis) {
  SourceScope scope(x.where());
  Shape from = x.shape(), to;
  Axis at = axis < 0 ? axis + from.rank() + 1 : axis;
  if (at < 0 || at > from.rank() || from.rank() == max_rank)
    detail::fail(
        {ErrorCode::invalid_argument,
         "expand_dims: axis " + std::to_string(axis) + " is out of range for " + to_string(TensorType{x.dtype(), from}),
         "axis", "", ""},
        x.where());
  for (std::size_t i = 0; i <= from.size(); ++i) {
    if (static_cast<Axis>(i) == at) to.push_back(1);
    if (i < from.size()) to.push_back(from[i]);
  }
  return reshape(x, to);
}

}  // namespace burin
