// The pool and burin_rt_ctx as compiled code uses them.
#include "runtime/device/cpu/thread_pool.h"

#include "tests/support/catch.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Context {
  burin_rt_ctx* ctx;
  explicit Context(std::uint32_t threads = 0) : ctx(burin_rt_ctx_acquire(threads)) {}
  ~Context() { burin_rt_ctx_release(ctx); }
  burin_rt_ctx* operator->() const { return ctx; }
  operator burin_rt_ctx*() const { return ctx; }
};

// Adds one to each block's counter.
void count_blocks(void* const* buffers, const std::int64_t*, std::int64_t begin, std::int64_t end, burin_rt_ctx*) {
  auto* counts = static_cast<std::int32_t*>(buffers[0]);
  for (std::int64_t i = begin; i < end; ++i) ++counts[i];
}

struct Cuts {
  std::mutex mutex;
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
};
void note_cut(void* const* buffers, const std::int64_t*, std::int64_t begin, std::int64_t end, burin_rt_ctx*) {
  auto& cuts = *static_cast<Cuts*>(buffers[0]);
  std::lock_guard lock(cuts.mutex);
  cuts.seen.emplace(begin, end);
}

}  // namespace

TEST_CASE("each block is computed exactly once, however many blocks and threads") {
  for (std::uint32_t threads : {1u, 2u, 7u})
    for (std::int64_t blocks : {0, 1, 2, 255, 256, 257, 1000, 5000})
      for (std::int64_t grain : {0, 1, 3, 64, 10000}) {
        std::vector<std::int32_t> counts(static_cast<std::size_t>(blocks));
        void* buffers[] = {counts.data()};
        Context ctx(threads);
        ctx->functions->parallel_for(ctx, count_blocks, buffers, nullptr, blocks, grain);
        CHECK(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 1; }));
      }
}

TEST_CASE("the range is cut the same way whatever the threads") {
  for (auto [blocks, grain] : {std::pair<std::int64_t, std::int64_t>{1000, 1}, {1000, 300}, {77, 5}}) {
    Cuts one, many;
    void* buffers[] = {&one};
    Context serial(1), parallel(4);
    serial->functions->parallel_for(serial, note_cut, buffers, nullptr, blocks, grain);
    buffers[0] = &many;
    parallel->functions->parallel_for(parallel, note_cut, buffers, nullptr, blocks, grain);
    CHECK(one.seen == many.seen);
    CHECK(one.seen.size() <= 256);
    for (auto [begin, end] : one.seen) CHECK((end - begin >= grain || end == blocks));
  }
}

TEST_CASE("callers on several threads at once are all served") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::vector<std::int32_t> counts(500);
      void* buffers[] = {counts.data()};
      for (int round = 1; round <= 300; ++round) {
        Context ctx;
        ctx->functions->parallel_for(ctx, count_blocks, buffers, nullptr, 500, 1);
        wrong += !std::all_of(counts.begin(), counts.end(), [&](int n) { return n == round; });
      }
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("a parallel loop inside a kernel runs on that worker") {
  std::vector<std::int32_t> counts(64 * 50);
  void* buffers[] = {counts.data()};
  auto outer = [](void* const* b, const std::int64_t*, std::int64_t begin, std::int64_t end, burin_rt_ctx* ctx) {
    for (std::int64_t i = begin; i < end; ++i) {
      void* row[] = {static_cast<std::int32_t*>(b[0]) + i * 50};
      ctx->functions->parallel_for(ctx, count_blocks, row, nullptr, 50, 1);
    }
  };
  Context ctx;
  ctx->functions->parallel_for(ctx, outer, buffers, nullptr, 64, 1);
  CHECK(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 1; }));
}

TEST_CASE("a worker that has gone to sleep comes back") {
  std::vector<std::int32_t> counts(256);
  void* buffers[] = {counts.data()};
  Context ctx;
  for (int i = 0; i < 20; ++i) {
    ctx->functions->parallel_for(ctx, count_blocks, buffers, nullptr, 256, 1);
    ::usleep(i % 2 ? 3000 : 10);
  }
  CHECK(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 20; }));
}

