// What shape rules are made of, and the rule of elementwise ops; a family's rules stand with its kernels (reduce.cpp, ...).
// Error texts have one form: op, what is wrong, the types met, what was expected; the label is the catalogue's.
#include "runtime/ops/shape_rules.h"

#include <algorithm>

namespace burin::shape_rules {

Error violation(const ShapeQuery& q, std::string_view label, std::string message, std::string hint) {
  return Error{ErrorCode::invalid_argument, std::string(q.op->mnemonic) + ": " + std::move(message), std::string(label),
               "", std::move(hint)};
}

std::string operand_text(const ShapeQuery& q) {
  std::string text;
  for (std::size_t i = 0; i < q.operands.size(); ++i)
    text += (i ? ", " : "") + operand_name(*q.op, q.attributes, i) + " is " + to_string(q.operands[i]);
  return text;
}

bool require(const ShapeQuery& q, const Guard& guard) {
  if (auto known = decide(guard)) return *known;
  if (!q.guards) return false;
  if (std::find(q.guards->begin(), q.guards->end(), guard) == q.guards->end()) q.guards->push_back(guard);
  return true;
}

bool same_size(const ShapeQuery& q, Dim a, Dim b) {
  if (a == b) return true;
  if (a.is_known() && b.is_known()) return false;
  return require(q, Guard{Guard::Kind::equal, a, b});
}

std::optional<Dim> broadcast_size(const ShapeQuery& q, Dim a, Dim b) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (!same_size(q, a, b)) return std::nullopt;
  return a.is_known() ? a : b.is_known() ? b : a;
}

Error bad_axis(const ShapeQuery& q, std::int64_t axis) {
  int rank = q.operands[0].shape.rank();
  std::string range = rank == 0   ? "no axis"
                      : rank == 1 ? "0 or -1"
                                  : std::to_string(-rank) + " to " + std::to_string(rank - 1);
  return violation(q, "axis",
                   "axis " + std::to_string(axis) + " is out of range: " + operand_text(q) + "; expected " + range);
}

std::optional<std::size_t> first_negative(const ShapeQuery& q, std::span<const Dim> sizes) {
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i].is_overflow() ||
        (!provably_nonnegative(sizes[i]) && !require(q, Guard{Guard::Kind::at_least, sizes[i], 0})))
      return i;
  return std::nullopt;
}

std::optional<Shape> with_axis_replaced(const ShapeQuery& q, std::int64_t axis, std::span<const Dim> inner) {
  const Shape& x = q.operands[0].shape;
  if (static_cast<std::size_t>(x.rank() - 1) + inner.size() > static_cast<std::size_t>(max_rank)) return std::nullopt;
  Shape out;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) out.push_back(x[static_cast<std::size_t>(i)]);
    else
      for (Dim d : inner) out.push_back(d);
  }
  return out;
}

Types one(const ShapeQuery& q, const Shape& shape) {
  std::vector<TensorType> types;
  types.push_back({q.dtypes[0], shape});  // a list in braces would be copied from
  return types;
}

Types each(const ShapeQuery& q, std::span<const Shape> shapes) {
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < shapes.size(); ++i) types.push_back({q.dtypes[i], shapes[i]});
  return types;
}

std::optional<Shape> broadcast_shapes(const ShapeQuery& q, int tail) {
  int rank = 0;
  for (const TensorType& t : q.operands) rank = std::max(rank, t.shape.rank() - tail);
  Shape out;
  for (int i = 0; i < rank; ++i) {
    Dim size = 1;
    for (const TensorType& t : q.operands) {
      int at = i - (rank - (t.shape.rank() - tail));
      if (at < 0) continue;
      auto both = broadcast_size(q, size, t.shape[static_cast<std::size_t>(at)]);
      if (!both) return std::nullopt;
      size = *both;
    }
    out.push_back(size);
  }
  return out;
}

Result<Shape> sizes_attribute(const ShapeQuery& q, std::size_t i) {
  const auto& sizes = attribute<std::vector<Dim>>(q, i);
  if (auto bad = first_negative(q, sizes))
    return violation(q, "negative-size", "shape has the size " + to_string(sizes[*bad]) + "; expected 0 or more");
  return Shape(sizes);
}

bool not_empty(const ShapeQuery& q, std::int64_t axis) {
  return require(q, Guard{Guard::Kind::at_least, q.operands[0].shape[static_cast<std::size_t>(axis)], 1});
}

Error empty_axis(const ShapeQuery& q, std::int64_t axis) {
  return violation(q, "empty-axis",
                   "nothing to take along axis " + std::to_string(axis) + ": " + operand_text(q) +
                       "; expected a size of 1 or more there");
}

namespace {

/// A remedy where one operand has rank 1 and would fit another axis of the other: `reshape(b, {4, 1})`.
std::string reshape_hint(const ShapeQuery& q) {
  if (q.operands.size() != 2) return {};
  for (std::size_t i = 0; i < 2; ++i) {
    const Shape& vector = q.operands[i].shape;
    const Shape& other = q.operands[1 - i].shape;
    if (vector.rank() != 1 || other.rank() != 2 || vector[0] != other[0]) continue;
    return "did you mean reshape(" + std::string(q.op->operand_names[i]) + ", {" + to_string(vector[0]) + ", 1})?";
  }
  return {};
}

}  // namespace

Types broadcast(const ShapeQuery& q) {
  const Shape& first = q.operands[0].shape;
  if (std::all_of(q.operands.begin(), q.operands.end(), [&](const TensorType& t) { return t.shape == first; }))
    return one(q, first);
  auto shape = broadcast_shapes(q, 0);
  if (!shape)
    return violation(
        q, "shape-mismatch",
        "shapes do not broadcast: " + operand_text(q) + "; expected each size, from the last axis on, to be equal or 1",
        reshape_hint(q));
  return one(q, *shape);
}

}  // namespace burin::shape_rules
