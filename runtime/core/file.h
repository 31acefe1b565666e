// Files by descriptor: reading that neither hangs nor takes what is no regular file, and writing that is whole or not there.
// For caches, saved functions and tools. Depends on POSIX files only; failures are errno values.
#pragma once
#include <burin/rt/rt.h>

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace burin::rt {

/// An open descriptor, closed with it. Moved, not copied.
class BURIN_RT_API File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() { close(); }
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  explicit operator bool() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  bool read(void* to, std::size_t size);  ///< all of it; false with errno 0: the file ends before
  bool write(std::span<const std::byte> bytes);
  bool close();

 private:
  int descriptor_ = -1;
};

/// Opens a regular file for reading and says what it is. Anything else (a pipe, which would wait for its other end, a device,
/// a folder) is no file: errno is then 0 and `status` tells. `follow` false: nor is a symbolic link (errno ELOOP).
BURIN_RT_API File open_regular(const std::string& path, bool follow, struct stat& status);

/// What `mode` of a struct stat is, in words: "a folder", "a device".
BURIN_RT_API const char* kind_of_file(mode_t mode);

/// Makes the folder and those above it that are missing, all with mode 0700, whatever the umask. False: errno says why.
BURIN_RT_API bool make_private_folders(const std::string& path);

/// Removes what killed writers of Replacements left in the folder more than an hour ago.
BURIN_RT_API void remove_abandoned(const std::string& folder);

/// A file that is written beside its place, under a name that nobody can foretell and that follows no link, and takes the
/// place when it is committed: nobody sees half of it, and what stood there survives a failure or a crash. One thread.
/// Example: `Replacement r(path); if (!r.write(bytes) || !r.commit()) return error(r.why());`
class BURIN_RT_API Replacement {
 public:
  /// `file`, of a user: a symbolic link is written through, what is no regular file is refused, the mode is kept, commit()
  /// returns when the disk has it, and what was abandoned there is removed. `entry`, of a folder of our own: takes the place
  /// of anything but a folder, is the owner's alone, and may be lost or torn by a crash of the machine.
  enum class Kind : std::uint8_t { file, entry };
  explicit Replacement(const std::string& path, Kind kind = Kind::file);
  ~Replacement();
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  bool write(std::span<const std::byte> bytes);
  bool commit();
  /// Why the last call failed: the system's words, or what stands at the place.
  const std::string& why() const { return why_; }
  int error() const { return error_; }                    ///< errno of the failure; 0: the place is taken by no file
  const std::string& place() const { return place_; }     ///< links resolved
  const std::string& name() const { return temporary_; }  ///< where it is written until then

 private:
  bool fail(int error);
  bool resolve();
  void make();

  std::string place_, folder_, temporary_, why_;
  int error_ = 0;
  Kind kind_;
  mode_t mode_ = 0;
  bool replaces_ = false;
  File file_;
};

}  // namespace burin::rt
