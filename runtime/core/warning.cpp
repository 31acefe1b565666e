// The warning sink; see warning.h.
#include "runtime/core/warning.h"

#include "runtime/core/immortal.h"

#include <cstdio>
#include <mutex>

namespace burin::rt {
namespace {

struct Sink {
  std::mutex mutex;
  burin_rt_warning_sink function = nullptr;
  void* user = nullptr;
};
Sink& sink() {
  static Immortal<Sink> s;
  return *s;
}

}  // namespace

void warn(std::string_view message) noexcept {
  Sink& s = sink();
  std::lock_guard lock(s.mutex);
  if (s.function) s.function(s.user, message.data(), message.size());
  else std::fprintf(stderr, "burin: %.*s\n", static_cast<int>(message.size()), message.data());
}

}  // namespace burin::rt

extern "C" void burin_rt_set_warning_sink(burin_rt_warning_sink function, void* user) {
  burin::rt::Sink& s = burin::rt::sink();
  std::lock_guard lock(s.mutex);
  s.function = function;
  s.user = user;
}
