// Which random cases a test runs: those of CI, or what the environment asks for.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace burin::test {

/// Seeds first .. last - 1. BURIN_TEST_SEED replays one, BURIN_TEST_FIRST says from which on, BURIN_TEST_GRAPHS how many.
struct Seeds {
  std::uint64_t first, last;
  bool only;  ///< one that is replayed

  explicit Seeds(std::uint64_t standard) {
    const std::uint64_t start = number("BURIN_TEST_FIRST", 0);
    only = std::getenv("BURIN_TEST_SEED") != nullptr;
    first = number("BURIN_TEST_SEED", start);
    last = first + (only ? 1 : number("BURIN_TEST_GRAPHS", standard));
  }

 private:
  static std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given ? std::strtoull(given, nullptr, 10) : otherwise;
  }
};

}  // namespace burin::test
