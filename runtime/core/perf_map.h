// Names of mapped functions for Linux perf: /tmp/perf-PID.map, written where BURIN_PERF_MAP asks for it.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace burin::rt {

/// Appends lines for one object; does nothing unless asked for. Not shared between threads.
class PerfMap {
 public:
  PerfMap();
  ~PerfMap();
  PerfMap(const PerfMap&) = delete;
  PerfMap& operator=(const PerfMap&) = delete;
  void add(std::uint64_t address, std::uint64_t size, std::string_view name);

 private:
  std::FILE* file_ = nullptr;
};

}  // namespace burin::rt
