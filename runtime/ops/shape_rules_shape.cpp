// Shape rules of the ops that move elements: broadcast_to reshape transpose concatenate slice pad.
// Sizes may be expressions; what cannot be known becomes a guard.
#include "runtime/ops/shape_rules.h"

#include <algorithm>

namespace burin::shape_rules {
namespace {

using Dims = std::vector<Dim>;
using Ints = std::vector<std::int64_t>;

std::string list_text(std::span<const Dim> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + to_string(dims[i]);
  return text + "]";
}

Dim size(const TensorType& t, std::size_t axis) { return t.shape[axis]; }

Error negative_size(const ShapeQuery& q, std::string_view what, std::span<const Dim> dims, std::size_t i) {
  return violation(q, "negative-size", std::string(what) + " is " + list_text(dims) + ": entry " + std::to_string(i) +
                                           " is negative; expected 0 or more");
}

/// Each list has an entry for each axis of x; `optional` may also be empty.
Result<void> check_lengths(const ShapeQuery& q, std::size_t first, std::string_view first_name, std::size_t second,
                           std::string_view second_name, std::size_t optional, std::string_view optional_name) {
  auto rank = static_cast<std::size_t>(q.operands[0].shape.rank());
  if (first == rank && second == rank && (optional == rank || optional == 0)) return {};
  auto [name, length] = first != rank    ? std::pair(first_name, first)
                        : second != rank ? std::pair(second_name, second)
                                         : std::pair(optional_name, optional);
  return violation(q, "rank-mismatch", std::string(name) + " has " + std::to_string(length) + " entries: x is " +
                                           to_string(q.operands[0]) + "; expected one for each axis, " + std::to_string(rank));
}

}  // namespace

Types broadcast_to(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  const auto& shape = attribute<Dims>(q, 0);
  if (auto i = first_negative(q, shape)) return negative_size(q, "shape", shape, *i);
  bool fits = static_cast<std::size_t>(x.shape.rank()) <= shape.size();
  for (std::size_t i = 0; fits && i < x.shape.size(); ++i) {
    Dim from = x.shape[i], to = shape[shape.size() - x.shape.size() + i];
    fits = from == Dim(1) || same_size(q, from, to);
  }
  if (!fits)
    return violation(q, "shape-mismatch", "x does not broadcast: x is " + to_string(x) + "; expected a shape that broadcasts to " + list_text(shape));
  return one(q, Shape(shape));
}

Types reshape(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  Dims shape = attribute<Dims>(q, 0);
  std::size_t inferred = shape.size();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (constant_value(shape[i]) != -1) continue;
    if (inferred != shape.size())
      return violation(q, "inferred-size", "shape is " + list_text(shape) + "; expected at most one size to be -1");
    inferred = i;
  }
  // Sizes that stand on both sides cancel, so that named ones need not be multiplied and divided again.
  Dims given = shape;
  if (inferred != shape.size()) given.erase(given.begin() + static_cast<std::ptrdiff_t>(inferred));
  if (auto i = first_negative(q, given)) return negative_size(q, "shape", given, *i);
  Dim left = 1, right = 1;
  Dims rest = given;
  for (Dim d : x.shape) {
    auto same = d == Dim(0) ? rest.end() : std::find(rest.begin(), rest.end(), d);
    if (same != rest.end()) rest.erase(same);
    else left = left * d;
  }
  for (Dim d : rest) right = right * d;

  auto count_text = [&] { return "x is " + to_string(x) + " (" + to_string(x.shape.num_elements()) + " elements)"; };
  if (inferred == shape.size()) {
    if (!same_size(q, left, right))
      return violation(q, "element-count", "numbers of elements differ: " + count_text() + ", shape is " + list_text(shape) + " (" +
                                               to_string(Shape(shape).num_elements()) + "); expected as many");
    return one(q, Shape(shape));
  }
  bool divides = right != Dim(0) && (right == Dim(1) || require(q, right.is_known() ? Guard{Guard::Kind::divisible, left, right}
                                                                  : Guard{Guard::Kind::equal, floordiv(left, right) * right, left}));
  if (!divides)
    return violation(q, "inferred-size", "the size -1 of shape " + list_text(shape) + " cannot be inferred: " + count_text() +
                                             "; expected a multiple of " + to_string(Shape(given).num_elements()));
  shape[inferred] = floordiv(left, right);
  return one(q, Shape(shape));
}

