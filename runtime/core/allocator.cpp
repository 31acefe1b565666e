// Size classes: 64-byte steps to 512, then four a doubling to 256 MiB, each with 64 bytes more so that a power of two
// plus Buffer's header stays in its class. Small blocks wait in the freeing thread's lists, the rest in shared lists
// under a byte bound; above 256 MiB everything goes straight to the system.
#include "runtime/core/allocator.h"

#include "runtime/core/environment.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"
#include "runtime/core/no_unwind.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)  // clang's spelling of g++'s macro
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define BURIN_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define BURIN_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define BURIN_WITH_ASAN 1
#else
#define BURIN_POISON(p, n) static_cast<void>(0)
#define BURIN_UNPOISON(p, n) static_cast<void>(0)
#define BURIN_WITH_ASAN 0
#endif

namespace burin::rt {
namespace {

constexpr std::int64_t slack = 64;                                         // room for a header in each class
constexpr std::int64_t largest_class = std::int64_t{256} << 20;            // above: the system
constexpr std::int64_t largest_local = (std::int64_t{256} << 10) + slack;  // above: no thread keeps it
constexpr std::int64_t mapped_from = std::int64_t{1} << 20;                // above: mmap, so that freeing really frees
constexpr std::int64_t huge_page = std::int64_t{2} << 20;
constexpr std::int64_t page = 4096;

constexpr int class_of(std::int64_t bytes) {
  std::int64_t c = std::max<std::int64_t>(bytes - slack, 64);
  if (c <= 512) return static_cast<int>((c + 63) / 64) - 1;
  int lg = 63 - std::countl_zero(static_cast<std::uint64_t>(c - 1));
  return 8 + (lg - 9) * 4 + static_cast<int>(((c - 1) - (std::int64_t{1} << lg)) >> (lg - 2));
}
constexpr std::int64_t capacity_of(int cls) {
  if (cls < 8) return (cls + 1) * 64 + slack;
  int lg = 9 + (cls - 8) / 4, step = (cls - 8) % 4 + 1;
  return (std::int64_t{1} << lg) + step * (std::int64_t{1} << (lg - 2)) + slack;
}
constexpr int num_classes = class_of(largest_class + slack) + 1;
constexpr int num_local = class_of(largest_local) + 1;

constexpr bool classes_hold() {
  for (int c = 0; c < num_classes; ++c)
    if (class_of(capacity_of(c)) != c || class_of(capacity_of(c) + 1) != c + 1 || capacity_of(c) % 64 != 0)
      return false;
  return class_of(0) == 0;
}
static_assert(classes_hold());
static_assert(capacity_of(num_local - 1) == largest_local);  // a thread's lists are asked for each size that they hold

constexpr int local_count(int cls) {
  return static_cast<int>(std::clamp<std::int64_t>((std::int64_t{512} << 10) / capacity_of(cls), 4, 32));
}
constexpr auto local_counts = [] {
  std::array<std::uint8_t, num_local> a{};
  for (int c = 0; c < num_local; ++c) a[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(local_count(c));
  return a;
}();

struct Free {
  Free* next;
};

struct Shared {
  std::mutex mutex;
  std::array<Free*, num_classes> lists{};
  std::atomic<std::int64_t> cached{0};  // written under the mutex
  std::atomic<std::int64_t> taken{0};   // from the system, cached blocks included
  std::atomic<std::int64_t> requests{0};
  std::atomic<std::uint32_t> colour{0};
};
constinit Shared shared;

// A child forked while another thread holds the lock could never allocate again.
class SharedHeldByFork final : HeldByFork {
 public:
  SharedHeldByFork() noexcept { join(); }
  ~SharedHeldByFork() { leave(); }

 private:
  bool hold() noexcept override { return shared.mutex.try_lock(); }
  void release() noexcept override { shared.mutex.unlock(); }
  void remake() noexcept override { ::new (&shared.mutex) std::mutex; }
};
[[maybe_unused]] const SharedHeldByFork held_by_fork;

// A thread's own lists, reached through a word at a fixed offset from the thread pointer: of such words a library that is
// opened at run time has room for few. Flusher empties and drops them when the thread ends.
struct Local {
  std::array<Free*, num_local> lists;
  std::array<std::uint8_t, num_local> counts;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Local* local = nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool local_gone = false;

std::int64_t mapped_length(std::int64_t capacity) { return (capacity + 2 * page - 1) / page * page; }

void* map(std::int64_t capacity) {
  std::int64_t length = mapped_length(capacity);
  std::int64_t extra = length >= 2 * huge_page ? huge_page : 0;
  void* raw = ::mmap(nullptr, static_cast<std::size_t>(length + extra), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto base = reinterpret_cast<std::uintptr_t>(raw);
  if (extra != 0) {
    std::uintptr_t aligned = (base + huge_page - 1) / huge_page * huge_page;
    if (aligned != base) ::munmap(raw, aligned - base);
    if (std::uintptr_t end = base + static_cast<std::uintptr_t>(length + extra),
        used = aligned + static_cast<std::uintptr_t>(length);
        end != used)
      ::munmap(reinterpret_cast<void*>(used), end - used);
    base = aligned;
    ::madvise(reinterpret_cast<void*>(base), static_cast<std::size_t>(length),
              MADV_HUGEPAGE);  // a wish; refusal is fine
  }
  // Buffers that all start at a page's first byte fight for the same cache sets: start each at another quarter kilobyte.
  return reinterpret_cast<void*>(base + shared.colour.fetch_add(1, std::memory_order_relaxed) % 16 * 256);
}

// Under the address sanitizer the classes come from its own malloc, which watches them.
bool is_mapped(std::int64_t capacity) { return capacity > (BURIN_WITH_ASAN ? largest_class + slack : mapped_from); }

void to_system(void* p, std::int64_t capacity) {
  shared.taken.fetch_sub(capacity, std::memory_order_relaxed);
  if (capacity <= largest_class + slack) BURIN_UNPOISON(p, static_cast<std::size_t>(capacity));
  if (is_mapped(capacity))
    ::munmap(reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(p) / page * page),
             static_cast<std::size_t>(mapped_length(capacity)));
  else std::free(p);
}

void* from_system(std::int64_t capacity) {
  for (bool again : {true, false}) {
    std::int64_t taken = shared.taken.fetch_add(capacity, std::memory_order_relaxed);
    void* p = nullptr;
    if (taken <= memory_limit() - capacity)
      p = is_mapped(capacity) ? map(capacity) : std::aligned_alloc(64, static_cast<std::size_t>(capacity));
    if (p) {
      shared.requests.fetch_add(1, std::memory_order_relaxed);
      return p;
    }
    shared.taken.fetch_sub(capacity, std::memory_order_relaxed);
    if (again) trim_memory();
  }
  return nullptr;
}

std::int64_t cache_bound() {
  static constinit Immortal<const std::int64_t> bound;
  auto find = [] { return std::min(environment().integer(Env::memory_cache_bytes), memory_limit() / 4); };
  return no_unwind(std::int64_t{0}, [&] { return bound.get(find); });
}

// Puts a chain of blocks of one class into the shared lists; what exceeds the bound goes to the system.
void give_shared(Free* chain, int cls) {
  const std::int64_t capacity = capacity_of(cls), bound = cache_bound();
  Free* excess = nullptr;
  {
    std::lock_guard lock(shared.mutex);
    while (chain) {
      Free* next = chain->next;
      if (shared.cached.load(std::memory_order_relaxed) + capacity <= bound) {
        shared.cached.fetch_add(capacity, std::memory_order_relaxed);
        chain->next = shared.lists[static_cast<std::size_t>(cls)];
        shared.lists[static_cast<std::size_t>(cls)] = chain;
      } else {
        chain->next = excess;
        excess = chain;
      }
      chain = next;
    }
  }
  while (excess) {
    Free* next = excess->next;
    to_system(excess, capacity);
    excess = next;
  }
}

// Up to `wanted` blocks of a class as a chain; `got` says how many.
Free* take_shared(int cls, int wanted, int& got) {
  std::lock_guard lock(shared.mutex);
  Free* chain = nullptr;
  for (got = 0; got < wanted; ++got) {
    Free* f = shared.lists[static_cast<std::size_t>(cls)];
    if (!f) break;
    shared.lists[static_cast<std::size_t>(cls)] = f->next;
    f->next = chain;
    chain = f;
  }
  shared.cached.fetch_sub(got * capacity_of(cls), std::memory_order_relaxed);
  return chain;
}

void flush_local() {
  if (!local) return;
  for (int c = 0; c < num_local; ++c) {
    auto i = static_cast<std::size_t>(c);
    if (local->lists[i]) give_shared(local->lists[i], c);
  }
  *local = {};
}

struct Flusher {
  bool touched = false;
  ~Flusher() {
    flush_local();
    std::free(std::exchange(local, nullptr));
    local_gone = true;  // what later destructors free goes to the shared lists
  }
};
thread_local Flusher flusher;

[[gnu::noinline]] bool arm() {
  if (!local && !local_gone) {
    flusher.touched = true;  // constructs it, which registers the destructor
    local = static_cast<Local*>(std::calloc(1, sizeof(Local)));
  }
  return local != nullptr;
}

void* hand_out(void* p, std::int64_t bytes, std::int64_t capacity) {
  BURIN_UNPOISON(p, static_cast<std::size_t>(capacity));
  BURIN_POISON(static_cast<char*>(p) + bytes, static_cast<std::size_t>(capacity - bytes));
  static_cast<void>(bytes), static_cast<void>(capacity);
  return p;
}

[[gnu::noinline]] void* allocate_slow(std::int64_t bytes) {
  if (bytes < 0 || bytes > memory_limit()) return nullptr;
  std::int64_t capacity = allocation_size(bytes);
  if (bytes > largest_class + slack) return from_system(capacity);
  int cls = class_of(bytes), got = 0;
  bool keep = cls < num_local && arm();
  Free* chain = take_shared(cls, keep ? local_counts[static_cast<std::size_t>(cls)] / 2 : 1, got);
  if (!chain) {
    void* p = from_system(capacity);
    return p ? hand_out(p, bytes, capacity) : nullptr;
  }
  if (got > 1) {
    local->lists[static_cast<std::size_t>(cls)] = chain->next;
    local->counts[static_cast<std::size_t>(cls)] = static_cast<std::uint8_t>(got - 1);
  }
  return hand_out(chain, bytes, capacity);
}

[[gnu::noinline]] void deallocate_slow(void* p, int cls) {
  auto i = static_cast<std::size_t>(cls);
  auto* f = static_cast<Free*>(p);
  f->next = nullptr;
  if (cls >= num_local || !arm()) return give_shared(f, cls);
  if (local->counts[i] >= local_counts[i]) {  // give half away, keeping what was freed last: it is warm
    Free* last = local->lists[i];
    for (int k = 1; k < local_counts[i] / 2; ++k) last = last->next;
    Free* half = last->next;
    last->next = nullptr;
    local->counts[i] = static_cast<std::uint8_t>(local_counts[i] / 2);
    give_shared(half, cls);
  }
  f->next = local->lists[i];
  local->lists[i] = f;
  ++local->counts[i];
}

std::int64_t read_limit(const char* path) {
  std::FILE* f = std::fopen(path, "r");
  if (!f) return 0;
  long long n = 0;
  int read = std::fscanf(f, "%lld", &n);
  std::fclose(f);
  return read == 1 ? n : 0;
}

}  // namespace

std::int64_t memory_limit() noexcept {
  static constinit Immortal<const std::int64_t> limit;
  auto find = [] {
    if (std::int64_t asked = environment().integer(Env::memory_limit); asked > 0) return asked;
    std::int64_t physical = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
    for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
      if (std::int64_t group = read_limit(path); group > 0) physical = std::min(physical, group);
    return physical;
  };
  return no_unwind(std::int64_t{0}, [&] { return limit.get(find); });
}

std::int64_t allocation_size(std::int64_t bytes) noexcept {
  return bytes > largest_class + slack ? (bytes + page - 1) / page * page : capacity_of(class_of(bytes));
}

void* allocate(std::int64_t bytes) noexcept {
  if (static_cast<std::uint64_t>(bytes) <= static_cast<std::uint64_t>(largest_local)) {
    auto cls = static_cast<std::size_t>(class_of(bytes));
    if (Free* f = local ? local->lists[cls] : nullptr) {
      local->lists[cls] = f->next;
      --local->counts[cls];
      return hand_out(f, bytes, capacity_of(static_cast<int>(cls)));
    }
  }
  return allocate_slow(bytes);
}

void deallocate(void* p, std::int64_t bytes) noexcept {
  if (!p) return;
  if (bytes > largest_class + slack) return to_system(p, allocation_size(bytes));
  int cls = class_of(bytes);
  BURIN_POISON(static_cast<char*>(p) + sizeof(Free), static_cast<std::size_t>(capacity_of(cls)) - sizeof(Free));
  BURIN_UNPOISON(p, sizeof(Free));
  if (cls < num_local && local) {
    auto i = static_cast<std::size_t>(cls);
    if (local->counts[i] < local_counts[i]) {
      auto* f = static_cast<Free*>(p);
      f->next = local->lists[i];
      local->lists[i] = f;
      ++local->counts[i];
      return;
    }
  }
  deallocate_slow(p, cls);
}

void trim_memory() noexcept {
  flush_local();
  std::array<Free*, num_classes> lists{};
  {
    std::lock_guard lock(shared.mutex);
    std::swap(lists, shared.lists);
    shared.cached.store(0, std::memory_order_relaxed);
  }
  for (int c = 0; c < num_classes; ++c) {
    for (Free* f = lists[static_cast<std::size_t>(c)]; f;) {
      Free* next = f->next;
      to_system(f, capacity_of(c));
      f = next;
    }
  }
}

MemoryStats memory_stats() noexcept {
  std::int64_t cached = shared.cached.load(std::memory_order_relaxed);
  return {shared.taken.load(std::memory_order_relaxed) - cached, cached,
          shared.requests.load(std::memory_order_relaxed)};
}

}  // namespace burin::rt

extern "C" void* burin_rt_allocate(int64_t bytes) { return burin::rt::allocate(bytes); }
extern "C" void burin_rt_deallocate(void* memory, int64_t bytes) { burin::rt::deallocate(memory, bytes); }
