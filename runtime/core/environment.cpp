// The table of environment variables and the only getenv of the project.
#include "runtime/core/environment.h"

#include "runtime/core/immortal.h"
#include "runtime/core/warning.h"

#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

namespace burin::rt {
namespace {

using Kind = EnvironmentVariable::Kind;
constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t mebibyte = std::int64_t{1} << 20;

constexpr std::array variables{
    EnvironmentVariable{
        Env::num_threads, "BURIN_NUM_THREADS", Kind::integer, 0, 0, 1024, "0",
        "Threads that compiled functions use, the caller included; 0 means the cores this process may use."},
    EnvironmentVariable{Env::spin_us, "BURIN_SPIN_US", Kind::integer, 50, 0, 1'000'000, "50",
                        "Microseconds that an idle worker spins before it sleeps; 0 sleeps at once."},
    EnvironmentVariable{Env::memory_limit, "BURIN_MEMORY_LIMIT", Kind::bytes, 0, 0, unbounded, "0",
                        "Bytes of tensors that may be alive; 0 means the machine's memory."},
    EnvironmentVariable{Env::memory_cache_bytes, "BURIN_MEMORY_CACHE_BYTES", Kind::bytes, 1024 * mebibyte, 0, unbounded,
                        "1G",
                        "Bytes of freed tensor memory kept for reuse, and likewise of compiled code; 0 keeps nothing."},
    EnvironmentVariable{Env::cache_dir, "BURIN_CACHE_DIR", Kind::path, 0, 0, 0,
                        "$XDG_CACHE_HOME/burin or ~/.cache/burin",
                        "Folder of compiled functions kept between processes."},
    EnvironmentVariable{Env::cache_bytes, "BURIN_CACHE_BYTES", Kind::bytes, 1024 * mebibyte, 0, unbounded, "1G",
                        "Bound of that folder in bytes; 0 turns the disk cache off."},
    EnvironmentVariable{Env::compiler_library, "BURIN_COMPILER_LIBRARY", Kind::path, 0, 0, 0, "beside libburin.so",
                        "Path of libburin_compiler.so, which is opened at the first function that no cache holds."},
    EnvironmentVariable{Env::data, "BURIN_DATA", Kind::path, 0, 0, 0, "unset",
                        "Folder of the data sets that examples and tests read."},
    EnvironmentVariable{
        Env::log, "BURIN_LOG", Kind::text, 0, 0, 0, "unset",
        "What Burin tells on stderr: trace, debug, info, warn or off; for one area as in info,cache=debug."},
    EnvironmentVariable{Env::profile, "BURIN_PROFILE", Kind::path, 0, 0, 0, "unset",
                        "File that gets a Chrome trace of traces, compiles and calls when the process ends."},
    EnvironmentVariable{Env::perf_map, "BURIN_PERF_MAP", Kind::flag, 0, 0, 1, "0",
                        "1 writes /tmp/perf-PID.map, by which perf names compiled kernels."},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < variables.size(); ++i)
    if (static_cast<std::size_t>(variables[i].id) != i) return false;
  return true;
}
static_assert(in_order(), "the table follows enum Env");

std::optional<std::int64_t> parse_number(std::string_view s, bool bytes) {
  std::int64_t n = 0;
  auto [end, status] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (status != std::errc{}) return std::nullopt;
  std::string_view suffix(end, static_cast<std::size_t>(s.data() + s.size() - end));
  if (suffix.empty()) return n;
  int shift = suffix == "K" ? 10 : suffix == "M" ? 20 : suffix == "G" ? 30 : suffix == "T" ? 40 : 0;
  if (!bytes || shift == 0 || n < 0 || n > (unbounded >> shift)) return std::nullopt;
  return n << shift;
}

std::optional<std::int64_t> parse_flag(std::string_view s) {
  if (s == "1" || s == "on" || s == "true") return 1;
  if (s == "0" || s == "off" || s == "false") return 0;
  return std::nullopt;
}

std::string expectation(const EnvironmentVariable& v) {
  switch (v.kind) {
    case Kind::integer: return "a number in " + std::to_string(v.least) + " .. " + std::to_string(v.most);
    case Kind::bytes: return "bytes as in 4096, 512M or 2G";
    case Kind::flag: return "0 or 1";
    case Kind::path: return "a path";
    case Kind::text: break;
  }
  return "text";
}

}  // namespace

std::span<const EnvironmentVariable> environment_variables() { return variables; }

Environment::Environment(const std::function<const char*(const char*)>& get) : values_(variables.size()) {
  for (const EnvironmentVariable& v : variables) {
    Value& value = values_[static_cast<std::size_t>(v.id)];
    value.number = v.fallback;
    const char* text = get(std::string(v.name).c_str());
    if (!text || !*text) continue;  // empty counts as unset, as shells make it hard to tell the two apart
    if (v.kind == Kind::path || v.kind == Kind::text) {
      value.text = text;
      value.set = true;
      continue;
    }
    std::optional<std::int64_t> n = v.kind == Kind::flag ? parse_flag(text) : parse_number(text, v.kind == Kind::bytes);
    if (n && *n >= v.least && *n <= v.most) {
      value = {*n, text, true};
    } else {
      problems_.push_back(std::string(v.name) + "=" + text + " is ignored: expected " + expectation(v) + ", using " +
                          std::string(v.fallback_text));
    }
  }
  if (is_set(Env::cache_dir)) {
    cache_dir_ = text(Env::cache_dir);
  } else if (const char* xdg = get("XDG_CACHE_HOME"); xdg && *xdg) {
    cache_dir_ = std::string(xdg) + "/burin";
  } else if (const char* home = get("HOME"); home && *home) {
    cache_dir_ = std::string(home) + "/.cache/burin";
  }
}

const Environment& environment() {
  // None of it in a program with more rights than its caller (set-user-id): the variables choose code that is run.
  static constinit Immortal<const Environment> made;
  static constinit std::atomic<bool> told{false};
  const Environment& e =
      made.get([] { return Environment([](const char* name) -> const char* { return ::secure_getenv(name); }); });
  if (!told.load(std::memory_order_relaxed) && !told.exchange(true))
    for (const std::string& p : e.problems()) warn(p);
  return e;
}

}  // namespace burin::rt
