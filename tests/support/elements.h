// Single elements of host tensors as numbers, whatever their dtype. For tests.
#pragma once
#include "runtime/ops/buffer.h"

#include <cmath>
#include <vector>

namespace burin::test {

inline std::vector<Dtype> dtypes_of(DtypeSet set) {
  std::vector<Dtype> list;
  for (int i = 0; i < num_dtypes; ++i)
    if (set.contains(static_cast<Dtype>(i))) list.push_back(static_cast<Dtype>(i));
  return list;
}

/// 64-bit integers beyond 2^53 are rounded.
inline double element(const HostTensor& t, std::int64_t i) {
  return visit(t.type.dtype, [&]<class T>(std::type_identity<T>) -> double {
    if constexpr (std::is_same_v<T, bool>) return t.data<std::uint8_t>()[i];
    else if constexpr (is_narrow_float(dtype_of<T>)) return static_cast<float>(t.data<T>()[i]);
    else return static_cast<double>(t.data<T>()[i]);
  });
}

/// Integers modulo 2^bits, bool by the last bit; a narrow float is rounded by way of f32.
inline void set_element(HostTensor& t, std::int64_t i, double x) {
  visit(t.type.dtype, [&]<class T>(std::type_identity<T>) {
    void* p = t.buffer.mutable_data();
    const auto n = is_floating(dtype_of<T>) ? 0 : static_cast<std::int64_t>(x);
    if constexpr (std::is_same_v<T, bool>) static_cast<std::uint8_t*>(p)[i] = n & 1;
    else if constexpr (is_narrow_float(dtype_of<T>)) static_cast<T*>(p)[i] = T(static_cast<float>(x));
    else if constexpr (is_floating(dtype_of<T>)) static_cast<T*>(p)[i] = static_cast<T>(x);
    else static_cast<T*>(p)[i] = static_cast<T>(n);
  });
}

/// The distance from 1 to the next number of a floating dtype.
inline double epsilon_of(Dtype t) { return std::ldexp(1.0, 1 - dtype_info(t).digits); }

/// The least denormal of a floating dtype: the step around 0.
inline double least_of(Dtype t) {
  return std::ldexp(1.0, 3 - (1 << (dtype_info(t).exponent - 1)) - dtype_info(t).digits);
}

}  // namespace burin::test
