// See composites.h.
#include <burin/composites.h>

#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"

#include <burin/ops.h>
#include <burin/promotion.h>

#include <limits>

namespace burin {

namespace {

// Runs a composite: its ops get the caller's line, and what they refuse, or find out of range, is said in the composite's
// name, since the caller wrote no `reduce_max`. The words behind the name are the op's own: composites name their operands as
// their ops do. Other faults keep the op's name.
template <class F> Tensor composite(const char* name, const std::source_location& where, F&& body) {
  SourceScope scope(where);
  detail::Recorder& r = detail::context();
  const bool outermost = !r.composite;
  if (outermost) r.composite = name;
  struct Leave {
    detail::Recorder& r;
    bool outermost;
    ~Leave() {
      if (outermost) r.composite = nullptr;
    }
  } leave{r, outermost};
  try {
    return body();
  } catch (const BurinError& e) {
    Error renamed = e.error;
    const std::size_t end = renamed.message.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
    if ((renamed.code != ErrorCode::invalid_argument && renamed.tag != "index-out-of-range") || end == 0 ||
        end == std::string::npos || renamed.message[end] != ':')
      throw;
    const std::string inner = renamed.message.substr(0, end);
    if (inner == name) throw;
    renamed.message.replace(0, end, name);
    const std::size_t length = std::string_view(name).size();
    for (std::size_t at = 0; (at = renamed.hint.find(inner + "(", at)) != std::string::npos; at += length)
      renamed.hint.replace(at, inner.size(), name);
    raise(std::move(renamed));
  }
}

// What it creates is beside the caller's operand.
template <class F> Tensor composite(const char* name, const Arg& beside, F&& body) {
  const detail::DeviceOf device(beside);
  return composite(name, beside.where(), body);
}

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

std::string type_text(const Arg& x) { return to_string(TensorType{x.dtype(), x.shape()}); }
[[noreturn]] void refuse(const char* name, const std::string& what, const char* tag,
                         const std::source_location& where) {
  detail::fail({ErrorCode::invalid_argument, std::string(name) + ": " + what, tag, "", ""}, where);
}
constexpr double infinity = std::numeric_limits<double>::infinity();
/// w · x where 0 · ∞ is 0, as a probability of 0 has it; nothing flows to x there.
Tensor weighted(const Tensor& w, const Tensor& x, double at) {
  return w * where(logical_and(equal(w, 0), equal(x, at)), 0, x);
}
/// Whether the shapes are one, as far as is known here; ops compare named sizes, which broadcast as little.
bool fits(const Shape& a, const Shape& b) {
  if (a.rank() != b.rank()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && ((a[i].is_known() && b[i].is_known()) || a[i] == Dim(1) || b[i] == Dim(1))) return false;
  return true;
}

}  // namespace

Tensor full(const Shape& shape, const Arg& value) { return full(shape, value, value.dtype()); }
Tensor full(const Shape& shape, const Arg& value, Dtype dtype) {
  return composite("full", value, [&] {
    constexpr std::string_view whose = "the dtype asked for";
    detail::Content c;
    if (value.tensor()) {
      c = detail::HandleAccess::read(*value.tensor());
      detail::check_usable(c, value.tensor(), value.where());
      detail::check_fits("full", c, dtype, value.where(), whose);
    } else {
      c.node = detail::number_node("full", value, dtype, whose);
    }
    Tensor v = detail::HandleAccess::make(c);
    if (v.dtype() != dtype) v = cast(v, dtype);
    return shape.empty() && v.shape().empty() ? detail::placed(v) : broadcast_to(v, shape);
  });
}
Tensor zeros(const Shape& shape, Dtype dtype, std::source_location where) {
  return composite("zeros", where, [&] { return full(shape, Arg(0, where), dtype); });
}
Tensor ones(const Shape& shape, Dtype dtype, std::source_location where) {
  return composite("ones", where, [&] { return full(shape, Arg(1, where), dtype); });
}
Tensor zeros_like(const Arg& x) {
  return composite("zeros_like", x, [&] { return full(x.shape(), Arg(0, x.where()), x.dtype()); });
}
Tensor ones_like(const Arg& x) {
  return composite("ones_like", x, [&] { return full(x.shape(), Arg(1, x.where()), x.dtype()); });
}
Tensor arange(Dim n, Dtype dtype, std::source_location where) {
  return composite("arange", where, [&] { return iota(Shape{n}, 0, dtype, where); });
}

Tensor size_of(Dim n, std::source_location where) {
  if (const auto number = constant_value(n)) return full({}, Arg(*number, where), i64);
  // A named size has no value while tracing: the last of 0, 1, …, n is it, and nothing computes the others.
  SourceScope scope(where);
  return reshape(slice(iota(Shape{n + 1}, 0, i64), {n}, {1}), {});
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
Tensor sum(const Arg& x, const Axes& axes, bool keepdims) {
  return composite("sum", x, [&] { return reduce_sum(x, axes, keepdims); });
}
Tensor mean(const Arg& x, const Axes& axes, bool keepdims) {
  return composite("mean", x, [&] {
    // Sum and count may exceed what a narrow float holds, the mean does not.
    const Dtype own = is_floating(x.dtype()) ? x.dtype() : f32, wide = compute_dtype(own);
    Tensor total = x.dtype() == wide ? reduce_sum(x, axes, keepdims) : reduce_sum(cast(x, wide), axes, keepdims);
    Tensor result = total / count_along(x, detail::axes_of(x, axes), wide);
    return own == wide ? result : cast(result, own);
  });
}
// By counting: of no elements the greatest is an error, their number is not. i64 counts whatever fits in memory.
namespace {
Tensor count_true(const char* name, const Arg& x, bool what, const Axes& axes, bool keepdims) {
  if (x.dtype() != boolean)
    detail::fail({ErrorCode::invalid_argument, std::string(name) + ": x is " + type_text(x) + "; expected dtype bool",
                  "dtype", "", "compare first, for example " + std::string(name) + "(x != 0)"},
                 x.where());
  return reduce_sum(what ? cast(x, i64) : cast(logical_not(x), i64), axes, keepdims);
}
}  // namespace
Tensor any(const Arg& x, const Axes& axes, bool keepdims) {
  return composite("any", x, [&] { return count_true("any", x, true, axes, keepdims) > 0; });
}
Tensor all(const Arg& x, const Axes& axes, bool keepdims) {
  return composite("all", x, [&] { return equal(count_true("all", x, false, axes, keepdims), 0); });
}
// The greatest element is taken away so that e^x cannot overflow; the result does not depend on it, nor does its derivative.
Tensor softmax(const Arg& x, Axis axis) {
  return composite("softmax", x, [&] {
    Tensor e = exp(x - stop_gradient(reduce_max(x, axis, true)));
    return e / reduce_sum(e, axis, true);
  });
}
Tensor log_softmax(const Arg& x, Axis axis) {
  return composite("log_softmax", x, [&] {
    Tensor centred = x - stop_gradient(reduce_max(x, axis, true));
    return centred - log(reduce_sum(exp(centred), axis, true));
  });
}
Tensor one_hot(const Arg& labels, Dim classes, Dtype dtype) {
  return composite("one_hot", labels, [&] {
    if (!is_integer(labels.dtype()))
      refuse("one_hot", "labels is " + type_text(labels) + "; expected integers", "dtype", labels.where());
    return cast(equal(expand_dims(labels, -1), iota(Shape{classes}, 0, i32)), dtype);
  });
}
Tensor argmax(const Arg& x, Axis axis) {
  return composite("argmax", x, [&] {
    // The least of what counts the other way round; -x - 1 does so for every integer, the least and unsigned ones too.
    return argmin(is_integer(x.dtype()) ? -x - 1 : -x, axis);
  });
}
Tensor softmax_cross_entropy(const Arg& logits, const Arg& targets) {
  const char* name = "softmax_cross_entropy";
  return composite(name, logits, [&] {
    const Shape shape = logits.shape();
    if (!is_floating(logits.dtype()))
      refuse(name, "logits is " + type_text(logits) + "; expected dtype " + to_string(floating_dtypes), "dtype",
             logits.where());
    if (shape.empty())
      refuse(name, "logits is " + type_text(logits) + "; expected an axis of classes", "rank", logits.where());
    const bool classes = is_integer(targets.dtype());
    const Shape rows(std::span<const Dim>(shape.begin(), shape.end() - 1));
    if ((!classes && !is_floating(targets.dtype())) || !fits(targets.shape(), classes ? rows : shape))
      refuse(name,
             "logits is " + type_text(logits) + ", targets is " + type_text(targets) + "; expected classes, i32" +
                 to_string(rows) + ", or probabilities, " + type_text(logits),
             "shape-mismatch", logits.where());
    const Tensor centred = logits - stop_gradient(reduce_max(logits, -1, true));
    const Tensor total = log(reduce_sum(exp(centred), -1));
    if (!classes) {
      const Tensor given = cast(targets, *promote(targets.dtype(), logits.dtype()));
      return mean(reduce_sum(given, -1) * total - reduce_sum(weighted(given, centred, -infinity), -1));
    }
    // A label out of range would be a row without a right class; looking each up makes it the fault that it is.
    const Tensor positions = iota(Shape{shape[shape.size() - 1]}, 0, i32);
    const Tensor right = equal(expand_dims(gather(positions, targets, 0), -1), positions);
    return mean(total - reduce_sum(where(right, centred, 0), -1));
  });
}
Tensor sigmoid_cross_entropy(const Arg& logits, const Arg& targets) {
  const char* name = "sigmoid_cross_entropy";
  return composite(name, logits, [&] {
    if (!is_floating(logits.dtype()))
      refuse(name, "logits is " + type_text(logits) + "; expected dtype " + to_string(floating_dtypes), "dtype",
             logits.where());
    if (is_integer(targets.dtype()) || !fits(targets.shape(), logits.shape()))
      refuse(name,
             "logits is " + type_text(logits) + ", targets is " + type_text(targets) + "; expected bools or " +
                 type_text(logits),
             "shape-mismatch", logits.where());
    if (targets.dtype() == boolean) return mean(softplus(where(targets, -logits, logits)));
    const Tensor yes = cast(targets, logits.dtype());
    return mean(weighted(yes, softplus(-logits), infinity) + weighted(1 - yes, softplus(logits), infinity));
  });
}
Tensor expand_dims(const Arg& x, Axis axis) {
  SourceScope scope(x.where());
  Shape from = x.shape(), to;
  const std::string type = to_string(TensorType{x.dtype(), from});
  if (from.rank() == max_rank)
    detail::fail({ErrorCode::invalid_argument,
                  "expand_dims: the result would have rank " + std::to_string(max_rank + 1) + ": x is " + type +
                      "; expected " + std::to_string(max_rank) + " or less",
                  "rank", "", ""},
                 x.where());
  Axis at = axis < 0 ? axis + from.rank() + 1 : axis;
  if (at < 0 || at > from.rank())
    detail::fail({ErrorCode::invalid_argument,
                  "expand_dims: axis " + std::to_string(axis) + " is out of range: x is " + type + "; expected " +
                      std::to_string(-from.rank() - 1) + " to " + std::to_string(from.rank()),
                  "axis", "", ""},
                 x.where());
  for (std::size_t i = 0; i <= from.size(); ++i) {
    if (static_cast<Axis>(i) == at) to.push_back(1);
    if (i < from.size()) to.push_back(from[i]);
  }
  return reshape(x, to);
}

}  // namespace burin
