// Entries as files: header, key text, bytes. See cache_store.h.
#include "runtime/core/cache_store.h"

#include "runtime/core/environment.h"
#include "runtime/core/file.h"
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
    if (!make_private_folders(folder_)) {
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
  struct stat s;
  errno = 0;
  File file = open_regular(name, /*follow=*/false, s);
  if (!file && errno == ENOENT) return miss();
  auto corrupted = [&] {
    corrupted_.fetch_add(1, std::memory_order_relaxed);
    ::unlink(name.c_str());  // fails on a folder, which stays where it is
    return miss();
  };
  // What others wrote or may write is not run, though the folder's mode says that nobody can have put it there: the folder
  // may have been another's, or open to all, before.
  if (!file || s.st_uid != ::geteuid() || (s.st_mode & (S_IWGRP | S_IWOTH)) != 0) return corrupted();

  EntryHeader h;
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

// False: it is not kept. A folder in the entry's place costs that entry only.
bool CacheStore::write(const std::string& path, std::initializer_list<std::span<const std::byte>> pieces) {
  Replacement entry(path, Replacement::Kind::entry);
  bool good = true;
  for (std::span<const std::byte> p : pieces) good = good && entry.write(p);
  if (good && entry.commit()) return true;
  if (entry.error() != EISDIR) turn_off("cannot write to " + folder_ + ": " + entry.why());
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
  remove_abandoned(folder_);
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
    if (name.find(".v") != 32) continue;  // ours, of any version
    entries.push_back({it->path().string(), s.st_mtim, s.st_size});
    total += s.st_size;
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
  static constinit Immortal<CacheStore> store;
  return store.get([] { return CacheStore(environment().cache_dir(), environment().integer(Env::cache_bytes)); });
}

}  // namespace burin::rt
