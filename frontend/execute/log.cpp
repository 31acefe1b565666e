// BURIN_LOG, and the lines on stderr. The only file that includes spdlog; its loggers exist where BURIN_LOG is set.
#include "frontend/execute/log.h"

#include "runtime/core/environment.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"
#include "runtime/core/warning.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <string_view>

namespace burin::detail {

namespace log_state {

constinit std::array<std::atomic<std::uint8_t>, num_logs> thresholds{};

namespace {

constexpr std::array<std::string_view, num_logs> areas{"trace", "cache", "compile", "passes", "run"};
constexpr std::array<std::string_view, 5> severities{"trace", "debug", "info", "warn", "off"};

using Levels = std::array<Severity, num_logs>;

std::optional<Severity> severity_named(std::string_view word) {
  for (std::size_t i = 0; i < severities.size(); ++i)
    if (severities[i] == word) return static_cast<Severity>(i + 1);
  return std::nullopt;
}

// `info` for all areas, `cache=debug` for one; parts are separated by commas, later ones win.
std::optional<Levels> parse(std::string_view text) {
  Levels levels;
  levels.fill(Severity::warn);
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    auto equals = part.find('=');
    auto severity = severity_named(equals == std::string_view::npos ? part : part.substr(equals + 1));
    if (!severity) return std::nullopt;
    if (equals == std::string_view::npos) {
      levels.fill(*severity);
      continue;
    }
    auto area = std::find(areas.begin(), areas.end(), part.substr(0, equals));
    if (area == areas.end()) return std::nullopt;
    levels[static_cast<std::size_t>(area - areas.begin())] = *severity;
  }
  return levels;
}

// Kept out of spdlog's registry, which dies with the process's static objects; functions may be called after that.
struct Loggers {
  rt::Mutex mutex;  // around each line: spdlog's own would not open again in a forked child
  std::array<std::unique_ptr<spdlog::logger>, num_logs> by_area;
  Loggers() {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();  // colours on a terminal only
    sink->set_pattern("%H:%M:%S.%e burin.%n %^%l%$: %v");
    for (std::size_t i = 0; i < num_logs; ++i) {
      by_area[i] = std::make_unique<spdlog::logger>(std::string(areas[i]), sink);
      by_area[i]->set_level(spdlog::level::trace);  // thresholds decided already
    }
  }
};
Loggers& loggers() {
  static constinit rt::Immortal<Loggers> l;
  return l.get();
}

void take_warning(void*, const char* text, std::size_t size) {
  log_to(Log::run, Severity::warn, [&] { return std::string(text, size); });
}
// This library's code may be unmapped before burin_rt's: the runtime speaks for itself again then.
struct Route {
  explicit Route(burin_rt_warning_sink sink) { rt::set_default_warning_sink(sink); }
  ~Route() { rt::set_default_warning_sink(nullptr); }
};

void read_environment() {
  const std::string& text = rt::environment().text(rt::Env::log);
  auto levels = parse(text);
  if (!levels) {
    rt::warn("BURIN_LOG=" + text +
             " is ignored: expected trace, debug, info, warn or off, for all areas or for one as " +
             "in info,cache=debug (areas: trace, cache, compile, passes, run)");
  }
  for (std::size_t i = 0; i < num_logs; ++i)
    thresholds[i].store(static_cast<std::uint8_t>(levels ? (*levels)[i] : Severity::warn), std::memory_order_relaxed);
  if (levels && !text.empty()) static const Route route(take_warning);
}

}  // namespace

bool start(Log area, Severity severity) {
  static std::once_flag once;
  std::call_once(once, read_environment);
  return logs(area, severity);
}

void write(Log area, Severity severity, const std::string& message) noexcept {
  constexpr std::array library{spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn};
  std::lock_guard lock(loggers().mutex);
  loggers().by_area[static_cast<std::size_t>(area)]->log(library[static_cast<std::size_t>(severity) - 1],
                                                         std::string_view(message));
}

}  // namespace log_state

std::string Elapsed::text() const {
  std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start_;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", time.count());
  return text;
}

}  // namespace burin::detail
