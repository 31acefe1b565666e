// One job at a time, its chunks dealt in one contiguous share a thread, so that a thread meets the same memory again in the
// next job; who has finished helps the others. Workers enter through a gate that counts them: the caller opens it, works along, closes it when the
// chunks have run out, and waits only for those that did enter; a worker that wakes late finds the gate closed.
#include "runtime/device/cpu/thread_pool.h"

#include "runtime/core/environment.h"
#include "runtime/core/float_mode.h"
#include "runtime/core/immortal.h"
#include "runtime/core/no_unwind.h"
#include "runtime/core/warning.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

namespace burin::rt {
namespace {

constexpr std::int64_t max_chunks = 256;
constexpr std::uint32_t max_shares = 64;
constexpr std::uint32_t open_bit = 1u << 31;

[[gnu::tls_model("initial-exec")]] constinit thread_local int depth = 0;
[[gnu::tls_model("initial-exec")]] constinit thread_local std::uint32_t own_number = 0;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void run_chunk(const Job& job, std::int64_t index) {
  std::int64_t begin = index * job.chunk;
  job.kernel(job.buffers, job.sizes, begin, std::min(begin + job.chunk, job.blocks), job.ctx);
}

class Pool {
 public:
  constexpr Pool() = default;

  void run(const Job& job, std::int64_t chunks, std::uint32_t threads) {
    if (!busy_.try_lock()) return serial(job, chunks);
    std::lock_guard lock(busy_, std::adopt_lock);
    if (!started_) start();
    std::uint32_t helpers = std::min<std::uint32_t>({threads - 1, workers_, static_cast<std::uint32_t>(chunks - 1)});
    if (helpers == 0) return serial(job, chunks);

    job_ = job;
    helpers_ = helpers;
    entered_.store(0, std::memory_order_relaxed);
    num_shares_ = std::min<std::uint32_t>(helpers + 1, max_shares);
    for (std::int64_t i = 0; i < num_shares_; ++i) {
      shares_[i].next.store(i * chunks / num_shares_, std::memory_order_relaxed);
      shares_[i].end = (i + 1) * chunks / num_shares_;
    }
    gate_.fetch_or(open_bit, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_seq_cst);
    // seq_cst on both sides: a worker that is not counted here has yet to compare the epoch and will find it changed.
    if (sleepers_.load(std::memory_order_seq_cst) != 0) {
      if (helpers == workers_) epoch_.notify_all();
      else
        for (std::uint32_t i = 0; i < helpers; ++i) epoch_.notify_one();
    }
    work(0);
    gate_.fetch_and(~open_bit, std::memory_order_relaxed);
    wait_for_workers();
  }

  static void serial(const Job& job, std::int64_t chunks) {
    ++depth;
    const std::uint32_t outer = std::exchange(own_number, 0);  // a job within a job has one worker
    for (std::int64_t i = 0; i < chunks; ++i) run_chunk(job, i);
    own_number = outer;
    --depth;
  }

  // In a forked child: no worker came along, and what the parent was doing is not ours.
  void forget_workers() {
    workers_ = 0;
    started_ = true;
    gate_.store(0, std::memory_order_relaxed);
    sleepers_.store(0, std::memory_order_relaxed);
    ::new (&busy_) std::mutex;
  }

 private:
  void start() {
    started_ = true;
    spin_ = std::chrono::microseconds(environment().integer(Env::spin_us));
    ::pthread_atfork(nullptr, nullptr, [] { instance().forget_workers(); });
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (std::uint32_t wanted = burin_rt_num_threads() - 1; workers_ < wanted; ++workers_) {
      pthread_t thread;
      auto body = [](void* number) -> void* {
        instance().worker(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(number)));
      };
      auto number = static_cast<std::uintptr_t>(workers_ + 1);
      if (int error = ::pthread_create(&thread, &attributes, body, reinterpret_cast<void*>(number)); error != 0) {
        char text[80];
        std::snprintf(text, sizeof text, "only %u of %u threads could be started", workers_ + 1, wanted + 1);
        warn(text);
        break;
      }
      ::pthread_setname_np(thread, "burin-worker");
    }
    ::pthread_attr_destroy(&attributes);
  }

