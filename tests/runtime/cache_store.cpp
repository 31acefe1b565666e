// The disk cache: what is put comes back, damage is a miss, the bound holds, processes share, trouble is one warning.
#include "runtime/core/cache_store.h"

#include "tests/support/catch.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
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
  std::ofstream(folder.cache() + "/.burin-writing-0123456789abcdef") << "x";
  std::ofstream(folder.cache() + "/.burin-writing-fedcba9876543210") << "x";
  set_used(folder.cache() + "/.burin-writing-0123456789abcdef", 1000);
  CacheStore(folder.cache(), 4000).put({2, 0}, "k", bytes_of(3000, 0));
  CHECK(fs::exists(folder.cache() + "/README"));
  CHECK_FALSE(fs::exists(folder.cache() + "/.burin-writing-0123456789abcdef"));
  CHECK(fs::exists(folder.cache() + "/.burin-writing-fedcba9876543210"));
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
  fs::create_directories(folder.cache());
  fs::permissions(folder.cache(), fs::perms::owner_all);
  Warnings warnings;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit full{50, before.rlim_max};
  CacheStore store(folder.cache(), 1 << 20);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  for (int i = 0; i < 3; ++i) store.put({1, 2}, "k", bytes_of(10, 0));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(store.off());
  CHECK(warnings.seen.size() == 1);
  CHECK(fs::is_empty(folder.cache()));
}

TEST_CASE("a folder in an entry's place costs that entry only") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  store.put({9, 9}, "k", bytes_of(10, 0));
  fs::create_directories(store.path({1, 2}) + "/with");
  Warnings warnings;
  for (int i = 0; i < 2; ++i) {
    CHECK_FALSE(store.get({1, 2}, "k"));
    store.put({1, 2}, "k", bytes_of(10, 0));
  }
  store.put({3, 4}, "k", bytes_of(10, 1));
  CHECK(store.get({3, 4}, "k"));
  CHECK_FALSE(store.off());
  CHECK(warnings.seen.empty());
  CHECK(std::distance(fs::directory_iterator(folder.cache()), {}) == 3);
}

TEST_CASE("a pipe, a link or a file of another's in an entry's place is neither waited for nor run, and is replaced") {
  Folder folder;
  CacheStore store(folder.cache(), 1 << 20);
  const Bytes b = bytes_of(100, 3);
  store.put({1, 2}, "k", b);
  const std::string place = store.path({1, 2}), elsewhere = (folder.path / "elsewhere").string();
  auto replaced = [&] {
    const bool missed = !store.get({1, 2}, "k");
    store.put({1, 2}, "k", b);
    return missed && store.get({1, 2}, "k") == b;
  };
  REQUIRE(::unlink(place.c_str()) == 0);
  REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
  CHECK(replaced());
  fs::rename(place, elsewhere);
  fs::create_symlink(elsewhere, place);
  CHECK(replaced());
  CHECK(fs::is_regular_file(fs::symlink_status(place)));
  CHECK(fs::exists(elsewhere));
  for (int mode : {0666, 0620, 0602}) {
    REQUIRE(::chmod(place.c_str(), static_cast<mode_t>(mode)) == 0);
    CHECK(replaced());
  }
  if (::geteuid() == 0) {  // only root can give files away
    REQUIRE(::chown(place.c_str(), 12345, 12345) == 0);
    CHECK(replaced());
  }
  CHECK_FALSE(store.off());
}

