// Entries as files: header, key text, bytes. See cache_store.h.
#include "runtime/core/cache_store.h"

#include "runtime/core/environment.h"
#include "runtime/core/immortal.h"
#include "runtime/core/warning.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

namespace burin::rt {
namespace {

namespace fs = std::filesystem;

constexpr char magic[8] = {'B', 'U', 'R', 'I', 'N', 'C', 'C', 'H'};
constexpr std::string_view suffix = ".v1";  // raised with EntryHeader: versions do not fight over a file
constexpr std::string_view temporary = ".writing-";
constexpr std::time_t abandoned_after = 3600;  // seconds: a temporary file this old has lost its writer

struct EntryHeader {
  char magic[8];
  Digest key;
  std::uint64_t text_size, size;
  Digest checksum;  // of the header with this field zero, the text and the bytes
};
static_assert(sizeof(EntryHeader) == 56);

Digest checksum_of(EntryHeader h, std::span<const std::byte> rest) {
  h.checksum = {};
  return digest({std::as_bytes(std::span(&h, 1)), rest});
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  bool read(void* to, std::size_t size) {
    for (auto* p = static_cast<char*>(to); size > 0;) {
      ssize_t n = ::read(descriptor_, p, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      p += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  }
  bool write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

}  // namespace

std::string CacheStore::path(const Digest& key) const {
  char name[33];
  std::snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(key[1]),
                static_cast<unsigned long long>(key[0]));
  return folder_ + "/" + name + std::string(suffix);
}

void CacheStore::turn_off(const std::string& why) {
  if (!off_.exchange(true)) warn("the disk cache is off: " + why + " (BURIN_CACHE_DIR names its folder)");
}

// Whether the folder is there and ours. Looked at once: code comes out of it.
bool CacheStore::usable(bool create) {
  if (off() || folder_.empty() || max_bytes_ <= 0) return false;
  if (checked_.load(std::memory_order_acquire)) return true;
  if (create) {
    std::error_code error;
    fs::create_directories(fs::path(folder_).parent_path(), error);  // failure shows in mkdir
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
      turn_off("cannot make " + folder_ + ": " + std::strerror(errno));
      return false;
    }
  }
  struct stat s;
  if (::stat(folder_.c_str(), &s) != 0) {
    if (errno != ENOENT) turn_off("cannot look at " + folder_ + ": " + std::strerror(errno));
    return false;
  }
  if (!S_ISDIR(s.st_mode)) {
    turn_off(folder_ + " is not a folder");
    return false;
  }
  if (s.st_uid != ::geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    turn_off(folder_ + " can be written by other users");
    return false;
  }
  checked_.store(true, std::memory_order_release);
  return true;
}

std::optional<std::vector<std::uint8_t>> CacheStore::get(const Digest& key, std::string_view key_text) {
  auto miss = [&]() -> std::optional<std::vector<std::uint8_t>> {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  };
  if (!usable(false)) return miss();
  const std::string name = path(key);
  File file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return miss();
  auto corrupted = [&] {
    corrupted_.fetch_add(1, std::memory_order_relaxed);
    ::unlink(name.c_str());
    return miss();
  };

  struct stat s;
  EntryHeader h;
  if (::fstat(file.descriptor(), &s) != 0 || !S_ISREG(s.st_mode)) return corrupted();
  auto total = static_cast<std::uint64_t>(s.st_size);
  if (total < sizeof h || !file.read(&h, sizeof h)) return corrupted();
  const std::uint64_t rest = total - sizeof h;
  if (std::memcmp(h.magic, magic, sizeof magic) != 0 || h.key != key || h.text_size > rest ||
      h.size != rest - h.text_size)
    return corrupted();
  std::vector<std::uint8_t> bytes(rest);
  if (!file.read(bytes.data(), rest) || checksum_of(h, std::as_bytes(std::span(bytes))) != h.checksum)
    return corrupted();
  if (key_text != std::string_view(reinterpret_cast<const char*>(bytes.data()), h.text_size))
    return miss();  // a collision
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(h.text_size));
  ::futimens(file.descriptor(), nullptr);  // used now; a failure only makes it look older
  hits_.fetch_add(1, std::memory_order_relaxed);
  return bytes;
}

// Under a name of its own first, so that a reader or a crash never meets half a file.
bool CacheStore::write(const std::string& path, std::initializer_list<std::span<const std::byte>> pieces) {
  std::string name = folder_ + "/" + std::string(temporary) + "XXXXXX";
  File file(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600
  bool good = static_cast<bool>(file);
  for (std::span<const std::byte> p : pieces) good = good && file.write(p);
  good = good && file.close() && ::rename(name.c_str(), path.c_str()) == 0;
  if (good) return true;
  int why = errno;
  ::unlink(name.c_str());
  turn_off("cannot write to " + folder_ + ": " + std::strerror(why));
  return false;
}

void CacheStore::put(const Digest& key, std::string_view key_text, std::span<const std::uint8_t> bytes) {
  auto size = static_cast<std::int64_t>(sizeof(EntryHeader) + key_text.size() + bytes.size());
  if (size > max_bytes_ || !usable(true)) return;
  EntryHeader h{};
  std::memcpy(h.magic, magic, sizeof magic);
  h.key = key;
  h.text_size = key_text.size();
  h.size = bytes.size();
  auto text = std::as_bytes(std::span(key_text)), body = std::as_bytes(bytes);
  h.checksum = digest({std::as_bytes(std::span(&h, 1)), text, body});
  if (!write(path(key), {std::as_bytes(std::span(&h, 1)), text, body})) return;
  stored_.fetch_add(1, std::memory_order_relaxed);

  // Looking through the folder at each put would cost more the fuller it is; other processes bound their share likewise.
  std::lock_guard lock(evicting_);
  if (since_scan_ >= 0 && (since_scan_ += size) < max_bytes_ / 32) return;
  evict();
  since_scan_ = 0;
}

void CacheStore::evict() {
  struct Entry {
    std::string path;
    timespec used;
    std::int64_t size;
  };
  std::vector<Entry> entries;
  std::int64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    struct stat s;
    if (::lstat(it->path().c_str(), &s) != 0 || !S_ISREG(s.st_mode)) continue;
    if (name.starts_with(temporary)) {
      if (std::time(nullptr) - s.st_mtime > abandoned_after) ::unlink(it->path().c_str());
    } else if (name.find(".v") == 32) {  // ours, of any version
      entries.push_back({it->path().string(), s.st_mtim, s.st_size});
      total += s.st_size;
    }
  }
  if (total <= max_bytes_) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  // A sixteenth below the bound, so that a full folder is not looked through by every put; the newest always stays.
  for (std::size_t i = 0; i + 1 < entries.size() && total > max_bytes_ - max_bytes_ / 16; ++i) {
    if (::unlink(entries[i].path.c_str()) == 0) evicted_.fetch_add(1, std::memory_order_relaxed);
    total -= entries[i].size;
  }
}

CacheStore::Stats CacheStore::stats() const {
  auto read = [](const std::atomic<std::int64_t>& n) { return n.load(std::memory_order_relaxed); };
  return {read(hits_), read(misses_), read(corrupted_), read(stored_), read(evicted_)};
}

CacheStore& CacheStore::process() {
  static Immortal<CacheStore> store(environment().cache_dir(), environment().integer(Env::cache_bytes));
  return *store;
}

}  // namespace burin::rt
