// What `reference` expressions of the catalogue are made of: doubles, integers that wrap, bools, and the loop with NumPy
// broadcasting that applies an expression and rounds once. Slow and plain on purpose: it is what everything is judged by.
// Must not depend on how an op is lowered.
#pragma once
#include "runtime/ops/catalogue.h"

#include <bit>
#include <cmath>
#include <concepts>
#include <limits>
#include <tuple>
#include <type_traits>

namespace burin::scalar {

/// Set by an integer division by zero; check mode reads it after each element.
inline constinit thread_local bool divided_by_zero = false;

/// An integer as Burin means it: arithmetic wraps, division by zero gives 0, quotients round toward zero.
template <class T> struct Int {
  T value{};
  constexpr Int() = default;
  template <std::integral U> constexpr Int(U u) : value(static_cast<T>(u)) {}  // NOLINT(google-explicit-constructor)

  using Wide = std::uint64_t;  // a sum, difference or product modulo 2^64 holds the one modulo 2^bits, signed or not
  friend constexpr Int operator+(Int a, Int b) { return Int(static_cast<Wide>(a.value) + static_cast<Wide>(b.value)); }
  friend constexpr Int operator-(Int a, Int b) { return Int(static_cast<Wide>(a.value) - static_cast<Wide>(b.value)); }
  friend constexpr Int operator*(Int a, Int b) { return Int(static_cast<Wide>(a.value) * static_cast<Wide>(b.value)); }
  friend constexpr Int operator-(Int a) { return Int() - a; }
  friend Int operator/(Int a, Int b) {
    if (b.value == 0) {
      divided_by_zero = true;
      return Int();
    }
    if (std::is_signed_v<T> && b.value == static_cast<T>(-1)) return -a;  // the least integer wraps to itself
    return Int(static_cast<T>(a.value / b.value));
  }
  friend constexpr bool operator==(Int a, Int b) { return a.value == b.value; }
  friend constexpr bool operator<(Int a, Int b) { return a.value < b.value; }
  friend constexpr bool operator>(Int a, Int b) { return a.value > b.value; }
};

/// The greater, the lesser; NaN if either is NaN.
inline double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
  return a < b || (a == b && std::signbit(a)) ? b : a;
}
inline double minimum(double a, double b) { return -maximum(-a, -b); }
template <class T> constexpr Int<T> maximum(Int<T> a, Int<T> b) { return a < b ? b : a; }
template <class T> constexpr Int<T> minimum(Int<T> a, Int<T> b) { return b < a ? b : a; }
constexpr bool maximum(bool a, bool b) { return a || b; }
inline double absolute(double x) { return std::fabs(x); }
template <class T> constexpr Int<T> absolute(Int<T> x) { return x < Int<T>() ? -x : x; }

/// How a dtype is stored and computed with, told by its C++ type.
template <class T> using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
template <class T> struct ValueOf {
  using type = Int<T>;
};
template <class T> requires(is_floating(dtype_of<T>))
struct ValueOf<T> {
  using type = double;
};
template <> struct ValueOf<bool> {
  using type = bool;
};
template <class T> using Value = typename ValueOf<T>::type;

/// To a narrow float with one rounding, to nearest even: first to an f32 rounded to odd, which cannot spoil the second step.
template <class T> T to_narrow(double x) {
  float f = static_cast<float>(x);
  if (!std::isnan(x) && static_cast<double>(f) != x) {
    auto bits = std::bit_cast<std::uint32_t>(f);
    if (std::fabs(static_cast<double>(f)) > std::fabs(x)) --bits;  // toward zero
    f = std::bit_cast<float>(bits | 1u);
  }
  return T(f);
}

/// A 64-bit integer to a narrow float with one rounding: what lies below the double's precision only matters as "not zero".
template <class T, std::integral I> T to_narrow_exactly(I x) {
  auto magnitude = static_cast<std::uint64_t>(x);
  const bool negative = std::is_signed_v<I> && static_cast<std::int64_t>(x) < 0;
  if (negative) magnitude = std::uint64_t{0} - magnitude;
  if (magnitude >> 53) magnitude = (magnitude & ~std::uint64_t{0xfff}) | ((magnitude & 0xfff) != 0 ? 0x1000 : 0);
  auto d = static_cast<double>(magnitude);
  return to_narrow<T>(negative ? -d : d);
}

/// Toward zero; beyond the range its nearest end; NaN gives 0.
template <std::integral T> T saturate(double x) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(x)) return 0;
  // 2^bits is exact in a double, the greatest integer need not be.
  if (x >= std::ldexp(1.0, Limits::digits)) return Limits::max();
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  return static_cast<T>(x);
}

template <class T> Value<T> load(Stored<T> x) {
  if constexpr (std::is_same_v<T, bool>) return x != 0;
  else if constexpr (is_narrow_float(dtype_of<T>)) return static_cast<double>(static_cast<float>(x));
  else return Value<T>(x);
}
template <class T> Stored<T> store(Value<T> x) {
  if constexpr (std::is_same_v<T, bool>) return x ? 1 : 0;
  else if constexpr (is_narrow_float(dtype_of<T>)) return to_narrow<T>(x);
  else if constexpr (std::is_floating_point_v<T>) return static_cast<T>(x);
  else return x.value;
}

