// Dim: one size of a shape, a number or an expression over named sizes. TensorType: a dtype and its Dims.
// Both are trivially copyable: expressions are interned in normal form, so two Dims are equal iff their words are.
#pragma once
#include <burin/dtype.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin {

/// A size: a non-negative number, or an expression (`+ - × floordiv ceildiv max`) over named sizes.
/// Interned in normal form for the life of the process (dim.cpp), which makes comparison and hashing one word.
/// Thread-safe. Example: `Dim n("batch"); (n + 1) * 2 == n * 2 + 2`.
class Dim {
 public:
  constexpr Dim() = default;                          ///< 0
  template <std::integral T> constexpr Dim(T n) : word_(static_cast<std::int64_t>(n)) {}  // NOLINT(google-explicit-constructor)
  Dim(std::string_view size_name);                    ///< the named size; the name is [A-Za-z_][A-Za-z0-9_]*
  Dim(const char* size_name) : Dim(std::string_view(size_name)) {}

  constexpr bool is_known() const { return word_ >= 0; }
  /// The number; a negative word means an expression. Only for known Dims.
  constexpr std::int64_t value() const { return word_; }
  /// Frontend code gets a TraceError with the remedy through this conversion where the size is not known.
  explicit operator std::int64_t() const;

  friend constexpr bool operator==(Dim, Dim) = default;
  constexpr std::int64_t word() const { return word_; }
  static constexpr Dim from_word(std::int64_t w) { Dim d; d.word_ = w; return d; }

 private:
  std::int64_t word_ = 0;  // >= 0: the number; < 0: ~index into the table of interned expressions
};

Dim operator+(Dim, Dim);
Dim operator-(Dim, Dim);  ///< may denote a negative intermediate inside an expression; a shape's Dim never is one
Dim operator*(Dim, Dim);
Dim floordiv(Dim, Dim);
Dim ceildiv(Dim, Dim);
Dim max(Dim, Dim);

/// `n`, `2*n + 1`, `ceildiv(n, 8)`, `128`.
std::string to_string(Dim);
/// Inverse of to_string; nullopt for text that is not an expression (length and depth are bounded: files are not trusted).
std::optional<Dim> parse_dim(std::string_view);
/// The named sizes that `d` mentions, each once, in order of first appearance, appended to `names`.
void collect_names(Dim d, std::vector<std::string>& names);

/// Values for named sizes: what a call binds, or what appending one graph to another substitutes.
struct DimBinding {
  std::string_view name;
  Dim value;
};
/// `d` with each named size replaced; names without a binding stay.
Dim substitute(Dim d, std::span<const DimBinding> bindings);

/// A condition on sizes that a trace relies on (`n == m`, `n % 16 == 0`), checked once at entry.
struct Guard {
  enum class Kind : std::uint8_t { equal, divisible, at_least } kind;
  Dim lhs, rhs;
  friend bool operator==(const Guard&, const Guard&) = default;
};
std::string to_string(const Guard&);
/// true or false when the sizes are known after substitution, else nullopt.
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
std::string to_string(const Shape&);       ///< `[batch,128]`
std::string to_string(const TensorType&);  ///< `f32[batch,128]`
std::optional<TensorType> parse_tensor_type(std::string_view);

}  // namespace burin
