// Buffer: sharing, foreign memory, versions.
#include "runtime/ops/buffer.h"

#include "tests/support/catch.h"

#include <thread>
#include <vector>

using burin::Buffer;

TEST_CASE("a buffer is shared by copies and unique again when they go") {
  Buffer a = Buffer::allocate(100);
  REQUIRE(a);
  CHECK(a.size() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
  CHECK(a.unique());
  {
    Buffer b = a;
    CHECK(b.same(a));
    CHECK_FALSE(a.unique());
    Buffer c = std::move(b);
    CHECK_FALSE(b);
    CHECK(c.data() == a.data());
  }
  CHECK(a.unique());
  a = a;
  CHECK(a.unique());
}

TEST_CASE("zero bytes give a buffer, impossible sizes give none") {
  CHECK(Buffer::allocate(0).data() != nullptr);
  CHECK_FALSE(Buffer::allocate(-1));
  CHECK_FALSE(Buffer::allocate(std::numeric_limits<std::int64_t>::max()));
  CHECK_FALSE(Buffer::allocate(std::int64_t{1} << 50));
  CHECK(Buffer().size() == 0);
}

TEST_CASE("foreign memory is used in place and released once, by the last holder") {
  float data[3] = {1, 2, 3};
  int released = 0;
  {
    Buffer a = Buffer::adopt(data, sizeof data, [&] { ++released; });
    CHECK(a.foreign());
    CHECK(a.data() == data);
    Buffer b = a;
    a = Buffer();
    CHECK(released == 0);
  }
  CHECK(released == 1);
  CHECK_FALSE(Buffer::adopt(data, -1, [&] { ++released; }));
  CHECK(released == 2);
}

TEST_CASE("a version counts overwrites and is seen through every handle") {
  Buffer a = Buffer::allocate(8), b = a;
  std::uint64_t before = b.version();
  a.bump_version();
  CHECK(b.version() == before + 1);
  CHECK_FALSE(a.foreign());
}

TEST_CASE("threads may copy and drop one buffer at once") {
  Buffer a = Buffer::allocate(64);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&a] {
      for (int i = 0; i < 5000; ++i) {
        Buffer b = a;
        Buffer c = std::move(b);
      }
    });
  for (auto& t : threads) t.join();
  CHECK(a.unique());
}
