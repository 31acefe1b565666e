// CacheStore: compiled bytes kept in a private folder between processes. Each entry is one file that carries its key in
// full and a checksum; it appears whole, by rename, or not at all. Depends on POSIX files and xxHash.
#pragma once
#include "runtime/core/fork.h"
#include "runtime/core/hash.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin::rt {

/// Safe from any thread, and between processes that share the folder: nobody sees half an entry, and an entry may vanish
/// at any time. Example: `store.put(key, "target=x86-64-v4\ngraph=...", image); auto image = store.get(key, text);`
class BURIN_RT_API CacheStore {
 public:
  struct Stats {
    std::int64_t hits = 0, misses = 0, corrupted = 0, stored = 0, evicted = 0;
  };

  /// Keeps up to `max_bytes` in `folder`, made at the first put, as are the folders above it that are missing, with mode
  /// 0700. An empty name or no bytes: always a miss. What is there is going to be run, so a folder that others own or may
  /// write turns the store off, and such an entry is taken for damaged.
  CacheStore(std::string folder, std::int64_t max_bytes) : folder_(std::move(folder)), max_bytes_(max_bytes) {}

  /// The bytes put under this key, or nothing. An entry that does not verify is removed. A hit is a use for eviction.
  std::optional<std::vector<std::uint8_t>> get(const Digest& key, std::string_view key_text);

  /// Keeps `bytes`, then evicts what was used least recently until the bound holds. What fails is one warning, and the
  /// store is off from then on. `key_text` names each part of the key, one a line, for people and against collisions.
  void put(const Digest& key, std::string_view key_text, std::span<const std::uint8_t> bytes);

  bool off() const { return off_.load(std::memory_order_relaxed); }
  Stats stats() const;
  const std::string& folder() const { return folder_; }
  /// The file of a key: 32 hexadecimal digits and the format's version.
  std::string path(const Digest& key) const;

  /// The process's store, at environment().cache_dir() with BURIN_CACHE_BYTES.
  static CacheStore& process();

 private:
  bool usable(bool create);
  void turn_off(const std::string& why);
  bool write(const std::string& path, std::initializer_list<std::span<const std::byte>> pieces);
  void evict();

  const std::string folder_;
  const std::int64_t max_bytes_;
  std::atomic<bool> off_{false}, checked_{false};
  std::atomic<std::int64_t> hits_{0}, misses_{0}, corrupted_{0}, stored_{0}, evicted_{0};
  Mutex evicting_;
  std::int64_t since_scan_ = -1;  // bytes written since the folder was last looked through; -1: never was
};

}  // namespace burin::rt
