// Locks that fork() does not break. A child has the forking thread alone: a lock that another thread held would never open,
// and what it guards may be half-changed. Depends on the C and C++ standard libraries and pthread_atfork.
#pragma once
#include <burin/rt/rt.h>

#include <atomic>
#include <cstdint>
#include <mutex>

namespace burin::rt {

/// How often this process has been forked from another that used burin: what is stamped with an older number, another
/// thread began that is not here.
BURIN_RT_API std::uint32_t fork_generation() noexcept;

/// What fork() waits for and holds while the process is copied; in a list of all.
class BURIN_RT_API HeldByFork {
 public:
  HeldByFork(const HeldByFork&) = delete;
  HeldByFork& operator=(const HeldByFork&) = delete;

 protected:
  HeldByFork() = default;
  ~HeldByFork() = default;
  // By the most derived class, last in its constructor and first in its destructor: another thread may fork at any time.
  void join() noexcept;
  void leave() noexcept;

 private:
  friend class Forking;
  virtual bool hold() noexcept = 0;  // true: nobody else is inside, nor comes in until release
  virtual void release() noexcept = 0;
  virtual void remake() noexcept = 0;  // in a child, where hold failed for too long

  HeldByFork *next_ = nullptr, *before_ = nullptr;
  bool held_ = false;
};

/// A mutex for short sections that run no code of users and start no LongWork: fork() waits until nobody is inside, so that
/// a child finds it open and what it guards whole.
class BURIN_RT_API Mutex final : HeldByFork {
 public:
  Mutex() noexcept { join(); }
  ~Mutex() { leave(); }
  void lock() { mutex_.lock(); }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  bool hold() noexcept override { return mutex_.try_lock(); }
  void release() noexcept override { mutex_.unlock(); }
  void remake() noexcept override;
  std::mutex mutex_;
};

/// A lock for sections that may be long or run code of users. The thread that has it may take it again. fork() does not
/// wait for it: in a child it is open unless the forking thread has it.
class BURIN_RT_API Turn {
 public:
  void lock() noexcept;
  void unlock() noexcept;
  bool mine() const noexcept;  ///< whether this thread has it

 private:
  std::atomic<std::uint64_t> owner_{0};  // fork generation and thread; 0: free
  int depth_ = 0;                        // the owner's
};

/// Work whose state fork() must not copy half-done, such as a compile: fork() waits for it, some seconds at most.
class BURIN_RT_API LongWork {
 public:
  LongWork() noexcept;
  ~LongWork();
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;
};
/// In a child: fork() waited in vain, and what such work left cannot be used.
BURIN_RT_API bool forked_during_work() noexcept;

}  // namespace burin::rt
