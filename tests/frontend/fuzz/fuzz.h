// What generated programs are written in: T, a pair of Ts, and helpers that exist for both meanings of T.
#pragma once
#include <burin/burin.h>

#include <vector>

#ifdef FUZZ_PLAIN
#define FUZZ_NAMESPACE plain
#else
#define FUZZ_NAMESPACE traced
#endif

namespace FUZZ_NAMESPACE {
using burin::cond;
using burin::while_loop;
#ifdef FUZZ_PLAIN
using T = double;
using Truth = bool;
inline bool both(bool a, bool b) { return a && b; }
inline bool either(bool a, bool b) { return a || b; }
#else
using T = burin::Tensor;
using Truth = burin::Tensor;
inline T both(const T& a, const T& b) { return a & b; }
inline T either(const T& a, const T& b) { return a | b; }
#endif
struct Pair {
  T a, b;
};
inline void bump(T& t, const T& by) { t = t + by; }
std::vector<T (*)(T, T)> functions();
}  // namespace FUZZ_NAMESPACE
