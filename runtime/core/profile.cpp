// Events in one list under a mutex: the profiler is for looking, not for production. See profile.h.
#include "runtime/core/profile.h"

#include "runtime/core/environment.h"
#include "runtime/core/fork.h"
#include "runtime/core/immortal.h"
#include "runtime/core/no_unwind.h"
#include "runtime/core/warning.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
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
  int lost = 0;  // intervals within these that began without memory
};
thread_local Thread mine;

/// Adds events; none where memory is exhausted.
template <class Add> void record(Add add) noexcept {
  no_unwind(false, [&] {
    Profile& p = profile();
    std::lock_guard lock(p.mutex);
    add(p);
    return true;
  });
}

void append_json(std::string& out, const std::string& text) {
  for (char c : text) {
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20) out += ' ';
    else out += c;
  }
}

/// Forgets the events.
std::int32_t write_events(const char* path) {
  std::vector<Event> events;
  {
    Profile& p = profile();
    std::lock_guard lock(p.mutex);
    events.swap(p.events);
  }
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file(path ? std::fopen(path, "w") : nullptr);
  std::FILE* f = file.get();
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
  good = std::fclose(file.release()) == 0 && good;
  return good ? BURIN_RT_OK : BURIN_RT_INVALID_ARGUMENT;
}

}  // namespace

bool profiler_active() noexcept { return active.load(std::memory_order_relaxed); }

void profiler_begin(const char* name) noexcept {
  auto note = [&] {
    mine.open.push_back({name, Clock::now()});
    return true;
  };
  if (mine.lost > 0 || !no_unwind(false, note)) ++mine.lost;
}

void profiler_end() noexcept {
  if (mine.lost > 0) {
    --mine.lost;
    return;
  }
  if (mine.open.empty()) return;  // began before recording did
  auto end = Clock::now();
  Open o = std::move(mine.open.back());
  mine.open.pop_back();
  using Micros = std::chrono::duration<double, std::micro>;
  record([&](Profile& p) {
    p.events.push_back(
        {std::move(o.name), mine.number, Micros(o.start - p.origin).count(), Micros(end - o.start).count()});
  });
}

void profiler_add(const char* name, double milliseconds) noexcept {
  if (!profiler_active()) return;
  double duration = milliseconds * 1e3;
  record([&](Profile& p) {
    double now = std::chrono::duration<double, std::micro>(Clock::now() - p.origin).count();
    p.events.push_back({name, mine.number, now - duration, duration});
  });
}

void profiler_start_from_environment() noexcept {
  static std::once_flag once;
  auto begin = [] {
    if (!environment().is_set(Env::profile)) return;
    burin_rt_profile_start();
    std::atexit([] {
      const std::string& path = environment().text(Env::profile);
      if (burin_rt_profile_stop(path.c_str()) != BURIN_RT_OK) warn("cannot write the profile to " + path);
    });
  };
  no_unwind(false, [&] {
    std::call_once(once, begin);
    return true;
  });
}

}  // namespace burin::rt

using namespace burin::rt;

extern "C" void burin_rt_profile_start(void) {
  const bool ready = no_unwind(false, [] { return profile(), true; });
  if (!ready) return warn("no memory for a profile: nothing is recorded");
  active.store(true, std::memory_order_relaxed);
}

extern "C" int32_t burin_rt_profile_stop(const char* path) {
  active.store(false, std::memory_order_relaxed);
  return no_unwind<int32_t>(BURIN_RT_OUT_OF_MEMORY, [&] { return write_events(path); });
}
