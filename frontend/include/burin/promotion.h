// Promotion: the dtype that operands of different dtypes meet in. The one table; docs/numerics.md prints it and a test
// compares the two.
#pragma once
#include <burin/dtype.h>

namespace burin {

/// Two strong dtypes: the category's higher wins; within integers the smallest dtype that holds both (i32 and u32: i64),
/// within floats the wider. Example: `promote(i32, bf16) == bf16`.
constexpr Dtype promote(Dtype a, Dtype b) {
  if (a == b) return a;
  if (category(a) != category(b)) return category(a) < category(b) ? b : a;
  if (is_floating(a)) return a == f64 || b == f64 ? f64 : f32;
  if (a == i64 || b == i64) return i64;
  if (a == u8) return b;
  if (b == u8) return a;
  return i64;  // i32 and u32
}

/// A strong dtype and a weak number's: the strong one, unless the number's category is higher: then a floating number
/// gives f32 and an integer its own dtype. Example: `promote_weak(i32, f64) == f32`, `promote_weak(bf16, f64) == bf16`.
constexpr Dtype promote_weak(Dtype strong, Dtype number) {
  if (category(number) <= category(strong)) return strong;
  return is_floating(number) ? f32 : number;
}

}  // namespace burin
