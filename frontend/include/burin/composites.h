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
/// Zeros, or ones, of x's dtype and shape. Example: `Tensor moments = zeros_like(w);`
BURIN_API Tensor zeros_like(const Arg& x);
BURIN_API Tensor ones_like(const Arg& x);
/// 0, 1, …, n - 1. Example: `arange(4)` is i64[4].
BURIN_API Tensor arange(Dim n, Dtype dtype = i64, std::source_location where = std::source_location::current());

/// A size as an i64[] tensor: of a named size, the number that a call binds it to.
BURIN_API Tensor size_of(Dim n, std::source_location where = std::source_location::current());

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
/// Whether any, or all, of the elements along the axes are true; of none, `any` is false and `all` true. `x`: bool [...]; the
/// result is bool. Not differentiable. Throws InvalidArgument [dtype, axis, repeated-axis].
/// Example: `cond(any(x < 0), [&] { return -x; }, [&] { return x; })`.
BURIN_API Tensor any(const Arg& x, const Axes& axes = all_axes, bool keepdims = false);
BURIN_API Tensor all(const Arg& x, const Axes& axes = all_axes, bool keepdims = false);
/// y = e^(x - max x) / Σ e^(x - max x) along an axis. `x`: float [...]. Differentiable. Example: `softmax(logits)`.
BURIN_API Tensor softmax(const Arg& x, Axis axis = -1);
/// y = x - max x - log Σ e^(x - max x) along an axis. `x`: float [...]. Differentiable.
BURIN_API Tensor log_softmax(const Arg& x, Axis axis = -1);
/// The mean over rows of -Σ_c t_c · log_softmax(logits)_c, as a floating-point scalar: the loss of a classifier.
/// `logits`: float [..., c]. `targets`: the right classes, integers [...], where one that is not from 0 to c - 1 is a fault; or
/// probabilities, float [..., c]. Accurate for logits of any size. Differentiable by logits and probabilities.
/// Throws InvalidArgument [shape-mismatch, dtype, rank].
/// Example: `Tensor loss = softmax_cross_entropy(mlp(p, x), labels);`
BURIN_API Tensor softmax_cross_entropy(const Arg& logits, const Arg& targets);
/// The mean of -t · log σ(logits) - (1 - t) · log σ(-logits): the loss of yes-or-no answers. `logits`: float [...]; `targets`:
/// bools or probabilities of the same shape. Accurate for logits of any size. Differentiable.
/// Throws InvalidArgument [shape-mismatch, dtype]. Example: `sigmoid_cross_entropy(logits, Tensor({1.0f, 0.0f}))`.
BURIN_API Tensor sigmoid_cross_entropy(const Arg& logits, const Arg& targets);
/// y[..., c] = 1 where labels[...] is c, else 0: a row of zeros for a label that is not from 0 to classes - 1.
/// `labels`: integers [...]. Example: `one_hot(Tensor({2, 0}), 3)` is [[0, 0, 1], [1, 0, 0]].
BURIN_API Tensor one_hot(const Arg& labels, Dim classes, Dtype dtype = f32);
/// The first position of the greatest element along an axis; of the first NaN where there is one. `x`: any numeric dtype; i64.
/// Not differentiable. Example: `argmax(logits)`.
BURIN_API Tensor argmax(const Arg& x, Axis axis = -1);
/// x with a new axis of size 1. Example: `expand_dims(x, -1)`.
BURIN_API Tensor expand_dims(const Arg& x, Axis axis);

}  // namespace burin
