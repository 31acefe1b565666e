// Element types. The one spelling of each (f32, i64, ...) is used in errors, IR views, docs and files alike. All of it is
// made from <burin/rt/dtype_table.h>. Stands below everything: depends on the C ABI only.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace burin {

enum class Dtype : std::uint8_t {
#define BURIN_RT_DTYPE(number, NAME, id, ...) id = number,
#include <burin/rt/dtype_table.h>
};
#define BURIN_RT_DTYPE(number, NAME, id, ...) inline constexpr Dtype id = Dtype::id;
#include <burin/rt/dtype_table.h>

/// bfloat16 storage: the upper half of an f32. Arithmetic happens in f32, with one rounding (to nearest even).
struct bfloat16 {
  std::uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float x);
  explicit operator float() const;
};

/// IEEE 754 binary16 storage: eleven digits, up to 65504. Arithmetic happens in f32, with one rounding (to nearest even).
struct float16 {
  std::uint16_t bits = 0;
  float16() = default;
  explicit float16(float x);
  explicit operator float() const;
};

enum class DtypeKind : std::uint8_t { boolean, unsigned_integer, signed_integer, floating };

/// A row of the table, which says what each column is.
struct DtypeInfo {
  std::string_view name, file_name;  ///< `f32`, `F32`
  DtypeKind kind;
  int bits, digits, exponent, dlpack;
};