/// Sizes as numbers; every reference kernel runs on known shapes.
struct Sizes {
  std::int64_t n[max_rank];
  int rank = 0;
  explicit Sizes(const Shape& s) : rank(s.rank()) {
    for (int i = 0; i < rank; ++i) n[i] = s[static_cast<std::size_t>(i)].value();
  }
  std::int64_t operator[](int i) const { return n[i]; }
  /// Wraps: the other sizes of a tensor without elements may be any.
  std::int64_t product(int begin, int end) const {
    std::uint64_t p = 1;
    for (int i = begin; i < end; ++i) p *= static_cast<std::uint64_t>(n[i]);
    return static_cast<std::int64_t>(p);
  }
  std::int64_t count() const { return product(0, rank); }
};

/// A shape as [outer, size, inner] around an axis.
struct AxisView {
  std::int64_t outer, size, inner;
  AxisView(const Shape& shape, std::int64_t axis) {
    Sizes sizes(shape);
    outer = sizes.product(0, static_cast<int>(axis));
    size = sizes[static_cast<int>(axis)];
    inner = sizes.product(static_cast<int>(axis) + 1, sizes.rank);
  }
};

/// Element strides of an operand of shape `in` seen under the shape `out`: 0 along axes that it is broadcast over.
struct Strides {
  std::int64_t s[max_rank];
  Strides(const Sizes& in, const Sizes& out) {
    std::int64_t step = 1;
    int pad = out.rank - in.rank;
    for (int i = out.rank - 1; i >= 0; --i) {
      bool present = i >= pad && in[i - pad] != 1;
      s[i] = present ? step : 0;
      if (i >= pad) step *= in[i - pad];
    }
  }
  std::int64_t operator[](int i) const { return s[i]; }
};

/// Walks an index over sizes, row-major; keeps linear offsets of several operands. Only for non-empty shapes.
template <std::size_t n> struct Walk {
  const Sizes& sizes;
  std::array<Strides, n> strides;
  std::array<std::int64_t, n> offset{};
  std::int64_t at[max_rank] = {};
  /// Steps axis `axis` and carries into the ones before it.
  void next(int axis) {
    for (int i = axis; i >= 0; --i) {
      for (std::size_t k = 0; k < n; ++k) offset[k] += strides[k][i];
      if (++at[i] < sizes[i]) return;
      for (std::size_t k = 0; k < n; ++k) offset[k] -= strides[k][i] * sizes[i];
      at[i] = 0;
    }
  }
};

/// A result element, rounded; in check mode a division by zero on the way is a fault.
template <class R> Stored<R> finish(Value<R> value, std::int64_t i, const KernelSink& sink) {
  if (divided_by_zero) {
    divided_by_zero = false;
    if (sink.check_mode && sink.fault) sink.fault(sink.self, BURIN_RT_FAULT_DIVISION_BY_ZERO, i, 0);
  }
  return store<R>(value);
}

/// out[i] = f(operands[i]...) with broadcasting; R and Ts are element types, computed with as Value.
template <class R, class... Ts, class F>
void map(std::span<const HostTensor> operands, HostTensor& out, const KernelSink& sink, F f) {
  constexpr std::size_t n = sizeof...(Ts);
  Sizes sizes(out.type.shape);
  std::int64_t count = sizes.count();
  auto* result = static_cast<Stored<R>*>(out.buffer.mutable_data());
  [&]<std::size_t... k>(std::index_sequence<k...>) {
    std::tuple<const Stored<Ts>*...> data{static_cast<const Stored<Ts>*>(operands[k].buffer.data())...};
    bool linear = (... && (operands[k].type.shape == out.type.shape || operands[k].num_elements() == 1));
    if (linear) {
      std::int64_t step[n] = {(operands[k].num_elements() == 1 ? 0 : 1)...};
      for (std::int64_t i = 0; i < count; ++i)
        result[i] = finish<R>(f(load<Ts>(std::get<k>(data)[i * step[k]])...), i, sink);
    } else if (count > 0) {
      Walk<n> walk{sizes, {Strides(Sizes(operands[k].type.shape), sizes)...}};
      int last = sizes.rank - 1;
      for (std::int64_t i = 0; i < count; ++i, walk.next(last))
        result[i] = finish<R>(f(load<Ts>(std::get<k>(data)[walk.offset[k]])...), i, sink);
    }
  }(std::index_sequence_for<Ts...>());
}

/// Check mode: the first NaN of a result is a fault.
inline void report_nan(const HostTensor& result, const KernelSink& sink) {
  if (!sink.fault || !is_floating(result.type.dtype)) return;
  visit<floating_dtypes>(result.type.dtype, [&]<class T>(std::type_identity<T>) {
    auto* p = static_cast<const Stored<T>*>(result.buffer.data());
    for (std::int64_t i = 0, n = result.num_elements(); i < n; ++i)
      if (std::isnan(load<T>(p[i]))) return sink.fault(sink.self, BURIN_RT_FAULT_NAN, i, 0);
  });
}

}  // namespace burin::scalar
