// The disk cache: what is put comes back, damage is a miss, the bound holds, processes share, trouble is one warning.
#include "runtime/core/cache_store.h"

#include "tests/support/catch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace burin::rt;
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "burin-cache-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path, fs::perms::owner_all, ignored);
    fs::remove_all(path, ignored);
  }
  std::string cache() const { return (path / "deep" / "burin").string(); }
};

struct Warnings {
  std::vector<std::string> seen;
  Warnings() {
    burin_rt_set_warning_sink([](void* user, const char* text,
                                 std::size_t size) { static_cast<Warnings*>(user)->seen.emplace_back(text, size); },
                              this);
  }
  ~Warnings() { burin_rt_set_warning_sink(nullptr, nullptr); }
};

Bytes bytes_of(std::size_t size, std::uint8_t seed) {
  Bytes b(size);
  for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + seed);
  return b;
}

void set_used(const std::string& path, std::time_t when) {
  timespec times[2] = {{when, 0}, {when, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("what was put comes back, to this store and to another on the same folder") {
  Folder folder;
  Bytes b = bytes_of(5000, 3);
  CacheStore store(folder.cache(), 1 << 20);
  CHECK_FALSE(store.get({1, 2}, "k"));
  CHECK_FALSE(fs::exists(folder.cache()));  // looking makes nothing
  store.put({1, 2}, "k", b);
  CHECK(store.get({1, 2}, "k") == b);
  CHECK(CacheStore(folder.cache(), 1 << 20).get({1, 2}, "k") == b);
  store.put({1, 2}, "k", bytes_of(10, 1));
  CHECK(store.get({1, 2}, "k") == bytes_of(10, 1));
  store.put({3, 4}, "", {});
  CHECK(store.get({3, 4}, "") == Bytes{});
  CHECK(store.stats().hits == 3);
  CHECK(store.stats().misses == 1);
}

TEST_CASE("another key text under the same digest is a miss and leaves the entry") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  store.put({1, 2}, "target=a", bytes_of(10, 0));
  CHECK_FALSE(store.get({1, 2}, "target=b"));
  CHECK(store.get({1, 2}, "target=a"));
  CHECK(store.stats().corrupted == 0);
}

TEST_CASE("the folder and its files are the owner's alone") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  store.put({1, 2}, "k", bytes_of(10, 0));
  struct stat s;
  REQUIRE(::stat(folder.cache().c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0700);
  REQUIRE(::stat(store.path({1, 2}).c_str(), &s) == 0);
  CHECK((s.st_mode & 077) == 0);
}

TEST_CASE("an entry damaged anywhere, cut or extended is a miss and is removed") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  const Bytes b = bytes_of(64, 9);
  auto damaged = [&](auto change) {
    store.put({5, 6}, "key", b);
    std::ifstream in(store.path({5, 6}), std::ios::binary);
    Bytes file{std::istreambuf_iterator<char>(in), {}};
    in.close();
    change(file);
    std::ofstream(store.path({5, 6}), std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    return !store.get({5, 6}, "key") && !fs::exists(store.path({5, 6}));
  };
  std::size_t size = 0;
  CHECK(damaged([&](Bytes& f) {
    size = f.size();
    f.push_back(0);
  }));
  REQUIRE(size > 64);
  for (std::size_t i = 0; i < size; ++i) {
    CHECK(damaged([&](Bytes& f) { f[i] ^= 0x10; }));
    CHECK(damaged([&](Bytes& f) { f.resize(i); }));
  }
  CHECK_FALSE(store.off());
  store.put({5, 6}, "key", b);
  CHECK(store.get({5, 6}, "key") == b);
}

TEST_CASE("the bound holds by evicting what was used least recently") {
  Folder folder;
  CacheStore store(folder.cache(), 10'000);
  const Bytes b = bytes_of(1900, 0);  // with its header five fit
  for (std::uint64_t i = 0; i < 5; ++i) {
    store.put({i, 0}, "k", b);
    set_used(store.path({i, 0}), 1000 + static_cast<std::time_t>(i));
  }
  CHECK(store.get({0, 0}, "k"));  // a use makes it the newest
  store.put({9, 0}, "k", b);
  CHECK_FALSE(store.get({1, 0}, "k"));
  CHECK(store.get({0, 0}, "k"));
  CHECK(store.get({9, 0}, "k"));
  CHECK(store.stats().evicted >= 1);
  std::uintmax_t total = 0;
  for (const auto& e : fs::directory_iterator(folder.cache())) total += e.file_size();
  CHECK(total <= 10'000);
  store.put({10, 0}, "k", bytes_of(20'000, 0));  // more than the whole bound: not kept, nothing evicted for it
  CHECK_FALSE(store.get({10, 0}, "k"));
  CHECK(store.get({9, 0}, "k"));
}

TEST_CASE("files that are not entries stay, abandoned temporary files go") {
  Folder folder;
  CacheStore store(folder.cache(), 4000);
  store.put({1, 0}, "k", bytes_of(100, 0));
  std::ofstream(folder.cache() + "/README") << std::string(5000, 'x');
  std::ofstream(folder.cache() + "/.writing-old") << "x";
  std::ofstream(folder.cache() + "/.writing-new") << "x";
  set_used(folder.cache() + "/.writing-old", 1000);
  CacheStore(folder.cache(), 4000).put({2, 0}, "k", bytes_of(3000, 0));
  CHECK(fs::exists(folder.cache() + "/README"));
  CHECK_FALSE(fs::exists(folder.cache() + "/.writing-old"));
  CHECK(fs::exists(folder.cache() + "/.writing-new"));
}

TEST_CASE("a folder that cannot be made is one warning, and the store is off") {
  Folder folder;
  std::ofstream(folder.path / "file") << "x";
  Warnings warnings;
  CacheStore store((folder.path / "file" / "burin").string(), 1 << 20);
  for (int i = 0; i < 3; ++i) {
    store.put({1, 2}, "k", bytes_of(10, 0));
    CHECK_FALSE(store.get({1, 2}, "k"));
  }
  CHECK(store.off());
  REQUIRE(warnings.seen.size() == 1);
  CHECK(warnings.seen[0].find("the disk cache is off: cannot ") == 0);
  CHECK(warnings.seen[0].find("BURIN_CACHE_DIR") != std::string::npos);
}

TEST_CASE("an entry that cannot be written is one warning, leaves nothing half-written, and the store is off") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  fs::create_directories(store.path({1, 2}));  // in the way of the rename, for root as well
  fs::permissions(folder.cache(), fs::perms::owner_all);
  Warnings warnings;
  for (int i = 0; i < 3; ++i) store.put({1, 2}, "k", bytes_of(10, 0));
  CHECK(store.off());
  CHECK(warnings.seen.size() == 1);
  CHECK(std::distance(fs::directory_iterator(folder.cache()), {}) == 1);
}

TEST_CASE("a folder that others may write is refused: its code would be run") {
  Folder folder;
  CacheStore(folder.cache(), 1 << 20).put({1, 2}, "k", bytes_of(10, 0));
  fs::permissions(folder.cache(), fs::perms::all);
  Warnings warnings;
  CacheStore store(folder.cache(), 1 << 20);
  CHECK_FALSE(store.get({1, 2}, "k"));
  CHECK(store.off());
  REQUIRE(warnings.seen.size() == 1);
  CHECK(warnings.seen[0].find("other users") != std::string::npos);
}

TEST_CASE("without a folder or bytes there is no cache and no complaint") {
  Warnings warnings;
  for (auto [name, bytes] : {std::pair<std::string, std::int64_t>{"", 1 << 20}, {"/tmp/burin-never", 0}}) {
    CacheStore store(name, bytes);
    store.put({1, 2}, "k", bytes_of(10, 0));
    CHECK_FALSE(store.get({1, 2}, "k"));
  }
  CHECK(warnings.seen.empty());
  CHECK_FALSE(fs::exists("/tmp/burin-never"));
}

TEST_CASE("threads and processes that write and read the same keys never see half an entry") {
  Folder folder;
  auto hammer = [&](unsigned seed) {
    CacheStore store(folder.cache(), 60'000);
    bool good = true;
    for (unsigned i = 0; i < 150; ++i) {
      std::uint64_t k = (i * 7 + seed) % 10;
      Bytes expected = bytes_of(8000 + k, static_cast<std::uint8_t>(k));
      if (i % 3 == 0) store.put({k, k}, "k", expected);
      if (auto got = store.get({k, k}, "k")) good = good && *got == expected;
    }
    return good && store.stats().corrupted == 0 && !store.off();
  };
  std::vector<pid_t> children;
  for (unsigned c = 0; c < 3; ++c) {
    pid_t child = ::fork();
    if (child == 0) ::_exit(hammer(c) ? 0 : 1);
    children.push_back(child);
  }
  bool threads_good[2] = {};
  std::thread other([&] { threads_good[1] = hammer(11); });
  threads_good[0] = hammer(5);
  other.join();
  for (pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK((threads_good[0] && threads_good[1]));
}
