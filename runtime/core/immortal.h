// Immortal: a static object that is never destroyed, for state that threads may still reach while the process exits.
#pragma once
#include <cstddef>
#include <new>
#include <utility>

namespace burin::rt {

/// Use as a function-local static: `static Immortal<State> s; return *s;`.
template <class T> class Immortal {
 public:
  template <class... A> explicit Immortal(A&&... a) { ::new (static_cast<void*>(storage_)) T(std::forward<A>(a)...); }
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;
  T& operator*() { return *std::launder(reinterpret_cast<T*>(storage_)); }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
};

}  // namespace burin::rt
