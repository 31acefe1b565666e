// The list of locks and the three handlers of pthread_atfork. See fork.h.
#include "runtime/core/fork.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <utility>

namespace burin::rt {
namespace {

constinit std::atomic<std::uint32_t> generation{0};
constinit std::atomic<bool> work_lost{false};
constinit thread_local int own_work = 0;
constexpr std::uint32_t unborn = ~std::uint32_t{0};
constinit thread_local std::uint32_t born =
    unborn;  // the generation in which a thread was first seen; its address tells threads apart

constexpr int mark_bits = 48;
constexpr std::uint64_t thread_mask = (std::uint64_t{1} << mark_bits) - 1;
std::uint64_t this_thread() {
  if (born == unborn) born = fork_generation();
  return reinterpret_cast<std::uintptr_t>(&born) & thread_mask;
}

}  // namespace

/// All that is held, and the handlers. Constant-initialised and never destroyed: locks are made in any order.
class Forking {
 public:
  void add(HeldByFork& lock) {
    std::lock_guard guard(mutex_);
    lock.next_ = first_;
    if (first_) first_->before_ = &lock;
    first_ = &lock;
  }
  void remove(HeldByFork& lock) {
    std::lock_guard guard(mutex_);
    if (lock.next_) lock.next_->before_ = lock.before_;
    (lock.before_ ? lock.before_->next_ : first_) = lock.next_;
  }
  void begin_work() {
    std::lock_guard guard(mutex_);
    ++working_;
  }
  void end_work() {
    std::lock_guard guard(mutex_);
    --working_;
  }

  // Takes everything or nothing, over and over: whoever is inside of one may wait for another, or for this list.
  void prepare() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    for (;;) {
      mutex_.lock();
      const auto waited = Clock::now() - start;
      const bool all = hold_all(), idle = working_ == own_work;
      if ((all || waited > std::chrono::seconds(1)) && (idle || waited > std::chrono::seconds(10))) return;
      release_all();
      mutex_.unlock();
      ::usleep(50);
    }
  }
  void parent() {
    release_all();
    mutex_.unlock();
  }
  void child() {
    for (HeldByFork* l = first_; l; l = l->next_)
      if (!l->held_) l->remake();
    release_all();
    if (working_ != own_work) work_lost.store(true, std::memory_order_relaxed);
    working_ = own_work;
    generation.fetch_add(1, std::memory_order_relaxed);
    mutex_.unlock();
  }

 private:
  bool hold_all() {
    bool all = true;
    for (HeldByFork* l = first_; l; l = l->next_) {
      l->held_ = l->hold();
      all = all && l->held_;
    }
    return all;
  }
  void release_all() {
    for (HeldByFork* l = first_; l; l = l->next_)
      if (std::exchange(l->held_, false)) l->release();
  }

  std::mutex mutex_;
  HeldByFork* first_ = nullptr;
  int working_ = 0;
};

namespace {

constinit Forking forking;
[[maybe_unused]] const int handlers =
    ::pthread_atfork([] { forking.prepare(); }, [] { forking.parent(); }, [] { forking.child(); });

}  // namespace

void HeldByFork::join() noexcept { forking.add(*this); }
void HeldByFork::leave() noexcept { forking.remove(*this); }

void Mutex::remake() noexcept { ::new (&mutex_) std::mutex; }

std::uint32_t fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

// A thread made after a fork may have the address of one that did not come along.
bool Turn::mine() const noexcept {
  const std::uint64_t owner = owner_.load(std::memory_order_relaxed);
  return (owner & thread_mask) == this_thread() && owner >> mark_bits >= (born & 0xffff);
}

void Turn::lock() noexcept {
  if (mine()) {
    ++depth_;
    return;
  }
  const std::uint64_t now = fork_generation() & 0xffff, me = now << mark_bits | this_thread();
  for (std::uint64_t owner = 0; !owner_.compare_exchange_strong(owner, me, std::memory_order_acquire);) {
    if (owner >> mark_bits != now) continue;  // its owner did not come along: ours for the taking
    owner_.wait(owner, std::memory_order_relaxed);
    owner = 0;
  }
  depth_ = 1;
}

void Turn::unlock() noexcept {
  if (--depth_ > 0) return;
  owner_.store(0, std::memory_order_release);
  owner_.notify_one();
}

LongWork::LongWork() noexcept {
  forking.begin_work();
  ++own_work;
}
LongWork::~LongWork() {
  --own_work;
  forking.end_work();
}

bool forked_during_work() noexcept { return work_lost.load(std::memory_order_relaxed); }

}  // namespace burin::rt
