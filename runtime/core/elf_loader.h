// Maps an x86-64 ELF relocatable object into this process: the small-code-model position-independent objects that our
// compiler makes. Trusts nothing in the bytes. Outside the object it resolves memcpy, memmove, memset and memcmp only.
#pragma once
#include <burin/rt/rt.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace burin::rt {

/// Why something was refused; BURIN_RT_OK with no message where it was not.
struct LoadError {
  burin_rt_status status = BURIN_RT_OK;
  std::string message;
  explicit operator bool() const { return status != BURIN_RT_OK; }
};

/// Mapped code: text is executable and read-only, data writable and not executable. Owns the mapping; movable.
/// Reading it is safe from any thread.
class BURIN_RT_API LoadedObject {
 public:
  LoadedObject() = default;
  LoadedObject(LoadedObject&& o) noexcept { *this = std::move(o); }
  LoadedObject& operator=(LoadedObject&& o) noexcept;
  ~LoadedObject();

  static LoadError load(std::span<const std::uint8_t> elf, LoadedObject& object);

  /// Address of a global symbol that the object defines, or null.
  void* symbol(std::string_view name) const;
  std::size_t mapped_bytes() const { return size_; }

 private:
  friend class ElfLoader;
  void* base_ = nullptr;
  std::size_t size_ = 0;
  std::map<std::string, void*, std::less<>> symbols_;
};

}  // namespace burin::rt
