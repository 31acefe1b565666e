// Sizes beside numbers and each other, as a host `if` or `for` asks: `i < x.shape(0)`, `x.shape(0) == 1`. Only the frontend and
// its users see these operators; the layers below compare expressions, and ask `decide`.
#pragma once
#include <burin/dim.h>

#include <concepts>
#include <source_location>

#ifndef BURIN_API
#define BURIN_API __attribute__((visibility("default")))
#endif

namespace burin {
namespace detail {

/// A number beside a size, or one of two sizes, and where it stands.
struct SizeArg {
  Dim dim;
  std::source_location where;
  template <class T> requires std::integral<T> || std::same_as<T, Dim>
  SizeArg(T n, std::source_location w = std::source_location::current())  // NOLINT
      : dim(n),
        where(w) {}
};
struct SizeNumber : SizeArg {
  template <std::integral T>
  SizeNumber(T n, std::source_location w = std::source_location::current()) : SizeArg(n, w) {}  // NOLINT
};
/// Whether a and b are in this order.
enum class SizeOrder : std::uint8_t { less, less_equal, greater, greater_equal };
BURIN_API bool in_order(Dim a, SizeOrder, Dim b, const std::source_location&);
BURIN_API bool size_is(Dim d, Dim number);

}  // namespace detail

/// The order of two sizes, or of a size and a number. While tracing, a named size has one only where it is the same for each
/// number that the name may stand for (`n <= n + 1`, `n >= 0`); else a TraceError [size-unknown] says what to do instead.
/// Example: `for (std::int64_t i = 0; i < x.shape(0); ++i) y = y + gather(x, i);`
inline bool operator<(Dim a, const detail::SizeArg& b) { return in_order(a, detail::SizeOrder::less, b.dim, b.where); }
inline bool operator<(const detail::SizeNumber& a, Dim b) {
  return in_order(a.dim, detail::SizeOrder::less, b, a.where);
}
inline bool operator<=(Dim a, const detail::SizeArg& b) {
  return in_order(a, detail::SizeOrder::less_equal, b.dim, b.where);
}
inline bool operator<=(const detail::SizeNumber& a, Dim b) {
  return in_order(a.dim, detail::SizeOrder::less_equal, b, a.where);
}
inline bool operator>(Dim a, const detail::SizeArg& b) {
  return in_order(a, detail::SizeOrder::greater, b.dim, b.where);
}
inline bool operator>(const detail::SizeNumber& a, Dim b) {
  return in_order(a.dim, detail::SizeOrder::greater, b, a.where);
}
inline bool operator>=(Dim a, const detail::SizeArg& b) {
  return in_order(a, detail::SizeOrder::greater_equal, b.dim, b.where);
}
inline bool operator>=(const detail::SizeNumber& a, Dim b) {
  return in_order(a.dim, detail::SizeOrder::greater_equal, b, a.where);
}

/// As of non-negative C++ integers: rounded down, and what that leaves.
inline Dim operator/(Dim a, Dim b) { return floordiv(a, b); }
inline Dim operator%(Dim a, Dim b) { return a - floordiv(a, b) * b; }

/// Whether a size is a number; throws as the order does. (Two sizes are equal where their expressions are: see Dim.)
template <std::integral T> bool operator==(Dim d, T number) {
  return d.is_known() ? d == Dim(number) : detail::size_is(d, Dim(number));
}

}  // namespace burin