Types transpose(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  const auto& permutation = attribute<Ints>(q, 0);
  for (std::int64_t axis : permutation)
    if (!has_axis(q, axis)) return bad_axis(q, axis);
  Shape out;
  std::uint32_t seen = 0;
  for (std::int64_t axis : permutation) {
    if (out.rank() < x.shape.rank()) out.push_back(x.shape[static_cast<std::size_t>(axis)]);
    seen |= 1u << axis;
  }
  if (permutation.size() != x.shape.size() || seen != (1u << x.shape.rank()) - 1) {
    std::string text;
    for (std::int64_t axis : permutation) text += (text.empty() ? "" : ",") + std::to_string(axis);
    return violation(q, "permutation", "axes [" + text + "] are not an order of x's: x is " + to_string(x) + "; expected each axis once");
  }
  return one(q, out);
}

Types concatenate(const ShapeQuery& q) {
  std::int64_t axis = attribute<std::int64_t>(q, 0);
  if (q.operands.empty()) return violation(q, "no-operands", "nothing to join; expected one operand or more");
  if (!has_axis(q, axis)) return bad_axis(q, axis);
  Shape out = q.operands[0].shape;
  for (std::size_t i = 1; i < q.operands.size(); ++i) {
    const Shape& shape = q.operands[i].shape;
    if (shape.rank() != out.rank())
      return violation(q, "rank-mismatch", "ranks differ: " + operand_text(q) + "; expected the same rank for all");
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (static_cast<std::int64_t>(d) == axis) out[d] = out[d] + shape[d];
      else if (!same_size(q, out[d], shape[d]))
        return violation(q, "shape-mismatch", "sizes differ at axis " + std::to_string(d) + ": " + operand_text(q) +
                                                  "; expected equal sizes but along axis " + std::to_string(axis));
      else if (shape[d].is_known()) out[d] = shape[d];
    }
  }
  return one(q, out);
}

Types slice(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  const auto &starts = attribute<Dims>(q, 0), &sizes = attribute<Dims>(q, 1);
  const auto& strides = attribute<Ints>(q, 2);
  if (auto ok = check_lengths(q, starts.size(), "starts", sizes.size(), "sizes", strides.size(), "strides"); !ok) return ok.error();
  for (std::int64_t s : strides)
    if (s < 1) return violation(q, "stride", "stride " + std::to_string(s) + " is less than 1; expected 1 or more");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dim n = size(x, i), stride = strides.empty() ? 1 : strides[i];
    // The position after the last one taken; a block of size 0 may stand at the very end.
    Dim end = sizes[i] == Dim(0) ? starts[i] : starts[i] + (sizes[i] - 1) * stride + 1;
    bool inside = !first_negative(q, std::array{starts[i], sizes[i]}) && !end.is_overflow() && require(q, Guard{Guard::Kind::at_least, n, end});
    if (!inside)
      return violation(q, "out-of-bounds", "the block leaves x at axis " + std::to_string(i) + ": x is " + to_string(x) + ", start " +
                                               to_string(starts[i]) + ", size " + to_string(sizes[i]) + ", stride " + to_string(stride) +
                                               "; expected positions from 0 to " + to_string(n - 1));
  }
  return one(q, Shape(sizes));
}

Types pad(const ShapeQuery& q) {
  const TensorType &x = q.operands[0], &value = q.operands[1];
  const auto &low = attribute<Dims>(q, 0), &high = attribute<Dims>(q, 1);
  const auto& interior = attribute<Ints>(q, 2);
  if (value.shape.rank() != 0) return violation(q, "scalar", "value is " + to_string(value) + "; expected rank 0");
  if (auto ok = check_lengths(q, low.size(), "low", high.size(), "high", interior.size(), "interior"); !ok) return ok.error();
  if (auto i = first_negative(q, low)) return negative_size(q, "low", low, *i);
  if (auto i = first_negative(q, high)) return negative_size(q, "high", high, *i);
  if (auto negative = std::find_if(interior.begin(), interior.end(), [](std::int64_t n) { return n < 0; }); negative != interior.end())
    return violation(q, "negative-size", "interior has an entry " + std::to_string(*negative) + "; expected 0 or more");
  Shape out;
  for (std::size_t i = 0; i < low.size(); ++i) {
    Dim n = size(x, i), step = interior.empty() ? Dim(1) : Dim(interior[i]) + 1;
    Dim middle = step == Dim(1) ? n : max((n - 1) * step + 1, 0);
    out.push_back(low[i] + middle + high[i]);
  }
  return one(q, out);
}

}  // namespace burin::shape_rules
