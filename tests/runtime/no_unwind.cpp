// The C ABI where memory is exhausted: each entry is refused with a status, unwinds into nobody and keeps nothing. Replaces
// operator new for all of this program, and fails it from the n-th allocation on, n = 0, 1, ..., until the entry succeeds.
#include "runtime/core/cpu_features.h"
#include "runtime/core/image.h"

#include "tests/support/catch.h"

#include <burin/rt/rt.h>
#include <burin/rt/state.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>

namespace {

std::atomic<std::int64_t> left{INT64_MAX};  // allocations that still succeed
std::atomic<std::int64_t> refused{0}, living{0};

void* allocated(std::size_t n, std::size_t alignment = 16) noexcept {
  if (left.fetch_sub(1) <= 0) {
    ++refused;
    return nullptr;
  }
  void* p = std::aligned_alloc(alignment, (n + alignment) / alignment * alignment);
  if (p) ++living;
  return p;
}
void freed(void* p) noexcept {
  if (p) --living;
  std::free(p);
}

}  // namespace

void* operator new(std::size_t n) {
  if (void* p = allocated(n)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, std::align_val_t a) {
  if (void* p = allocated(n, static_cast<std::size_t>(a))) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocated(n); }
void operator delete(void* p) noexcept { freed(p); }
void operator delete(void* p, std::size_t) noexcept { freed(p); }
void operator delete(void* p, std::align_val_t) noexcept { freed(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { freed(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { freed(p); }

namespace {

struct Outcome {
  bool done;             // it did what it is for
  bool refused = false;  // or said that memory is exhausted
};
using Entry = std::function<Outcome()>;
Outcome of(std::int32_t status) { return {status == BURIN_RT_OK, status == BURIN_RT_OUT_OF_MEMORY}; }

enum Verdict : int { succeeded = 0, as_promised = 3, wrong = 4, leaks = 5, needs_memory = 6 };

/// The entry with n allocations, in a process that has used nothing of the runtime.
int cold(const Entry& entry, std::int64_t n) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    left = n;
    const Outcome o = entry();
    left = INT64_MAX;
    if (refused == 0) ::_exit(o.done ? succeeded : wrong);
    if (!o.done && !o.refused) ::_exit(wrong);
    ::_exit(entry().done ? as_promised : needs_memory);  // it has recovered
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
/// In one process, which has what it makes once: all that a refused call took is given back.
int warm(const Entry& entry) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 3; ++i)
      if (!entry().done) ::_exit(wrong);
    for (std::int64_t n = 0; n < 1000; ++n) {
      const std::int64_t before = living, failures = refused;
      left = n;
      const Outcome o = entry();
      left = INT64_MAX;
      if (refused == failures) ::_exit(o.done ? succeeded : wrong);
      if (!o.done && !o.refused) ::_exit(wrong);
      if (!o.done && living > before) ::_exit(leaks);
    }
    ::_exit(wrong);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
void check(const char* what, const Entry& entry) {
  INFO(what);
  std::int64_t n = 0;
  for (int verdict = as_promised; verdict != succeeded; ++n) {
    INFO("with memory for " << n << " allocations");
    REQUIRE(n < 1000);
    verdict = cold(entry, n);
    REQUIRE((verdict == succeeded || verdict == as_promised));
  }
  CHECK(warm(entry) == succeeded);
}

std::filesystem::path scratch(const char* name) {
  return std::filesystem::temp_directory_path() / ("burin-no-unwind-" + std::to_string(::getpid()) + name);
}

std::vector<std::uint8_t> image() {
  const auto c = scratch(".c"), o = scratch(".o");
  std::ofstream(c)
      << "int a(void) { return 1; } int b(void) { return a() + 1; } int an_entry_with_a_long_name(void) { return 0; }";
  REQUIRE(std::system(("cc -c -O1 -fPIC -o " + o.string() + " " + c.string()).c_str()) == 0);
  std::ifstream file(o, std::ios::binary);
  const std::vector<std::uint8_t> elf{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(c);
  std::filesystem::remove(o);
  burin::rt::ImageInfo info;
  info.architecture = burin::rt::architecture();
  info.entry = "an_entry_with_a_long_name";
  const burin::rt::NamedSection section{"elf", elf};
  return burin::rt::write_image(info, {&section, 1});
}

void nothing(void* const*, const std::int64_t*, std::int64_t, std::int64_t, burin_rt_ctx*) {}
std::int32_t run(void* const*, const std::int64_t*, burin_rt_ctx*) { return BURIN_RT_OK; }

}  // namespace

TEST_CASE("an entry of the C ABI that finds no memory says so, unwinds into nobody and keeps nothing") {
  const std::vector<std::uint8_t> bytes = image();
  check("image_load", [&] {
    burin_rt_image* made = nullptr;
    char message[100];
    const std::int32_t status = burin_rt_image_load(bytes.data(), bytes.size(), &made, message, sizeof message);
    if (status == BURIN_RT_OUT_OF_MEMORY && (made || !std::strstr(message, "memory is exhausted")))
      return Outcome{false};
    if (made && !burin_rt_image_symbol(made, "b")) return Outcome{false};
    burin_rt_image_unload(made);
    return of(status);
  });
  check("ctx_acquire", [] {
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(2);
    if (!ctx) return Outcome{false, true};
    ctx->functions->parallel_for(ctx, nothing, nullptr, nullptr, 100, 1);
    burin_rt_ctx_release(ctx);
    return Outcome{true};
  });
  check("num_threads", [] { return Outcome{burin_rt_num_threads() > 0}; });
  check("allocate", [] {
    void* p = burin_rt_allocate(100000);
    burin_rt_deallocate(p, 100000);
    return Outcome{p != nullptr, p == nullptr};
  });
  check("sinks", [] {
    burin_rt_set_print_sink(nullptr, nullptr);
    burin_rt_set_warning_sink(nullptr, nullptr);
    return Outcome{true};
  });
  check("print", [] {
    static std::FILE* const quiet = std::freopen("/dev/null", "w", stdout);  // of the child
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(1);
    if (!ctx || !quiet) return Outcome{false, true};
    const std::int64_t shape[] = {500};
    const float values[500] = {};
    ctx->functions->print(ctx, "x", 1, BURIN_RT_F32, 1, shape, values);
    burin_rt_ctx_release(ctx);
    return Outcome{true};
  });
}

TEST_CASE("a profile that finds no memory leaves intervals out, and stays in order") {
  const std::string path = scratch(".json").string();
  check("profile", [&] {
    burin_rt_profile_start();
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(1);
    if (!ctx) return Outcome{false, true};
    for (int i = 0; i < 3; ++i) {
      ctx->functions->profile_begin(ctx, "an interval whose name is long");
      ctx->functions->profile_begin(ctx, "another one that stands within it");
      ctx->functions->profile_end(ctx);
      ctx->functions->profile_end(ctx);
    }
    burin_rt_ctx_release(ctx);
    return of(burin_rt_profile_stop(path.c_str()));
  });
  std::filesystem::remove(path);
}

TEST_CASE("calls and state of an ahead-of-time function find no memory") {
  const std::int64_t records[] = {BURIN_RT_F32, 1, 0,  14, 2, 0, 0, 0, 0, 0, 0, 0,   // x: f32[2]
                                  BURIN_RT_F32, 1, -1, 14, 2, 0, 0, 0, 0, 0, 0, 0};  // becomes x
  const char strings[] = "a_function\0\0\0\0x_is_a_name_that_is_long";
  burin_rt_aot_function f{};
  f.abi_version = BURIN_RT_ABI_VERSION;
  f.functions_version = BURIN_RT_FUNCTIONS_VERSION;
  f.num_inputs = f.num_outputs = f.num_arguments = 1;
  f.records = records;
  f.strings = strings;
  f.entry = run;
  float values[2] = {1, 2};
  const std::int64_t shape[] = {2};
  const burin_rt_tensor x{values, BURIN_RT_F32, 1, shape};
  check("aot_call", [&] { return of(burin_rt_aot_call(&f, &x, nullptr)); });

  const std::int64_t variables[] = {0, 0};
  alignas(BURIN_RT_ALIGNMENT) unsigned char memory[BURIN_RT_STATE_CONTROL + 8] = {};
  const burin_rt_state state{&f, 1, 8, variables, values, memory};
  const std::string path = scratch("-a-path-that-is-long.state").string();
  check("state_call", [&] { return of(burin_rt_state_call(&state, nullptr, nullptr)); });
  check("state_save", [&] { return of(burin_rt_state_save(&state, path.c_str())); });
  REQUIRE(burin_rt_state_save(&state, path.c_str()) == BURIN_RT_OK);
  check("state_load", [&] { return of(burin_rt_state_load(&state, path.c_str())); });
  std::filesystem::remove(path);
}