  [[noreturn]] void worker(std::uint32_t number) {
    FloatMode mode;  // a thread begins with that of whoever started it
    std::uint32_t seen = 0;
    for (;;) {
      seen = wait_for_job(seen);
      std::uint32_t gate = gate_.fetch_add(1, std::memory_order_acquire);
      // As many as are wanted, each under a number of its own: where all are, that of its life, so that a worker finds in its
      // caches what it worked in before.
      if (gate & open_bit)
        if (std::uint32_t entered = entered_.fetch_add(1, std::memory_order_relaxed); entered < helpers_) {
          own_number = helpers_ == workers_ ? number : entered + 1;
          work(number);
        }
      gate = gate_.fetch_sub(1, std::memory_order_acq_rel);
      if (gate == 1) gate_.notify_one();  // closed, and we were the last: the caller may be asleep
    }
  }

  std::uint32_t wait_for_job(std::uint32_t seen) {
    using Clock = std::chrono::steady_clock;
    std::uint32_t now = epoch_.load(std::memory_order_acquire);
    if (now != seen) return now;
    for (auto until = Clock::now() + spin_; Clock::now() < until;) {
      for (int i = 0; i < 32; ++i) {
        relax();
        if ((now = epoch_.load(std::memory_order_acquire)) != seen) return now;
      }
    }
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    while ((now = epoch_.load(std::memory_order_seq_cst)) == seen) epoch_.wait(seen, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
    return now;
  }

  // First the share of this thread's number, then what is left of the others.
  void work(std::uint32_t number) {
    ++depth;
    for (std::uint32_t k = 0; k < num_shares_; ++k) {
      Share& s = shares_[(number + k) % num_shares_];
      while (s.next.load(std::memory_order_relaxed) < s.end) {
        std::int64_t i = s.next.fetch_add(1, std::memory_order_relaxed);
        if (i < s.end) run_chunk(job_, i);
      }
    }
    --depth;
  }

  void wait_for_workers() {
    for (int i = 0;; ++i) {
      std::uint32_t inside = gate_.load(std::memory_order_acquire);
      if (inside == 0) return;
      if (i < 4000) relax();
      else gate_.wait(inside, std::memory_order_acquire);
    }
  }

 public:
  static Pool& instance();

 private:
  std::mutex busy_;  // held by the caller that the workers serve
  bool started_ = false;
  std::uint32_t workers_ = 0;
  std::chrono::microseconds spin_{0};
  struct alignas(64) Share {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };
  Job job_{};  // the job and its shares are written while the gate is closed and nobody is inside
  std::uint32_t helpers_ = 0, num_shares_ = 0;
  std::atomic<std::uint32_t> entered_{0};  // workers, in this job
  Share shares_[max_shares];
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  alignas(64) std::atomic<std::uint32_t> gate_{0};  // open bit, and how many workers are inside
  alignas(64) std::atomic<std::uint32_t> sleepers_{0};
};

constinit Pool pool;  // trivially destructible in effect: nothing runs when the process ends

Pool& Pool::instance() { return pool; }

}  // namespace

std::int64_t chunk_of(std::int64_t blocks, std::int64_t grain) noexcept {
  return std::max<std::int64_t>({grain, blocks / max_chunks + (blocks % max_chunks != 0), 1});
}

void run_job(const Job& job, std::uint32_t threads) noexcept {
  if (job.blocks <= 0) return;
  std::int64_t chunks = job.blocks / job.chunk + (job.blocks % job.chunk != 0);
  if (chunks == 1 || threads <= 1 || depth != 0) return Pool::serial(job, chunks);
  pool.run(job, chunks, threads);
}

std::int64_t worker_number() noexcept { return own_number; }

}  // namespace burin::rt

extern "C" uint32_t burin_rt_num_threads(void) {
  static constinit burin::rt::Immortal<const uint32_t> count;
  auto find = [] {
    if (auto asked = burin::rt::environment().integer(burin::rt::Env::num_threads); asked > 0)
      return static_cast<uint32_t>(asked);
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return uint32_t{1};
    return static_cast<uint32_t>(std::max(CPU_COUNT(&set), 1));
  };
  return burin::rt::no_unwind(uint32_t{1}, [&] { return count.get(find); });
}
