// The fields of an aggregate, without registration: how many, references to them, and their names (the technique of
// Boost.PFR). The list of cases is what C++20 offers instead of packs in structured bindings.
#pragma once
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace burin::detail {

/// Converts to anything but T itself: stands for an initialiser of any type.
template <class T> struct AnyBut {
  template <class U> requires(!std::is_same_v<U, T>)
  operator U() const noexcept;  // NOLINT
};
/// Converts to the bases of T only.
template <class T> struct BaseOf {
  template <class U> requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const noexcept;  // NOLINT
};
template <class T, template <class> class Any, std::size_t... I> constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{((void)I, Any<T>{})...}; };
}
template <class T, std::size_t... I, std::size_t... J, std::size_t... K>
constexpr bool takes_nested(std::index_sequence<I...>, std::index_sequence<J...>, std::index_sequence<K...>) {
  return requires { T{((void)I, AnyBut<T>{})..., {((void)J, AnyBut<T>{})...}, ((void)K, AnyBut<T>{})...}; };
}
inline constexpr std::size_t max_fields = 32;

// A pair of braces initialises one field whatever it is, an array or a struct too. No pack makes a list of them.
// clang-format off
#define BURIN_BRACES(X)                                                                                                \
  X(1, {})                                                                                                             \
  X(2, {},{})                                                                                                          \
  X(3, {},{},{})                                                                                                       \
  X(4, {},{},{},{})                                                                                                    \
  X(5, {},{},{},{},{})                                                                                                 \
  X(6, {},{},{},{},{},{})                                                                                              \
  X(7, {},{},{},{},{},{},{})                                                                                           \
  X(8, {},{},{},{},{},{},{},{})                                                                                        \
  X(9, {},{},{},{},{},{},{},{},{})                                                                                     \
  X(10, {},{},{},{},{},{},{},{},{},{})                                                                                 \
  X(11, {},{},{},{},{},{},{},{},{},{},{})                                                                              \
  X(12, {},{},{},{},{},{},{},{},{},{},{},{})                                                                           \
  X(13, {},{},{},{},{},{},{},{},{},{},{},{},{})                                                                        \
  X(14, {},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                                     \
  X(15, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                                  \
  X(16, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                               \
  X(17, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                            \
  X(18, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                         \
  X(19, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                      \
  X(20, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                   \
  X(21, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                                \
  X(22, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                             \
  X(23, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                          \
  X(24, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                       \
  X(25, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                    \
  X(26, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                                 \
  X(27, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                              \
  X(28, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                           \
  X(29, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                        \
  X(30, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                     \
  X(31, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})                  \
  X(32, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})               \
  X(33, {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{})
// clang-format on

/// How many pairs of braces initialise a T: its bases, then its fields; max_fields + 1 where there are more.
template <class T> consteval std::size_t count_braces() {
#define BURIN_TAKES(n, ...)                                  \
  if constexpr (!requires { T{__VA_ARGS__}; }) return n - 1; \
  else
  BURIN_BRACES(BURIN_TAKES) return max_fields + 1;
#undef BURIN_TAKES
}
/// The same for T's first base.
template <class T> consteval std::size_t count_base_braces() {
#define BURIN_TAKES(n, ...)                                    \
  if constexpr (!requires { T{{__VA_ARGS__}}; }) return n - 1; \
  else
  BURIN_BRACES(BURIN_TAKES) return max_fields + 1;
#undef BURIN_TAKES
}
#undef BURIN_BRACES

template <class T, template <class> class Any, std::size_t N> consteval std::size_t count_initialisers() {
  if constexpr (N == 0) return 0;
  else if constexpr (takes<T, Any>(std::make_index_sequence<N>())) return N;
  else return count_initialisers<T, Any, N - 1>();
}
/// Of the initialisers from At on, N in all, how many belong to one field: those of an array may stand in braces of their own.
template <class T, std::size_t N, std::size_t At, std::size_t Size = N - At>
consteval std::size_t initialisers_of_field() {
  using Before = std::make_index_sequence<At>;
  using In = std::make_index_sequence<Size>;
  if constexpr (Size == 1) return 1;
  else if constexpr (takes_nested<T>(Before(), In(), std::make_index_sequence<N - At - Size>()) &&
                     !takes_nested<T>(Before(), In(), std::make_index_sequence<N - At - Size + 1>()))
    return Size;
  else return initialisers_of_field<T, N, At, Size - 1>();
}
template <class T, std::size_t N, std::size_t At = 0> consteval std::size_t count_by_initialisers() {
  if constexpr (At >= N) return 0;
  else return 1 + count_by_initialisers<T, N, At + initialisers_of_field<T, N, At>()>();
}

/// Bases and members of an aggregate; max_fields + 1 where there are more.
template <class T> consteval std::size_t count_parts() {
  if constexpr (requires { T{}; }) return count_braces<T>();
  else return count_by_initialisers<T, count_initialisers<T, AnyBut, max_fields + 1>()>();  // braces need defaults
}
template <class T> consteval std::size_t count_bases() {
  if constexpr (!takes<T, BaseOf>(std::make_index_sequence<1>())) return 0;
  else return count_initialisers<T, BaseOf, max_fields>();
}
/// What a structured binding names: the members of an aggregate or, where it has none, those of its base. max_fields + 1 where
/// there are more; hidden_fields where C++20 names none, since base and class have some or there are several bases.
inline constexpr std::size_t hidden_fields = max_fields + 2;
template <class T> consteval std::size_t count_fields() {
  constexpr std::size_t parts = count_parts<T>(), bases = count_bases<T>();
  if constexpr (bases == 0 || parts > max_fields) {
    return parts;
  } else {
    constexpr std::size_t in_base = count_base_braces<T>();
    if constexpr (bases > 1 || !requires { T{}; }) return hidden_fields;
    else if constexpr (in_base == 0) return parts - 1;
    else if constexpr (parts == 1 && !requires { T{{BaseOf<T>{}}}; }) return in_base;
    else return hidden_fields;
  }
}

/// Calls f with a reference to each field.
template <std::size_t N, class T, class F> constexpr decltype(auto) with_fields(T& x, F&& f) {
  if constexpr (N == 1) {
    auto& [m0] = x;
    return f(m0);
  } else if constexpr (N == 2) {
    auto& [m0, m1] = x;
    return f(m0, m1);
  } else if constexpr (N == 3) {
    auto& [m0, m1, m2] = x;
    return f(m0, m1, m2);
  } else if constexpr (N == 4) {
    auto& [m0, m1, m2, m3] = x;
    return f(m0, m1, m2, m3);
  } else if constexpr (N == 5) {
    auto& [m0, m1, m2, m3, m4] = x;
    return f(m0, m1, m2, m3, m4);
  } else if constexpr (N == 6) {
    auto& [m0, m1, m2, m3, m4, m5] = x;
    return f(m0, m1, m2, m3, m4, m5);
  } else if constexpr (N == 7) {
    auto& [m0, m1, m2, m3, m4, m5, m6] = x;
    return f(m0, m1, m2, m3, m4, m5, m6);
  } else if constexpr (N == 8) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7);
  } else if constexpr (N == 9) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8);
  } else if constexpr (N == 10) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9);
  } else if constexpr (N == 11) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10);
  } else if constexpr (N == 12) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11);
  } else if constexpr (N == 13) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12);
  } else if constexpr (N == 14) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13);
  } else if constexpr (N == 15) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14);
  } else if constexpr (N == 16) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15);
  } else if constexpr (N == 17) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16);
  } else if constexpr (N == 18) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17);
  } else if constexpr (N == 19) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18);
  } else if constexpr (N == 20) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19);
  } else if constexpr (N == 21) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20);
  } else if constexpr (N == 22) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21);
  } else if constexpr (N == 23) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22);
  } else if constexpr (N == 24) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
           m23] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23);
  } else if constexpr (N == 25) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24);
  } else if constexpr (N == 26) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25);
  } else if constexpr (N == 27) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26);
  } else if constexpr (N == 28) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26, m27);
  } else if constexpr (N == 29) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26, m27, m28);
  } else if constexpr (N == 30) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26, m27, m28, m29);
  } else if constexpr (N == 31) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26, m27, m28, m29, m30);
  } else if constexpr (N == 32) {
    auto& [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23,
           m24, m25, m26, m27, m28, m29, m30, m31] = x;
    return f(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22,
             m23, m24, m25, m26, m27, m28, m29, m30, m31);
  }
}

template <class T> struct Fake {
  T value;
};
template <class T> extern const Fake<T> fake;  // never defined: only addresses inside it are named
template <std::size_t I, class First, class... More> constexpr auto pick(First* first, More*... more) {
  if constexpr (I == 0) return first;
  else return pick<I - 1>(more...);
}
template <auto Pointer> consteval std::string_view pointer_name() {
  std::string_view s =
      __PRETTY_FUNCTION__;  // `... [with auto Pointer = (& fake<P>.Fake<P>::value.P::w1); std::string_view = ...]`
  s = s.substr(0, s.find(';'));
  s = s.substr(0, s.find_last_not_of(")]") + 1);
  return s.substr(s.find_last_of(":.>") + 1);
}
/// What field I of T is called in the source.
template <class T, std::size_t N, std::size_t I> consteval std::string_view field_name() {
  constexpr auto p = with_fields<N>(fake<T>.value, [](auto&... m) { return pick<I>(&m...); });
  return pointer_name<p>();
}

}  // namespace burin::detail
