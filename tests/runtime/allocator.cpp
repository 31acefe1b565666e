// The caching allocator: alignment, classes, reuse, limits, threads.
#include "runtime/core/allocator.h"

#include "tests/support/catch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

using namespace burin::rt;

TEST_CASE("every size gets memory aligned to 64 bytes that is all its own") {
  std::vector<std::pair<unsigned char*, std::int64_t>> held;
  for (std::int64_t n : {0, 1, 63, 64, 65, 127, 128, 129, 576, 577, 640, 4096, 4160, 65536, 262144, 262145, 1 << 20,
                         (1 << 20) + 65, 5 << 20}) {
    auto* p = static_cast<unsigned char*>(allocate(n));
    REQUIRE(p);
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
    CHECK(allocation_size(n) >= n);
    std::memset(p, static_cast<int>(n % 251), static_cast<std::size_t>(n));
    held.emplace_back(p, n);
  }
  for (auto [p, n] : held) {
    if (n > 0) {
      CHECK(p[0] == n % 251);
      CHECK(p[n - 1] == n % 251);
    }
    deallocate(p, n);
  }
}

TEST_CASE("a freed block is the next one given for its size") {
  for (std::int64_t n : {8, 4096, 200000, 8 << 20}) {
    void* p = allocate(n);
    deallocate(p, n);
    void* q = allocate(n);
    CHECK(p == q);
    deallocate(q, n);
  }
}

TEST_CASE("a warm cycle asks the system for nothing") {
  auto cycle = [] {
    for (std::int64_t n : {100, 5000, 300000, 3 << 20}) deallocate(allocate(n), n);
  };
  cycle();
  std::int64_t before = memory_stats().system_allocations;
  for (int i = 0; i < 100; ++i) cycle();
  CHECK(memory_stats().system_allocations == before);
}

TEST_CASE("blocks of sizes at the edges of the classes are all found again") {
  for (std::int64_t edge : {576, 4160, 65600, 131136, 262144, 262208, 327744, 1 << 20})
    for (std::int64_t n = edge - 1; n <= edge + 1; ++n) {
      auto cycle = [&] {
        std::vector<void*> held;
        for (int i = 0; i < 12; ++i) held.push_back(allocate(n));
        for (void* p : held) deallocate(p, n);
      };
      cycle();
      const std::int64_t before = memory_stats().system_allocations;
      for (int i = 0; i < 20; ++i) cycle();
      CAPTURE(n);
      CHECK(memory_stats().system_allocations == before);
    }
}

TEST_CASE("a size that cannot be is refused without being tried") {
  CHECK(allocate(-1) == nullptr);
  CHECK(allocate(std::numeric_limits<std::int64_t>::min()) == nullptr);
  CHECK(allocate(std::numeric_limits<std::int64_t>::max()) == nullptr);
  CHECK(allocate(std::int64_t{1} << 60) == nullptr);
  CHECK(allocate(memory_limit() + 1) == nullptr);
  deallocate(nullptr, 5);
}

TEST_CASE("sizes alive together stay below the limit") {
  std::vector<void*> held;  // untouched pages cost nothing
  const std::int64_t piece = memory_limit() / 4;
  for (int i = 0; i < 8; ++i)
    if (void* p = allocate(piece)) held.push_back(p);
  CHECK(held.size() <= 4);
  CHECK(held.size() >= 2);
  for (void* p : held) deallocate(p, piece);
  void* again = allocate(piece);
  CHECK(again);
  deallocate(again, piece);
}

TEST_CASE("trimming gives the cached bytes back") {
  for (std::int64_t n : {64, 9000, 2 << 20}) deallocate(allocate(n), n);
  trim_memory();
  CHECK(memory_stats().cached_bytes == 0);
}

TEST_CASE("what one thread frees another may get, and a thread leaves nothing behind") {
  trim_memory();
  std::int64_t before = memory_stats().live_bytes;
  std::vector<std::pair<void*, std::int64_t>> passed;
  std::thread([&] {
    std::minstd_rand random(7);
    for (int i = 0; i < 2000; ++i) {
      std::int64_t n = static_cast<std::int64_t>(random() % 40000);
      passed.emplace_back(allocate(n), n);
    }
  }).join();
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t));
      for (std::size_t i = t; i < passed.size(); i += 3) {
        deallocate(passed[i].first, passed[i].second);
        std::int64_t n = static_cast<std::int64_t>(random() % 400000);
        void* p = allocate(n);
        std::memset(p, 1, static_cast<std::size_t>(n));
        deallocate(p, n);
      }
    });
  for (auto& t : threads) t.join();
  trim_memory();
  CHECK(memory_stats().live_bytes == before);
}

TEST_CASE("a child forked while other threads allocate can allocate itself") {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) deallocate(allocate(1 << 20), 1 << 20);  // shared lists at every turn
  });
  for (int i = 0; i < 20; ++i) {
    pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);  // a deadlock must not outlive the test
      void* p = allocate(3 << 20);
      ::_exit(p ? 0 : 1);
    }
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  stop = true;
  busy.join();
}
