// Shape: sizes inline, at most max_rank of them.
#include "runtime/ops/shape_refused.h"

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace burin {

namespace detail {
void (*shape_refused)(std::size_t rank) = nullptr;
void (*value_refused)(Dim) = nullptr;

void no_value(Dim d) {
  if (value_refused) value_refused(d);
  std::fprintf(stderr, "burin: %s is not a number\n", to_string(d).c_str());
  std::abort();
}
}  // namespace detail

Shape::Shape(std::span<const Dim> dims) {
  if (dims.size() > static_cast<std::size_t>(max_rank)) {
    if (detail::shape_refused) detail::shape_refused(dims.size());
    std::fprintf(stderr, "burin: a shape of %zu sizes; callers check ranks\n", dims.size());
    std::abort();
  }
  for (Dim d : dims) push_back(d);
}
Shape::Shape(std::initializer_list<Dim> dims) : Shape(std::span<const Dim>(dims.begin(), dims.size())) {}

Shape Shape::of(std::span<const std::int64_t> dims) {
  Shape s;
  assert(dims.size() <= static_cast<std::size_t>(max_rank));
  for (std::int64_t d : dims.first(std::min(dims.size(), static_cast<std::size_t>(max_rank)))) s.push_back(d);
  return s;
}

bool Shape::is_static() const {
  return std::all_of(begin(), end(), [](Dim d) { return d.is_known(); });
}

Dim Shape::num_elements() const {
  Dim n = 1;
  for (Dim d : *this)
    if (d == Dim(0)) return 0;  // an empty tensor, whatever else would overflow
  for (Dim d : *this) n = n * d;
  return n;
}

Dim num_bytes(const TensorType& type) {
  const int bits = dtype_info(type.dtype).bits;
  const Dim n = type.shape.num_elements();
  return bits >= 8 ? n * Dim(bits / 8) : ceildiv(n, 8 / bits);
}

}  // namespace burin
