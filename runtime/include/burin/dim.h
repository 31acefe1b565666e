// Dim: one size of a shape, a number or an expression over named sizes. TensorType: a dtype and its Dims.
// Both are trivially copyable: expressions are interned in normal form, so two Dims are equal iff their words are.
#pragma once
#include <burin/dtype.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin {

class Dim;
namespace detail {
std::int64_t intern_number(std::int64_t negative);  ///< a number below zero is an interned expression
Dim add(Dim, Dim);
Dim subtract(Dim, Dim);
Dim multiply(Dim, Dim);
[[noreturn]] void no_value(Dim);  ///< asked for the number of a size that has none: throws where there is a frontend
}  // namespace detail

/// A size: a non-negative number, or an expression (`+ - × floordiv ceildiv max`) over named sizes, which are taken to
/// be non-negative (positive where they divide). Two are equal iff their normal forms are: polynomials over names and
/// irreducible floordiv and max terms. Interned for the life of the process (dim.cpp), which makes comparison and
/// hashing one word. Thread-safe. Example: `Dim n("batch"); (n + 1) * 2 == n * 2 + 2`.
/// Arithmetic that leaves 64 bits, or an expression beyond some hundred terms, gives `Dim::overflow()`, which absorbs.
class Dim {
 public:
  constexpr Dim() = default;                       ///< 0
  template <std::integral T> constexpr Dim(T n) {  // NOLINT(google-explicit-constructor)
    if constexpr (std::unsigned_integral<T> && sizeof(T) == 8) {
      word_ = n > static_cast<T>(INT64_MAX) ? overflow_word : static_cast<std::int64_t>(n);
    } else {
      word_ = n >= 0 ? static_cast<std::int64_t>(n) : detail::intern_number(static_cast<std::int64_t>(n));
    }
  }
  Dim(std::string_view size_name);  ///< the named size; the name is [A-Za-z_][A-Za-z0-9_]*
  Dim(const char* size_name) : Dim(std::string_view(size_name)) {}
  static constexpr Dim overflow() { return from_word(overflow_word); }  ///< printed `overflow!`; never a size

  constexpr bool is_known() const { return word_ >= 0; }
  constexpr bool is_overflow() const { return word_ == overflow_word; }
  /// The number; for a size that is not known, what the conversion below does.
  constexpr std::int64_t value() const {
    if (word_ < 0) detail::no_value(*this);
    return word_;
  }
  /// The number; a TraceError with the remedy where the size is not known. Defined by the frontend, not below it.
  explicit operator std::int64_t() const;

  friend constexpr bool operator==(Dim, Dim) = default;
  constexpr std::int64_t word() const { return word_; }
  static constexpr Dim from_word(std::int64_t w) {
    Dim d;
    d.word_ = w;
    return d;
  }

 private:
  static constexpr std::int64_t overflow_word = INT64_MIN;
  std::int64_t word_ = 0;  // >= 0: the number; < 0: ~index into the table of interned expressions, or overflow_word
};

inline Dim operator+(Dim a, Dim b) {
  std::int64_t r;
  if (a.is_known() && b.is_known() && !__builtin_add_overflow(a.value(), b.value(), &r)) return Dim::from_word(r);
  return detail::add(a, b);
}
/// May denote a negative intermediate inside an expression; a shape's Dim never is one.
inline Dim operator-(Dim a, Dim b) {
  if (a.is_known() && b.is_known() && a.value() >= b.value()) return Dim::from_word(a.value() - b.value());
  return detail::subtract(a, b);
}
inline Dim operator*(Dim a, Dim b) {
  std::int64_t r;
  if (a.is_known() && b.is_known() && !__builtin_mul_overflow(a.value(), b.value(), &r)) return Dim::from_word(r);
  return detail::multiply(a, b);
}
Dim floordiv(Dim, Dim);     ///< rounds down; a divisor of zero gives zero
Dim ceildiv(Dim a, Dim b);  ///< floordiv(a + b - 1, b), and is that in normal form
Dim max(Dim, Dim);
/// True only if `d >= 0` whatever the named sizes are; a shape's Dim must be so.
bool provably_nonnegative(Dim d);
/// The number that `d` denotes when it is one, negative ones included.
std::optional<std::int64_t> constant_value(Dim d);

/// `n`, `2*n + 1`, `ceildiv(n, 8)`, `128`.
std::string to_string(Dim);
/// Inverse of to_string; nullopt for text that is not an expression (length and depth are bounded: files are not trusted).
std::optional<Dim> parse_dim(std::string_view);
/// The named sizes that `d` mentions, each once, in order of first appearance, appended to `names`.
void collect_names(Dim d, std::vector<std::string>& names);

/// The name that `d` is, if it is nothing else; points to storage that lives as long as the process.
std::optional<std::string_view> lone_name(Dim d);

/// Values for named sizes: what a call binds, or what appending one graph to another substitutes.
struct DimBinding {
  std::string_view name;
  Dim value;
};
/// `d` with each named size replaced at once; names without a binding stay.
Dim substitute(Dim d, std::span<const DimBinding> bindings);
/// A digest of the expression that is the same in every process (words are not).
std::uint64_t stable_hash(Dim d);

/// A condition on sizes that a trace relies on (`n == m`, `n % 16 == 0`), checked once at entry.
struct Guard {
  enum class Kind : std::uint8_t { equal, divisible, at_least } kind = Kind::equal;
  Dim lhs, rhs;
  friend bool operator==(const Guard&, const Guard&) = default;
};
std::string to_string(const Guard&);  ///< `n == 2*m`, `n % 16 == 0`, `n >= 4`
std::optional<Guard> parse_guard(std::string_view);
/// true or false when that is certain after substitution, whatever the remaining names are; else nullopt.
std::optional<bool> decide(const Guard&, std::span<const DimBinding> bindings = {});

inline constexpr int max_rank = BURIN_RT_MAX_RANK;

/// Sizes of a tensor, at most max_rank of them, inline.
class Shape {
 public:
  constexpr Shape() = default;
  Shape(std::initializer_list<Dim> dims);
  explicit Shape(std::span<const Dim> dims);
  static Shape of(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  std::size_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  Dim operator[](std::size_t i) const { return dims_[i]; }
  Dim& operator[](std::size_t i) { return dims_[i]; }
  Dim back() const { return dims_[rank_ - 1u]; }
  const Dim* begin() const { return dims_.data(); }
  const Dim* end() const { return dims_.data() + rank_; }
  void push_back(Dim d) { dims_[rank_++] = d; }  // precondition: rank() < max_rank
  bool is_static() const;
  /// Product of the sizes (1 for rank 0); an expression where sizes are named.
  Dim num_elements() const;
  operator std::span<const Dim>() const { return {dims_.data(), rank_}; }
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.dims_[static_cast<std::size_t>(i)] != b.dims_[static_cast<std::size_t>(i)]) return false;
    return true;
  }

 private:
  std::array<Dim, max_rank> dims_{};
  std::uint8_t rank_ = 0;
};

/// What the graph knows of a tensor. Printed `f32[batch,128]`, `i64[]`.
struct TensorType {
  Dtype dtype = Dtype::f32;
  Shape shape;
  friend bool operator==(const TensorType&, const TensorType&) = default;
};
/// Of a dense tensor of that type: a number, an expression where sizes are named, Dim::overflow() beyond 64 bits.
Dim num_bytes(const TensorType&);
std::string to_string(const Shape&);       ///< `[batch,128]`
std::string to_string(const TensorType&);  ///< `f32[batch,128]`
std::optional<TensorType> parse_tensor_type(std::string_view);

}  // namespace burin
