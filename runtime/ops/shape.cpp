// broadcast_to reshape transpose concatenate slice pad. Shape rules: sizes may be expressions, what cannot be known becomes
// a guard. The referee's kernels copy bytes of one element size and know no dtypes.
#include "runtime/ops/scalar.h"
#include "runtime/ops/shape_rules.h"

#include <algorithm>
#include <cstring>

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
  return violation(q, "negative-size",
                   std::string(what) + " is " + list_text(dims) + ": entry " + std::to_string(i) +
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
  return violation(q, "rank-mismatch",
                   std::string(name) + " has " + std::to_string(length) + " entries: x is " + to_string(q.operands[0]) +
                       "; expected one for each axis, " + std::to_string(rank));
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
    return violation(
        q, "shape-mismatch",
        "x does not broadcast: x is " + to_string(x) + "; expected a shape that broadcasts to " + list_text(shape));
  return one(q, Shape(shape));
}

Types after(const ShapeQuery& q) { return std::vector<TensorType>{q.operands[0]}; }

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
      return violation(q, "element-count",
                       "numbers of elements differ: " + count_text() + ", shape is " + list_text(shape) + " (" +
                           to_string(Shape(shape).num_elements()) + "); expected as many");
    return one(q, Shape(shape));
  }
  bool divides = right != Dim(0) &&
                 (right == Dim(1) ||
                  require(q, right.is_known() ? Guard{Guard::Kind::divisible, left, right}
                                              : Guard{Guard::Kind::equal, floordiv(left, right) * right, left}));
  if (!divides)
    return violation(q, "inferred-size",
                     "the size -1 of shape " + list_text(shape) + " cannot be inferred: " + count_text() +
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
    return violation(q, "permutation",
                     "axes [" + text + "] are not an order of x's: x is " + to_string(x) + "; expected each axis once");
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
        return violation(q, "shape-mismatch",
                         "sizes differ at axis " + std::to_string(d) + ": " + operand_text(q) +
                             "; expected equal sizes but along axis " + std::to_string(axis));
      else if (shape[d].is_known()) out[d] = shape[d];
    }
  }
  return one(q, out);
}

static std::string braces(const std::vector<Dim>& list) {
  std::string text;
  for (Dim d : list) text += (text.empty() ? "" : ", ") + to_string(d);
  return "{" + text + "}";
}

Types slice(const ShapeQuery& q) {
  const TensorType& x = q.operands[0];
  const auto &starts = attribute<Dims>(q, 0), &sizes = attribute<Dims>(q, 1);
  const auto& strides = attribute<Ints>(q, 2);
  if (auto ok = check_lengths(q, starts.size(), "starts", sizes.size(), "sizes", strides.size(), "strides"); !ok)
    return ok.error();
  for (std::int64_t s : strides)
    if (s < 1) return violation(q, "stride", "stride " + std::to_string(s) + " is less than 1; expected 1 or more");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Dim n = size(x, i), stride = strides.empty() ? 1 : strides[i];
    // The position after the last one taken; a block of size 0 may stand at the very end.
    Dim end = sizes[i] == Dim(0) ? starts[i] : starts[i] + (sizes[i] - 1) * stride + 1;
    bool inside = !first_negative(q, std::array{starts[i], sizes[i]}) && !end.is_overflow() &&
                  require(q, Guard{Guard::Kind::at_least, n, end});
    if (!inside) {
      // Sizes that would be right if they were ends.
      std::vector<Dim> lengths;
      bool ends = strides.empty();
      for (std::size_t k = 0; ends && k < sizes.size(); ++k) {
        ends = starts[k].is_known() && sizes[k].is_known() && size(x, k).is_known() &&
               sizes[k].value() <= size(x, k).value() && starts[k].value() <= sizes[k].value();
        if (ends) lengths.push_back(sizes[k] - starts[k]);
      }
      return violation(
          q, "out-of-bounds",
          "the block leaves x at axis " + std::to_string(i) + ": x is " + to_string(x) + ", start " +
              to_string(starts[i]) + ", size " + to_string(sizes[i]) + ", stride " + to_string(stride) +
              "; expected positions from 0 to " + to_string(n - 1),
          ends ? "slice takes sizes, not ends: did you mean slice(x, " + braces(starts) + ", " + braces(lengths) + ")?"
               : "");
    }
  }
  return one(q, Shape(sizes));
}

