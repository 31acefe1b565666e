// The warning sink; see warning.h.
#include "runtime/core/warning.h"

#include "runtime/core/fork.h"

#include <cstdio>
#include <mutex>

namespace burin::rt {
namespace {

struct Sink {
  Turn turn;  // a sink may warn, which then goes past it, and remove itself
  bool inside = false;
  burin_rt_warning_sink function = nullptr;
  void* user = nullptr;
  burin_rt_warning_sink fallback = nullptr;
};
Sink& sink() {
  static constinit Sink s;  // nothing is made, and nothing destroyed
  return s;
}

}  // namespace

void warn(std::string_view message) noexcept {
  Sink& s = sink();
  std::lock_guard lock(s.turn);
  if (s.function && !s.inside) {
    s.inside = true;
    s.function(s.user, message.data(), message.size());
    s.inside = false;
  } else if (s.fallback) s.fallback(nullptr, message.data(), message.size());
  else std::fprintf(stderr, "burin: %.*s\n", static_cast<int>(message.size()), message.data());
}

void set_default_warning_sink(burin_rt_warning_sink function) noexcept {
  Sink& s = sink();
  std::lock_guard lock(s.turn);
  s.fallback = function;
}

}  // namespace burin::rt

extern "C" void burin_rt_set_warning_sink(burin_rt_warning_sink function, void* user) {
  burin::rt::Sink& s = burin::rt::sink();
  std::lock_guard lock(s.turn);
  s.function = function;
  s.user = user;
}