TEST_CASE("folders above the cache that are missing are the owner's alone, whatever the umask") {
  Folder folder;
  const mode_t before = ::umask(0);
  CacheStore((folder.path / "one" / "two" / "burin").string(), 1 << 20).put({1, 2}, "k", bytes_of(10, 0));
  ::umask(before);
  for (const char* name : {"one", "one/two", "one/two/burin"}) {
    struct stat s;
    REQUIRE(::stat((folder.path / name).c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0700);
  }
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

TEST_CASE("writers that are killed leave whole entries or none, and what they left half-written goes") {
  Folder folder;
  auto content = [](std::uint64_t k) { return bytes_of(40'000 + k, static_cast<std::uint8_t>(k)); };
  for (int round = 0; round < 10; ++round) {
    pid_t children[2];
    for (pid_t& child : children) {
      child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        CacheStore store(folder.cache(), 200'000);  // evicts all the while
        for (std::uint64_t i = 0;; ++i) store.put({i % 8, 0}, "k", content(i % 8));
      }
    }
    ::usleep(static_cast<useconds_t>(1000 + 900 * round));
    for (pid_t child : children) {
      REQUIRE(::kill(child, SIGKILL) == 0);
      REQUIRE(::waitpid(child, nullptr, 0) == child);
    }
    CacheStore store(folder.cache(), 1 << 20);
    for (std::uint64_t k = 0; k < 8; ++k)
      if (auto got = store.get({k, 0}, "k")) CHECK(*got == content(k));
    CHECK(store.stats().corrupted == 0);
  }
  auto leftovers = [&] {
    int n = 0;
    for (const auto& e : fs::directory_iterator(folder.cache())) n += e.path().filename().string().starts_with(".");
    return n;
  };
  for (const auto& e : fs::directory_iterator(folder.cache())) set_used(e.path().string(), 1000);
  CacheStore(folder.cache(), 1 << 20).put({9, 0}, "k", content(9));
  CHECK(leftovers() == 0);
}

TEST_CASE("two processes that put one entry and one that reads it agree on one of the two") {
  Folder folder;
  const Bytes first = bytes_of(30'000, 1), second = bytes_of(31'000, 2);
  pid_t writers[2];
  for (int w = 0; w < 2; ++w) {
    writers[w] = ::fork();
    REQUIRE(writers[w] >= 0);
    if (writers[w] == 0) {
      CacheStore store(folder.cache(), 1 << 20);
      for (int i = 0; i < 400; ++i) store.put({1, 1}, "k", w == 0 ? first : second);
      ::_exit(store.off() ? 1 : 0);
    }
  }
  CacheStore store(folder.cache(), 1 << 20);
  int seen = 0;
  for (int i = 0; i < 400; ++i)
    if (auto got = store.get({1, 1}, "k")) {
      ++seen;
      CHECK((*got == first || *got == second));
    }
  for (pid_t writer : writers) {
    int status = -1;
    REQUIRE(::waitpid(writer, &status, 0) == writer);
    CHECK(status == 0);
  }
  CHECK(store.stats().corrupted == 0);
  CHECK(store.get({1, 1}, "k"));
}

// Needs the right to mount: run as root, by name.
TEST_CASE("a disk that is full of the cache itself is one warning, and what was kept stays readable", "[.]") {
  Folder folder;
  const std::string disk = (folder.path / "disk").string();
  fs::create_directories(disk);
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", disk.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0)
    FAIL("a tmpfs cannot be mounted: " + std::string(std::strerror(errno)));
  {
    Warnings warnings;
    CacheStore store(disk + "/burin", 1 << 20);
    for (std::uint64_t k = 0; k < 20; ++k) store.put({k, 0}, "k", bytes_of(20'000, static_cast<std::uint8_t>(k)));
    CHECK(store.off());
    REQUIRE(warnings.seen.size() == 1);
    CHECK(warnings.seen[0].find("No space left on device") != std::string::npos);
    CacheStore again(disk + "/burin", 1 << 20);
    int kept = 0;
    for (std::uint64_t k = 0; k < 20; ++k)
      if (auto got = again.get({k, 0}, "k")) {
        ++kept;
        CHECK(*got == bytes_of(20'000, static_cast<std::uint8_t>(k)));
      }
    CHECK(kept >= 10);
    CHECK(again.stats().corrupted == 0);
    for (const auto& e : fs::directory_iterator(disk + "/burin"))
      CHECK_FALSE(e.path().filename().string().starts_with("."));
  }
  REQUIRE(::umount(disk.c_str()) == 0);
}
