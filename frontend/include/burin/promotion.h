// Promotion: the dtype that operands of different dtypes meet in. The one table; docs/numerics.md prints it and a test
// compares the two.
#pragma once
#include <burin/dtype.h>

namespace burin {

/// Two strong dtypes: the category's higher wins; within one the smallest dtype that holds both. None does u64 and a signed
/// integer. Examples: `promote(i32, bf16) == bf16`, `promote(i32, u32) == i64`, `promote(f16, bf16) == f32`.
constexpr std::optional<Dtype> promote(Dtype a, Dtype b) {
  if (a == b) return a;
  if (category(a) != category(b)) return category(a) < category(b) ? b : a;
  std::optional<Dtype> least;
  for (int i = 0; i < num_dtypes; ++i)
    if (auto t = static_cast<Dtype>(i); category(t) == category(a) && holds(t, a) && holds(t, b))
      if (!least || dtype_info(t).bits < dtype_info(*least).bits) least = t;
  return least;
}

/// A strong dtype and a weak number's: the strong one, unless the number's category is higher: then a floating number
/// gives f32 and an integer its own dtype. Example: `promote_weak(i32, f64) == f32`, `promote_weak(bf16, f64) == bf16`.
constexpr Dtype promote_weak(Dtype strong, Dtype number) {
  if (category(number) <= category(strong)) return strong;
  return is_floating(number) ? f32 : number;
}

}  // namespace burin
