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
using namespace burin;
using namespace burin::ag;
using T = burin::Tensor;
inline T positions() { return T({0.0, 1.0, 2.0, 3.0}); }
inline T row(const T& x, int i) { return burin::gather(x, T(i), 0); }
using Truth = burin::Tensor;
inline T both(const T& a, const T& b) { return a & b; }
inline T either(const T& a, const T& b) { return a | b; }
#endif
struct Pair {
  T a, b;
};
inline void bump(T& t, const T& by) { t = t + by; }
std::vector<T (*)(T, T)> functions();  ///< of generate.py
std::vector<T (*)(T, T)> exits();      ///< of generate_exits.py: with the loops of the library
std::vector<T (*)(T, T)> entries();    ///< the same with the entry points for rewritten code
}  // namespace FUZZ_NAMESPACE
