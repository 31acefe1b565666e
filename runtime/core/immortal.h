// Immortal: a static object that is made when first asked for and never destroyed, for state that threads may still reach
// while the process exits. Depends on the standard library alone.
#pragma once
#include <atomic>

namespace burin::rt {

/// Use as a constant-initialised static: `static constinit Immortal<State> s; return s.get();`. There is no lock that a child
/// of fork() could find taken by a thread that it does not have, as that of a function's static object is: of two threads
/// that make the object at once, one throws its own away.
template <class T> class Immortal {
 public:
  constexpr Immortal() = default;
  Immortal(const Immortal&) = delete;
  Immortal& operator=(const Immortal&) = delete;

  T& get() {
    return get([] { return T(); });
  }
  /// As `make()` returns it; called again only by threads that were there before the first object stood.
  template <class Make> T& get(Make make) {
    if (T* made = made_.load(std::memory_order_acquire)) return *made;
    T *mine = new T(make()), *other = nullptr;  // NOLINT(cppcoreguidelines-owning-memory)
    if (made_.compare_exchange_strong(other, mine, std::memory_order_acq_rel, std::memory_order_acquire)) return *mine;
    delete mine;  // NOLINT(cppcoreguidelines-owning-memory)
    return *other;
  }

 private:
  std::atomic<T*> made_{nullptr};
};

}  // namespace burin::rt