namespace detail {

template <std::size_t n> struct LowerCase {
  char text[n] = {};
  constexpr LowerCase(const char (&from)[n]) {
    for (std::size_t i = 0; i < n; ++i)
      text[i] = static_cast<char>(from[i] | (from[i] >= 'A' && from[i] <= 'Z' ? 32 : 0));
  }
};
template <LowerCase name> inline constexpr std::string_view lower_case{name.text};

inline constexpr DtypeInfo dtype_rows[] = {
#define BURIN_RT_DTYPE(number, NAME, id, kind, bits, digits, exponent, dlpack, host) \
  {lower_case<#NAME>, #NAME, DtypeKind::kind, bits, digits, exponent, dlpack},
#include <burin/rt/dtype_table.h>
};

}  // namespace detail

inline constexpr int num_dtypes = static_cast<int>(sizeof(detail::dtype_rows) / sizeof(DtypeInfo));
constexpr const DtypeInfo& dtype_info(Dtype t) { return detail::dtype_rows[static_cast<int>(t)]; }

/// Categories in the order of promotion: a weak scalar of a higher category than the tensor's raises it.
enum class Category : std::uint8_t { boolean, integer, floating };
constexpr Category category(Dtype t) {
  DtypeKind kind = dtype_info(t).kind;
  return kind == DtypeKind::boolean    ? Category::boolean
         : kind == DtypeKind::floating ? Category::floating
                                       : Category::integer;
}
constexpr bool is_floating(Dtype t) { return dtype_info(t).kind == DtypeKind::floating; }
constexpr bool is_signed(Dtype t) { return is_floating(t) || dtype_info(t).kind == DtypeKind::signed_integer; }
constexpr bool is_integer(Dtype t) { return category(t) == Category::integer; }
/// A float that is storage only: computed in f32, rounded once an op.
constexpr bool is_narrow_float(Dtype t) { return is_floating(t) && dtype_info(t).bits < 32; }
/// What an op's arithmetic happens in.
constexpr Dtype compute_dtype(Dtype t) { return is_narrow_float(t) ? f32 : t; }

constexpr std::string_view name(Dtype t) { return static_cast<int>(t) < num_dtypes ? dtype_info(t).name : "?"; }

/// Bytes that `count` elements take in memory; `bool` takes one byte each, 0 or 1.
constexpr std::int64_t bytes(Dtype t, std::int64_t count) {
  const int bits = dtype_info(t).bits;
  return bits >= 8 ? count * (bits / 8) : (count + 8 / bits - 1) / (8 / bits);
}
/// What the address of an element is a multiple of.
constexpr std::int64_t element_alignment(Dtype t) { return bytes(t, 1); }

/// A set of dtypes, as a template argument too.
struct DtypeSet {
  std::uint32_t mask = 0;  ///< bit i: the dtype numbered i
  constexpr bool contains(Dtype t) const { return mask >> static_cast<int>(t) & 1u; }
  constexpr bool empty() const { return mask == 0; }
  friend constexpr DtypeSet operator|(DtypeSet a, DtypeSet b) { return {a.mask | b.mask}; }
  friend constexpr DtypeSet operator-(DtypeSet a, DtypeSet b) { return {a.mask & ~b.mask}; }
  friend constexpr bool operator==(DtypeSet, DtypeSet) = default;
};
static_assert(num_dtypes <= 32, "a DtypeSet has 32 bits");
constexpr DtypeSet set_of(Dtype t) { return {1u << static_cast<int>(t)}; }
constexpr DtypeSet set_of(DtypeKind kind) {
  DtypeSet s;
  for (int i = 0; i < num_dtypes; ++i)
    if (detail::dtype_rows[i].kind == kind) s.mask |= 1u << i;
  return s;
}
inline constexpr DtypeSet signed_dtypes = set_of(DtypeKind::signed_integer),
                          unsigned_dtypes = set_of(DtypeKind::unsigned_integer),
                          integer_dtypes = signed_dtypes | unsigned_dtypes,
                          floating_dtypes = set_of(DtypeKind::floating),
                          numeric_dtypes = integer_dtypes | floating_dtypes,
                          all_dtypes = numeric_dtypes | set_of(boolean);

/// `bf16|f32|f64`: the set in the order in which texts list dtypes: floats, signed, unsigned, bool, the narrow ones first.
inline std::string to_string(DtypeSet set) {
  std::string text;
  for (DtypeKind kind :
       {DtypeKind::floating, DtypeKind::signed_integer, DtypeKind::unsigned_integer, DtypeKind::boolean})
    for (int digits = 1; digits <= 64; ++digits)
      for (const DtypeInfo& row : detail::dtype_rows)
        if (row.kind == kind && row.digits == digits && set.contains(static_cast<Dtype>(&row - detail::dtype_rows)))
          text.append(text.empty() ? "" : "|").append(row.name);
  return text;
}

/// The dtype spelled `text`, if there is one.
constexpr std::optional<Dtype> parse_dtype(std::string_view text) {
  for (int i = 0; i < num_dtypes; ++i)
    if (detail::dtype_rows[i].name == text) return static_cast<Dtype>(i);
  return std::nullopt;
}
/// The dtype with number `number` of the C ABI, if there is one.
constexpr std::optional<Dtype> numbered_dtype(std::int64_t number) {
  return number >= 0 && number < num_dtypes ? std::optional(static_cast<Dtype>(number)) : std::nullopt;
}

/// A type whose number is taken, but which burin does not have yet.
struct ReservedDtype {
  int number;
  std::string_view name, file_name;
  int bits, dlpack;
};
inline constexpr ReservedDtype reserved_dtypes[] = {
#define BURIN_RT_RESERVED_DTYPE(number, NAME, bits, dlpack) {number, detail::lower_case<#NAME>, #NAME, bits, dlpack},
#include <burin/rt/dtype_table.h>
};
/// Whether `text` is the name of one, as we or safetensors spell it.
constexpr bool is_reserved_dtype(std::string_view text) {
  for (const ReservedDtype& row : reserved_dtypes)
    if (row.name == text || row.file_name == text) return true;
  return false;
}

/// Whether every value of `from` is one of `to`.
constexpr bool holds(Dtype to, Dtype from) {
  const DtypeInfo &t = dtype_info(to), &f = dtype_info(from);
  if (to == from) return true;
  if (to == boolean || (is_floating(from) && !is_floating(to))) return false;
  return t.digits >= f.digits && t.exponent >= f.exponent && (is_signed(to) || !is_signed(from));
}

namespace detail {
template <Dtype t> struct HostType;
#define BURIN_RT_DTYPE(number, NAME, id, kind, bits, digits, exponent, dlpack, host) \
  template <> struct HostType<Dtype::id> {                                           \
    using type = host;                                                               \
  };
#include <burin/rt/dtype_table.h>
}  // namespace detail
/// The C++ type of an element: `host_type<f32>` is float. bool's is `bool`, though memory holds bytes.
template <Dtype t> using host_type = typename detail::HostType<t>::type;

/// The dtype of a C++ element type: `dtype_of<float> == f32`. Undefined (no member) for other types.
template <class T>
inline constexpr Dtype dtype_of = [] {
  static_assert(sizeof(T) == 0, "no burin dtype for this C++ type");
  return Dtype::f32;
}();
#define BURIN_RT_DTYPE(number, NAME, id, kind, bits, digits, exponent, dlpack, host) \
  template <> inline constexpr Dtype dtype_of<host> = Dtype::id;
#include <burin/rt/dtype_table.h>
template <> inline constexpr Dtype dtype_of<long long> = Dtype::i64;
template <> inline constexpr Dtype dtype_of<unsigned long long> = Dtype::u64;

/// Calls f(std::type_identity<host_type<t>>), instantiated for the dtypes in `set` only. Precondition: `t` is one of them.
template <DtypeSet set = all_dtypes, class F> constexpr auto visit(Dtype t, F&& f) {
  switch (t) {
#define BURIN_RT_DTYPE(number, NAME, id, ...)                                                    \
  case Dtype::id:                                                                                \
    if constexpr (set.contains(Dtype::id)) return f(std::type_identity<host_type<Dtype::id>>{}); \
    else break;
#include <burin/rt/dtype_table.h>
  }
  __builtin_unreachable();
}

inline bfloat16::bfloat16(float x) {
  std::uint32_t u = __builtin_bit_cast(std::uint32_t, x);
  if ((u & 0x7fffffffu) > 0x7f800000u) bits = static_cast<std::uint16_t>((u >> 16) | 0x40u);  // keep NaN a NaN
  else bits = static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
inline bfloat16::operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }

inline float16::float16(float x) {
  const auto u = __builtin_bit_cast(std::uint32_t, x), magnitude = u & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) half = 0x7e00u | (magnitude >> 13 & 0x1ffu);  // keep NaN a NaN
  else if (magnitude >= 0x477ff000u) half = 0x7c00u;                         // 65520 and above
  else if (magnitude >= 0x38800000u) half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  else  // below 2^-14 steps are 2^-24, which the sum with 0.5 rounds to
    half = __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000u;
  bits = static_cast<std::uint16_t>(half | (u >> 16 & 0x8000u));
}
inline float16::operator float() const {
  const std::uint32_t magnitude = bits & 0x7fffu, sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  std::uint32_t u = magnitude << 13;
  if (magnitude >= 0x7c00u) u += 0x70000000u;      // infinity and NaN
  else if (magnitude >= 0x400u) u += 0x38000000u;  // the biases differ by 112
  else u = __builtin_bit_cast(std::uint32_t, static_cast<float>(magnitude) * 0x1p-24f);
  return __builtin_bit_cast(float, u | sign);
}

}  // namespace burin