Types pad(const ShapeQuery& q) {
  const TensorType &x = q.operands[0], &value = q.operands[1];
  const auto &low = attribute<Dims>(q, 0), &high = attribute<Dims>(q, 1);
  const auto& interior = attribute<Ints>(q, 2);
  if (value.shape.rank() != 0) return violation(q, "scalar", "value is " + to_string(value) + "; expected rank 0");
  if (auto ok = check_lengths(q, low.size(), "low", high.size(), "high", interior.size(), "interior"); !ok)
    return ok.error();
  if (auto i = first_negative(q, low)) return negative_size(q, "low", low, *i);
  if (auto i = first_negative(q, high)) return negative_size(q, "high", high, *i);
  if (auto negative = std::find_if(interior.begin(), interior.end(), [](std::int64_t n) { return n < 0; });
      negative != interior.end())
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

namespace burin::reference {

namespace {

using Operands = std::span<const HostTensor>;
using Results = std::span<HostTensor>;
using scalar::Sizes;
using scalar::Strides;
using scalar::Walk;

/// Copies `count` elements of `sizes`, reading and writing at strides of its own on either side.
void copy_strided(const std::byte* from, const Strides& from_strides, std::byte* to, const Strides& to_strides,
                  const Sizes& sizes, std::int64_t element) {
  Walk<2> walk{sizes, {from_strides, to_strides}};
  for (std::int64_t i = 0, n = sizes.count(); i < n; ++i, walk.next(sizes.rank - 1))
    std::memcpy(to + walk.offset[1] * element, from + walk.offset[0] * element, static_cast<std::size_t>(element));
}

const std::byte* memory(const HostTensor& t) { return static_cast<const std::byte*>(t.buffer.data()); }
std::byte* memory(HostTensor& t) { return static_cast<std::byte*>(t.buffer.mutable_data()); }

/// Dense strides of a shape, 1-sized axes included (Strides zeroes those).
Strides dense(const Sizes& s) {
  Strides result(s, s);
  std::int64_t step = 1;
  for (int i = s.rank - 1; i >= 0; --i) {
    result.s[i] = step;
    step *= s[i];
  }
  return result;
}

std::int64_t number(const Attribute& list, int i) {
  return std::get<std::vector<Dim>>(list)[static_cast<std::size_t>(i)].value();
}

/// The entry of an optional list of integers.
std::int64_t entry(const Attribute& list, int i, std::int64_t otherwise) {
  const auto& values = std::get<std::vector<std::int64_t>>(list);
  return values.empty() ? otherwise : values[static_cast<std::size_t>(i)];
}

}  // namespace

void broadcast_to(Operands operands, Results results, const Attributes&, const KernelSink&) {
  Sizes out(results[0].type.shape);
  copy_strided(memory(operands[0]), Strides(Sizes(operands[0].type.shape), out), memory(results[0]), dense(out), out,
               bytes(results[0].type.dtype, 1));
}

void after(Operands operands, Results results, const Attributes&, const KernelSink&) {
  results[0].buffer = operands[0].buffer;
}

/// Shares the operand's bytes: row-major order is the same.
void reshape(Operands operands, Results results, const Attributes&, const KernelSink&) {
  results[0].buffer = operands[0].buffer;
}

void transpose(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  const auto& permutation = std::get<std::vector<std::int64_t>>(attributes[0]);
  Sizes out(results[0].type.shape);
  Strides x = dense(Sizes(operands[0].type.shape)), permuted = x;
  for (int i = 0; i < out.rank; ++i) permuted.s[i] = x[static_cast<int>(permutation[static_cast<std::size_t>(i)])];
  copy_strided(memory(operands[0]), permuted, memory(results[0]), dense(out), out, bytes(results[0].type.dtype, 1));
}

void concatenate(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  auto axis = static_cast<int>(std::get<std::int64_t>(attributes[0]));
  std::int64_t element = bytes(results[0].type.dtype, 1);
  Strides out = dense(Sizes(results[0].type.shape));
  std::byte* to = memory(results[0]);
  for (const HostTensor& operand : operands) {
    Sizes sizes(operand.type.shape);
    copy_strided(memory(operand), dense(sizes), to, out, sizes, element);
    to += sizes[axis] * out[axis] * element;
  }
}

void slice(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  std::int64_t element = bytes(results[0].type.dtype, 1);
  Sizes out(results[0].type.shape);
  Strides x = dense(Sizes(operands[0].type.shape)), stepped = x;
  const std::byte* from = memory(operands[0]);
  for (int i = 0; i < out.rank; ++i) {
    from += number(attributes[0], i) * x[i] * element;
    stepped.s[i] = x[i] * entry(attributes[2], i, 1);
  }
  copy_strided(from, stepped, memory(results[0]), dense(out), out, element);
}

void pad(Operands operands, Results results, const Attributes& attributes, const KernelSink&) {
  std::int64_t element = bytes(results[0].type.dtype, 1);
  Strides out = dense(Sizes(results[0].type.shape)), stepped = out;
  std::byte* to = memory(results[0]);
  for (std::int64_t i = 0, n = results[0].num_elements(); i < n; ++i)
    std::memcpy(to + i * element, memory(operands[1]), static_cast<std::size_t>(element));
  Sizes x(operands[0].type.shape);
  for (int i = 0; i < x.rank; ++i) {
    to += number(attributes[0], i) * out[i] * element;
    stepped.s[i] = out[i] * (entry(attributes[2], i, 0) + 1);
  }
  copy_strided(memory(operands[0]), dense(x), to, stepped, x, element);
}

}  // namespace burin::reference
