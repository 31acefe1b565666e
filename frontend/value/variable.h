// What stands behind a Variable: a handle that any thread may reach, a lock around it, and the type that it keeps. While a
// thread traces it works on a shadow of that handle (recorder.h), so that others never see traced values. Private to the frontend.
#pragma once
#include <burin/variable.h>

#include "frontend/value/node.h"
#include "runtime/core/fork.h"

#include <atomic>
#include <source_location>
#include <string>

namespace burin::detail {

/// A lock of one word. Calls hold one for each variable that they update, which may be hundreds: more than tools that watch
/// ordinary mutexes keep count of. In a forked child, those that other threads had are open.
class WordLock {
 public:
  void lock() noexcept {
    const std::uint32_t mine = rt::fork_generation() + 1;
    for (std::uint32_t held = 0; !held_.compare_exchange_strong(held, mine, std::memory_order_acquire);) {
      if (held != mine) continue;  // whoever held it did not come along
      held_.wait(held, std::memory_order_relaxed);
      held = 0;
    }
  }
  void unlock() noexcept {
    held_.store(0, std::memory_order_release);
    held_.notify_one();
  }

 private:
  std::atomic<std::uint32_t> held_{0};
};

/// A handle whose `variable` bit is set: the cell's own, or a shadow of it.
struct VariableHandle : Tensor {
  VariableCell* cell;
  explicit VariableHandle(VariableCell* c) : cell(c) { HandleAccess::set_variable(*this); }
  VariableHandle(const VariableHandle&) = delete;  // a copied Tensor is no variable's
};

struct VariableCell : std::enable_shared_from_this<VariableCell> {
  VariableHandle handle{this};  ///< guarded by `lock`
  mutable WordLock lock;
  TensorType type;
  std::string name;
  std::source_location where;
  std::uint8_t device = 0;
  std::uint64_t number = 0;  ///< the order in which calls lock
  static VariableCell& of(const Variable& v) { return *v.cell_; }
};
/// `variable 'w'`, or `the variable made at f.cpp:12`.
std::string describe(const VariableCell&);
/// Replaces the value. Needs the lock, and writes nothing else of the handle: whether it is a variable's is read without.
inline void put(VariableCell& cell, NodeRef next) { const_cast<NodeRef&>(HandleAccess::node(cell.handle)).swap(next); }
/// Puts `next` where `expected` is; false where somebody has assigned since.
bool replace(VariableCell&, const NodeRef& expected, NodeRef next);

inline VariableCell& cell_of(const Tensor& handle) { return *static_cast<const VariableHandle&>(handle).cell; }
inline bool is_shadow(const Tensor& handle) { return &handle != &cell_of(handle).handle; }

/// This thread's handle for tracing, which begins with the value that the cell has at the first use in the outermost trace.
struct Shadow {
  std::shared_ptr<VariableCell> cell;
  VariableHandle handle{cell.get()};
  explicit Shadow(std::shared_ptr<VariableCell> c) : cell(std::move(c)) {}
};

}  // namespace burin::detail
