// Functions made of the catalogue's ops. Errors and views name the caller's line, not theirs.
#pragma once
#include <burin/tensor.h>

namespace burin {

/// All elements `value`, of the shape. Example: `full({2, 3}, 1.5f)` is f32[2,3].
BURIN_API Tensor full(const Shape& shape, const Arg& value);
BURIN_API Tensor full(const Shape& shape, const Arg& value, Dtype dtype);
BURIN_API Tensor zeros(const Shape& shape, Dtype dtype = f32,
                       std::source_location where = std::source_location::current());
BURIN_API Tensor ones(const Shape& shape, Dtype dtype = f32,
                      std::source_location where = std::source_location::current());
/// 0, 1, …, n - 1. Example: `arange(4)` is i64[4].
BURIN_API Tensor arange(Dim n, Dtype dtype = i64, std::source_location where = std::source_location::current());

/// A size as an i64[] tensor: of a named size, the number that a call binds it to.
BURIN_API Tensor size_of(Dim n, std::source_location where = std::source_location::current());

/// y = max(x, 0), NaN kept. `x`: any numeric dtype [...]. Differentiable. Example: `relu(x - 1)`.
BURIN_API Tensor relu(const Arg& x);
/// y = a ≤ b and its kin as functions, element by element with broadcasting; bool. False beside NaN (`not_equal`: true).
BURIN_API Tensor less_equal(const Arg& a, const Arg& b);
BURIN_API Tensor greater(const Arg& a, const Arg& b);
BURIN_API Tensor greater_equal(const Arg& a, const Arg& b);
BURIN_API Tensor not_equal(const Arg& a, const Arg& b);
/// y = Σ x over axes. `reduce_sum` by its short name.
BURIN_API Tensor sum(const Arg& x, const Axes& axes = all_axes, bool keepdims = false);
/// y = Σ x / n over axes, n the number of elements combined. `x`: float [...]; of integers and bools the mean is f32. Differentiable.
/// Example: `mean(x, -1)`.
BURIN_API Tensor mean(const Arg& x, const Axes& axes = all_axes, bool keepdims = false);
/// y = e^(x - max x) / Σ e^(x - max x) along an axis. `x`: float [...]. Differentiable. Example: `softmax(logits)`.
BURIN_API Tensor softmax(const Arg& x, Axis axis = -1);
/// y = x - max x - log Σ e^(x - max x) along an axis. `x`: float [...]. Differentiable.
BURIN_API Tensor log_softmax(const Arg& x, Axis axis = -1);
/// x with a new axis of size 1. Example: `expand_dims(x, -1)`.
BURIN_API Tensor expand_dims(const Arg& x, Axis axis);

}  // namespace burin