TEST_CASE("a forked child computes without workers") {
  Context ctx;
  std::vector<std::int32_t> counts(256);
  void* buffers[] = {counts.data()};
  ctx->functions->parallel_for(ctx, count_blocks, buffers, nullptr, 256, 1);
  pid_t child = ::fork();
  if (child == 0) {
    ctx->functions->parallel_for(ctx, count_blocks, buffers, nullptr, 256, 1);
    ::_exit(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 2; }) ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("the fault kept is the first in program order, whichever thread finds it") {
  auto faulty = [](void* const*, const std::int64_t*, std::int64_t begin, std::int64_t end, burin_rt_ctx* ctx) {
    for (std::int64_t i = begin; i < end; ++i)
      if (i % 10 == 7) {
        ctx->functions->fault_at(ctx, BURIN_RT_FAULT_NAN, 5, i, 0);
        ctx->functions->fault_at(ctx, BURIN_RT_FAULT_INDEX_OUT_OF_RANGE, 3, 1000 - i, -i);
      }
  };
  Context ctx;
  CHECK(ctx->fault.kind == BURIN_RT_FAULT_NONE);
  ctx->functions->parallel_for(ctx, faulty, nullptr, nullptr, 1000, 1);
  CHECK(ctx->fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE);
  CHECK(ctx->fault.op == 3);
  CHECK(ctx->fault.index == 3);
  CHECK(ctx->fault.value == -997);
}

TEST_CASE("a context comes back clean and without an allocation") {
  burin_rt_ctx* first = burin_rt_ctx_acquire(3);
  CHECK(first->abi_version == BURIN_RT_ABI_VERSION);
  CHECK(first->num_threads == 3);
  first->functions->fault_at(first, BURIN_RT_FAULT_NAN, 0, 0, 0);
  burin_rt_ctx* nested = burin_rt_ctx_acquire(0);
  CHECK(nested != first);
  CHECK(nested->num_threads == burin_rt_num_threads());
  burin_rt_ctx_release(nested);
  burin_rt_ctx_release(first);
  burin_rt_ctx* again = burin_rt_ctx_acquire(0);
  CHECK(again == first);
  CHECK(again->fault.kind == BURIN_RT_FAULT_NONE);
  burin_rt_ctx_release(again);
  burin_rt_ctx_release(nullptr);
}

TEST_CASE("arena requests are separate, aligned, and the first block is kept for the next call") {
  void* kept = nullptr;
  for (int call = 0; call < 3; ++call) {
    Context ctx;
    auto* a = static_cast<char*>(ctx->functions->arena(ctx, 1000));
    auto* b = static_cast<char*>(ctx->functions->arena(ctx, 70000));
    REQUIRE((a && b));
    CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(b) % 64 == 0);
    std::memset(a, 1, 1000);
    std::memset(b, 2, 70000);
    CHECK(a[999] == 1);
    if (call > 0) CHECK(a == kept);
    kept = a;
    CHECK(ctx->functions->arena(ctx, std::int64_t{1} << 55) == nullptr);
  }
  Context ctx;
  CHECK(ctx->functions->arena(ctx, -1) == nullptr);
  CHECK(ctx->functions->arena(ctx, std::int64_t{1} << 55) == nullptr);
  CHECK(ctx->functions->arena(ctx, 0) != nullptr);
}

TEST_CASE("those who run a kernel at once have numbers of their own, below the number of threads") {
  struct Places {
    std::atomic<int> inside[8], calls, wrong;
  };
  auto enter = [](void* const* buffers, const std::int64_t*, std::int64_t, std::int64_t, burin_rt_ctx* ctx) {
    auto& p = *static_cast<Places*>(buffers[0]);
    const std::int64_t number = ctx->functions->worker(ctx);
    if (number < 0 || number >= ctx->num_threads || p.inside[number].fetch_add(1) != 0) ++p.wrong;
    for (int i = 0; i < 2000; ++i) ++p.calls;
    --p.inside[number];
    // A job within a job has one worker: number 0 of its own context.
    if (number == 0) return;
    auto nested = [](void* const* b, const std::int64_t*, std::int64_t, std::int64_t, burin_rt_ctx* c) {
      if (c->functions->worker(c) != 0) ++static_cast<Places*>(b[0])->wrong;
    };
    burin_rt_ctx* inner = burin_rt_ctx_acquire(1);
    inner->functions->parallel_for(inner, nested, buffers, nullptr, 4, 1);
    burin_rt_ctx_release(inner);
    if (ctx->functions->worker(ctx) != number) ++p.wrong;
  };
  for (std::uint32_t threads : {1u, 2u, 3u}) {
    Places places{};
    void* buffers[] = {&places};
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(threads);
    for (int i = 0; i < 200; ++i) ctx->functions->parallel_for(ctx, enter, buffers, nullptr, 16, 1);
    CHECK(places.wrong == 0);
    CHECK(places.calls == 200 * 16 * 2000);
    CHECK(ctx->functions->worker(ctx) == 0);
    burin_rt_ctx_release(ctx);
  }
}
