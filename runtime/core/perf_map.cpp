// perf's map of names; see perf_map.h.
#include "runtime/core/perf_map.h"

#include "runtime/core/environment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <string>

namespace burin::rt {

PerfMap::PerfMap() {
  if (!environment().flag(Env::perf_map)) return;
  const std::string name =
      "/tmp/perf-" + std::to_string(::getpid()) + ".map";  // where perf looks, and anybody may write
  const int descriptor =
      ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (descriptor >= 0 && !(file_ = ::fdopen(descriptor, "a"))) ::close(descriptor);
}
PerfMap::~PerfMap() {
  if (file_) std::fclose(file_);
}
void PerfMap::add(std::uint64_t address, std::uint64_t size, std::string_view name) {
  if (file_)
    std::fprintf(file_, "%" PRIx64 " %" PRIx64 " burin:%.*s\n", address, size, static_cast<int>(name.size()),
                 name.data());
}

}  // namespace burin::rt
