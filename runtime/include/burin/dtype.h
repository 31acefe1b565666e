// Element types. The one spelling of each (f32, i64, ...) is used in errors, IR views, docs and files alike.
// Stands below everything: depends on the C ABI's numbering only.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace burin {

enum class Dtype : std::uint8_t {
  boolean = BURIN_RT_BOOL,
  u8 = BURIN_RT_U8,
  i32 = BURIN_RT_I32,
  i64 = BURIN_RT_I64,
  u32 = BURIN_RT_U32,
  bf16 = BURIN_RT_BF16,
  f32 = BURIN_RT_F32,
  f64 = BURIN_RT_F64,
};

inline constexpr int num_dtypes = 8;
inline constexpr Dtype f32 = Dtype::f32, f64 = Dtype::f64, bf16 = Dtype::bf16, i32 = Dtype::i32, i64 = Dtype::i64,
                       u8 = Dtype::u8, u32 = Dtype::u32, boolean = Dtype::boolean;

/// Categories in the order of promotion: a weak scalar of a higher category than the tensor's raises it.
enum class Category : std::uint8_t { boolean, integer, floating };

/// Bytes of one element in memory; `bool` takes one byte, 0 or 1.
constexpr std::int64_t byte_size(Dtype t) {
  switch (t) {
    case Dtype::boolean:
    case Dtype::u8: return 1;
    case Dtype::bf16: return 2;
    case Dtype::i32:
    case Dtype::u32:
    case Dtype::f32: return 4;
    case Dtype::i64:
    case Dtype::f64: return 8;
  }
  return 0;
}

constexpr Category category(Dtype t) {
  switch (t) {
    case Dtype::boolean: return Category::boolean;
    case Dtype::bf16:
    case Dtype::f32:
    case Dtype::f64: return Category::floating;
    default: return Category::integer;
  }
}
constexpr bool is_floating(Dtype t) { return category(t) == Category::floating; }
constexpr bool is_integer(Dtype t) { return category(t) == Category::integer; }
constexpr bool is_signed(Dtype t) { return t != Dtype::boolean && t != Dtype::u8 && t != Dtype::u32; }

constexpr std::string_view name(Dtype t) {
  switch (t) {
    case Dtype::boolean: return "bool";
    case Dtype::u8: return "u8";
    case Dtype::i32: return "i32";
    case Dtype::i64: return "i64";
    case Dtype::u32: return "u32";
    case Dtype::bf16: return "bf16";
    case Dtype::f32: return "f32";
    case Dtype::f64: return "f64";
  }
  return "?";
}

/// The dtype spelled `text`, if there is one.
constexpr std::optional<Dtype> parse_dtype(std::string_view text) {
  for (int i = 0; i < num_dtypes; ++i)
    if (auto t = static_cast<Dtype>(i); name(t) == text) return t;
  return std::nullopt;
}

/// bfloat16 storage: the upper half of an f32. Arithmetic happens in f32, with one rounding (to nearest even).
struct bfloat16 {
  std::uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float x);
  explicit operator float() const;
};

/// The dtype of a C++ element type: `dtype_of<float> == f32`. Undefined (no member) for other types.
template <class T>
inline constexpr Dtype dtype_of = [] {
  static_assert(sizeof(T) == 0, "no burin dtype for this C++ type");
  return Dtype::f32;
}();
template <> inline constexpr Dtype dtype_of<bool> = Dtype::boolean;
template <> inline constexpr Dtype dtype_of<std::uint8_t> = Dtype::u8;
template <> inline constexpr Dtype dtype_of<std::int32_t> = Dtype::i32;
template <> inline constexpr Dtype dtype_of<std::int64_t> = Dtype::i64;
template <> inline constexpr Dtype dtype_of<long long> = Dtype::i64;
template <> inline constexpr Dtype dtype_of<std::uint32_t> = Dtype::u32;
template <> inline constexpr Dtype dtype_of<bfloat16> = Dtype::bf16;
template <> inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <> inline constexpr Dtype dtype_of<double> = Dtype::f64;

inline bfloat16::bfloat16(float x) {
  std::uint32_t u = __builtin_bit_cast(std::uint32_t, x);
  if ((u & 0x7fffffffu) > 0x7f800000u) bits = static_cast<std::uint16_t>((u >> 16) | 0x40u);  // keep NaN a NaN
  else bits = static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
inline bfloat16::operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }

}  // namespace burin
