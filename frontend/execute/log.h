// The log: the story of traces, caches, compiles and code, for whoever sets BURIN_LOG (docs/environment.md). Where it is
// off, a place that would speak costs one relaxed load and formats nothing. Only log.cpp knows the library behind it.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace burin::detail {

/// Areas, each with a level of its own: `BURIN_LOG=info,cache=debug`.
enum class Log : std::uint8_t {
  trace,    ///< signatures that were not known, and why
  cache,    ///< compiled code found in memory or on disk, stored, given up
  compile,  ///< graphs compiled, time by stage
  passes,   ///< what passes decided
  run,      ///< code that is mapped; warnings
};
inline constexpr std::size_t num_logs = 5;
enum class Severity : std::uint8_t { trace = 1, debug, info, warn, off };

namespace log_state {
/// By area, the least severity that is written; 0: BURIN_LOG has not been read yet.
extern constinit std::array<std::atomic<std::uint8_t>, num_logs> thresholds;
bool start(Log, Severity);
void write(Log, Severity, const std::string& message) noexcept;
}  // namespace log_state

/// Whether somebody reads it. Any thread.
inline bool logs(Log area, Severity severity) {
  std::uint8_t least = log_state::thresholds[static_cast<std::size_t>(area)].load(std::memory_order_relaxed);
  return static_cast<std::uint8_t>(severity) >= least && (least != 0 || log_state::start(area, severity));
}

/// Writes what `make()` returns, where somebody reads it: `log_to(Log::cache, Severity::debug, [&] { return text; })`.
template <class Make> void log_to(Log area, Severity severity, const Make& make) {
  if (logs(area, severity)) log_state::write(area, severity, make());
}

/// Time since it was made, for the lines of the log.
class Elapsed {
 public:
  std::string text() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace burin::detail
