// perf's map of names; see perf_map.h.
#include "runtime/core/perf_map.h"

#include "runtime/core/environment.h"

#include <unistd.h>

#include <cinttypes>
#include <string>

namespace burin::rt {

PerfMap::PerfMap() {
  if (environment().flag(Env::perf_map))
    file_ = std::fopen(("/tmp/perf-" + std::to_string(::getpid()) + ".map").c_str(), "a");
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
