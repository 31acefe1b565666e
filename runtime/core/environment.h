// Every environment variable that Burin reads: one table, one reader. docs/environment.md is checked against the table.
// Nothing else in the project may call getenv. Depends on the standard library only.
#pragma once
#include <burin/rt/rt.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin::rt {

/// Indices into environment_variables(), in its order.
enum class Env : std::uint8_t {
  num_threads,
  spin_us,
  memory_limit,
  memory_cache_bytes,
  cache_dir,
  cache_bytes,
  compiler_library,
  data,
  log,
  profile,
  perf_map,
};

struct EnvironmentVariable {
  enum class Kind : std::uint8_t { integer, bytes, flag, path, text };
  Env id;
  std::string_view name;  ///< `BURIN_NUM_THREADS`
  Kind kind;
  std::int64_t fallback;           ///< of numbers and flags
  std::int64_t least, most;        ///< what a number may be
  std::string_view fallback_text;  ///< as docs/environment.md prints it
  std::string_view meaning;        ///< one sentence
};
BURIN_RT_API std::span<const EnvironmentVariable> environment_variables();

/// The values met, read once. Immutable, so thread-safe. A malformed value counts as unset and is named in `problems`.
class BURIN_RT_API Environment {
 public:
  /// Reads through `get`, which gives null for an unset variable (tests pass their own).
  explicit Environment(const std::function<const char*(const char*)>& get);

  std::int64_t integer(Env e) const { return values_[static_cast<std::size_t>(e)].number; }
  bool flag(Env e) const { return integer(e) != 0; }
  const std::string& text(Env e) const { return values_[static_cast<std::size_t>(e)].text; }  ///< empty: unset
  bool is_set(Env e) const { return values_[static_cast<std::size_t>(e)].set; }
  /// Where caches go: BURIN_CACHE_DIR, else $XDG_CACHE_HOME/burin, else $HOME/.cache/burin, else empty (no disk cache).
  const std::string& cache_dir() const { return cache_dir_; }
  std::span<const std::string> problems() const { return problems_; }

 private:
  struct Value {
    std::int64_t number = 0;
    std::string text;
    bool set = false;
  };
  std::vector<Value> values_;
  std::vector<std::string> problems_;
  std::string cache_dir_;
};

/// The process's environment at the first use; problems go to the warning sink then.
BURIN_RT_API const Environment& environment();

}  // namespace burin::rt
