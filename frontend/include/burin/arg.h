// Arg: an operand as ops take it, a Tensor or a C++ number, with the place where the user wrote it. Axes, Ints: attribute
// parameters of ops. Light on purpose: every user file includes this; nothing of the recorder or the runtime may enter.
#pragma once
#include <burin/dim.h>
#include <burin/dtype.h>
#include <burin/error.h>
#include <burin/sizes.h>

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <span>
#include <type_traits>
#include <vector>

#ifndef BURIN_API
#define BURIN_API __attribute__((visibility("default")))
#endif

namespace burin {

class Tensor;
class Variable;
class Arg;
enum class OpKind : std::uint16_t;

namespace detail {

struct Node;
struct Recorder;

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t>;

/// The dtype that a C++ number has by itself: `int` is i32, `long` i64, `double` f64. Unsigned 64-bit counts as i64, since sizes
/// are such; beyond the greatest i64 it is u64 (Literal).
template <Number T> constexpr Dtype number_dtype() {
  if constexpr (std::is_same_v<T, long double>) return Dtype::f64;
  else if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) return Dtype::i64;
  else return dtype_of<T>;
}

/// A C++ number with its dtype: weakly typed, it takes the dtype of the tensor that it meets.
struct Literal {
  Dtype dtype = Dtype::f32;
  double real = 0;           // where dtype is floating
  std::int64_t integer = 0;  // else; of u64 the bits
  template <Number T> static constexpr Literal of(T x) {
    if constexpr (std::is_floating_point_v<T>) return {number_dtype<T>(), static_cast<double>(x), 0};
    else if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8)
      return {x > T{INT64_MAX} ? Dtype::u64 : Dtype::i64, 0, static_cast<std::int64_t>(x)};
    else return {number_dtype<T>(), 0, static_cast<std::int64_t>(x)};
  }
};

}  // namespace detail

/// An operand: refers to a Tensor's handle (which it reads when the op runs, not before) or holds a C++ number, and knows
/// the caller's line. Made implicitly; lives no longer than the expression. Not meant to be stored.
class Arg {
 public:
  Arg(const Tensor& t, std::source_location where = std::source_location::current()) noexcept  // NOLINT
      : tensor_(&t),
        where_(where) {}
  BURIN_API Arg(const Variable& v, std::source_location where = std::source_location::current()) noexcept;  // NOLINT
  template <detail::Number T>
  Arg(T number, std::source_location where = std::source_location::current()) noexcept  // NOLINT
      : number_(detail::Literal::of(number)),
        where_(where) {}
  /// A size is a number: `sum(x) / x.shape(0)`. Of a named size, the number that a call binds it to.
  Arg(Dim size, std::source_location where = std::source_location::current()) noexcept  // NOLINT
      : number_(detail::Literal::of(size.is_known() ? size.value() : std::int64_t{0})),
        size_(size.is_known() ? Dim() : size),
        where_(where) {}

  /// Lists are no operands: the outer braces would be the Arg's own, and `sum({{1, 2}})` see [2]. Write `sum(Tensor{{1, 2}})`.
  template <detail::Number T> Arg(std::initializer_list<std::initializer_list<T>>) = delete;  // write Tensor{{1, 2}}
  template <detail::Number T>
  Arg(std::initializer_list<std::initializer_list<std::initializer_list<T>>>) = delete;  // write Tensor{{{1, 2}}}
  template <detail::Number T>
  Arg(std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>>) =
      delete;  // write Tensor{{{{1, 2}}}}

  /// The handle, or null for a number.
  const Tensor* tensor() const { return tensor_; }
  const detail::Literal& number() const { return number_; }
  /// The named size that it is; else 0.
  Dim size() const { return size_; }
  const std::source_location& where() const { return where_; }

  BURIN_API Dtype dtype() const;
  BURIN_API Shape shape() const;
  int rank() const { return tensor_ ? shape().rank() : 0; }

 private:
  const Tensor* tensor_ = nullptr;
  detail::Literal number_{};
  Dim size_{};
  std::source_location where_;
};

/// Axes to work along: one, or a list; negative ones count from the end. Example: `reduce_sum(x, -1)`, `reduce_sum(x, {0, 1})`.
class Axes {
 public:
  template <std::integral T> Axes(T axis) : list_{static_cast<std::int64_t>(axis)} {}  // NOLINT
  Axes(std::initializer_list<std::int64_t> axes) : list_(axes) {}
  Axes(std::vector<std::int64_t> axes) : list_(std::move(axes)) {}  // NOLINT
  static Axes every(bool reversed = false) {
    Axes a;
    a.all_ = true;
    a.reversed_ = reversed;
    return a;
  }
  bool all() const { return all_; }
  bool reversed() const { return reversed_; }  ///< with all(): the last axis first
  const std::vector<std::int64_t>& list() const { return list_; }

 private:
  Axes() = default;
  std::vector<std::int64_t> list_;
  bool all_ = false, reversed_ = false;
};
/// Every axis of the operand; and from the last to the first.
inline const Axes all_axes = Axes::every();
inline const Axes reversed_axes = Axes::every(true);

/// One axis; negative counts from the end.
using Axis = std::int64_t;

/// A list of integers, or one. Example: the strides of `slice(x, {0, 0}, {2, 2}, {1, 2})`.
class Ints {
 public:
  Ints() = default;
  template <std::integral T> Ints(T value) : list_{static_cast<std::int64_t>(value)} {}  // NOLINT
  Ints(std::initializer_list<std::int64_t> values) : list_(values) {}
  Ints(std::vector<std::int64_t> values) : list_(std::move(values)) {}  // NOLINT
  const std::vector<std::int64_t>& list() const { return list_; }

 private:
  std::vector<std::int64_t> list_;
};

/// Several operands: `concatenate({x, y}, 0)`, or a vector of tensors.
class Args {
 public:
  Args(std::initializer_list<Arg> args) : list_(args) {}
  BURIN_API Args(std::span<const Tensor> tensors, std::source_location where = std::source_location::current());
  BURIN_API Args(const std::vector<Tensor>& tensors, std::source_location where = std::source_location::current());
  std::span<const Arg> list() const { return list_; }

 private:
  std::vector<Arg> list_;
};

/// Errors, profiles and recorded ops name the line given here instead of the lines of the ops called inside: for library
/// code that calls ops for its user. The outermost scope of a thread wins. Example: `SourceScope scope(x.where());`.
class SourceScope {
 public:
  BURIN_API explicit SourceScope(const std::source_location& where) noexcept;
  BURIN_API ~SourceScope();
  SourceScope(const SourceScope&) = delete;
  SourceScope& operator=(const SourceScope&) = delete;

 private:
  bool outermost_;
};

}  // namespace burin
