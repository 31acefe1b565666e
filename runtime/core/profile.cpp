// Events in one list under a mutex: the profiler is for looking, not for production. See profile.h.
#include "runtime/core/profile.h"

#include "runtime/core/environment.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"
#include "runtime/core/warning.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace burin::rt {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  std::string name;
  int thread;
  double start, duration;  // microseconds
};

struct Profile {
  Mutex mutex;
  std::vector<Event> events;
  Clock::time_point origin = Clock::now();
};
Profile& profile() {
  static constinit Immortal<Profile> p;
  return p.get();
}

std::atomic<bool> active{false};
std::atomic<int> threads{0};

struct Open {
  std::string name;
  Clock::time_point start;
};
struct Thread {
  int number = threads.fetch_add(1, std::memory_order_relaxed);
  std::vector<Open> open;
};
thread_local Thread mine;

void append_json(std::string& out, const std::string& text) {
  for (char c : text) {
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20) out += ' ';
    else out += c;
  }
}

}  // namespace

bool profiler_active() noexcept { return active.load(std::memory_order_relaxed); }

void profiler_begin(const char* name) noexcept { mine.open.push_back({name, Clock::now()}); }

void profiler_end() noexcept {
  if (mine.open.empty()) return;  // began before recording did
  auto end = Clock::now();
  Open o = std::move(mine.open.back());
  mine.open.pop_back();
  using Micros = std::chrono::duration<double, std::micro>;
  Profile& p = profile();
  std::lock_guard lock(p.mutex);
  p.events.push_back(
      {std::move(o.name), mine.number, Micros(o.start - p.origin).count(), Micros(end - o.start).count()});
}

void profiler_add(const char* name, double milliseconds) noexcept {
  if (!profiler_active()) return;
  double duration = milliseconds * 1e3;
  Profile& p = profile();
  std::lock_guard lock(p.mutex);
  double now = std::chrono::duration<double, std::micro>(Clock::now() - p.origin).count();
  p.events.push_back({name, mine.number, now - duration, duration});
}

void profiler_start_from_environment() noexcept {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!environment().is_set(Env::profile)) return;
    burin_rt_profile_start();
    std::atexit([] {
      const std::string& path = environment().text(Env::profile);
      if (burin_rt_profile_stop(path.c_str()) != BURIN_RT_OK) warn("cannot write the profile to " + path);
    });
  });
}

}  // namespace burin::rt

using namespace burin::rt;

extern "C" void burin_rt_profile_start(void) {
  profile();
  active.store(true, std::memory_order_relaxed);
}

extern "C" int32_t burin_rt_profile_stop(const char* path) {
  active.store(false, std::memory_order_relaxed);
  std::vector<Event> events;
  {
    Profile& p = profile();
    std::lock_guard lock(p.mutex);
    events.swap(p.events);
  }
  std::FILE* f = path ? std::fopen(path, "w") : nullptr;
  if (!f) return BURIN_RT_INVALID_ARGUMENT;
  std::string line = "{\"traceEvents\":[";
  bool good = true, first = true;
  for (const Event& e : events) {
    char numbers[160];
    std::snprintf(numbers, sizeof numbers,
                  "\",\"cat\":\"burin\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f}",
                  static_cast<int>(::getpid()), e.thread, e.start, e.duration);
    line += first ? "\n{\"name\":\"" : ",\n{\"name\":\"";
    append_json(line, e.name);
    line += numbers;
    first = false;
    good = good && std::fwrite(line.data(), 1, line.size(), f) == line.size();
    line.clear();
  }
  line += "\n]}\n";
  good = good && std::fwrite(line.data(), 1, line.size(), f) == line.size();
  good = std::fclose(f) == 0 && good;
  return good ? BURIN_RT_OK : BURIN_RT_INVALID_ARGUMENT;
}
