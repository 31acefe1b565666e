// Memory beside which nobody may touch anything: an access beyond its end, or before its beginning, is a crash.
#pragma once
#include "tests/support/catch.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace burin::test {

/// Memory that ends (or begins) where no access is allowed.
class Guarded {
 public:
  Guarded(std::int64_t bytes, bool at_end, std::size_t alignment) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), size = static_cast<std::size_t>(bytes);
    const std::size_t inside = std::max(page, (size + page - 1) / page * page);
    size_ = inside + 2 * page;
    void* all = ::mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(all != MAP_FAILED);
    base_ = static_cast<std::uint8_t*>(all);
    REQUIRE(::mprotect(base_ + page, inside, PROT_READ | PROT_WRITE) == 0);
    std::memset(base_ + page, 0xa5, inside);
    data_ = base_ + page + (at_end ? (inside - size) / alignment * alignment : 0);
  }
  ~Guarded() { ::munmap(base_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  void* data() const { return data_; }

 private:
  std::uint8_t *base_ = nullptr, *data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace burin::test
