// POSIX descriptors; see file.h.
#include "runtime/core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

namespace burin::rt {
namespace {

constexpr std::string_view temporary = ".burin-writing-";
constexpr std::size_t digits = 16;
constexpr std::time_t abandoned_after = 3600;  // seconds: a temporary file this old has lost its writer

std::string random_name() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
    return {};  // not before the system's pool is filled
  std::string name(temporary);
  for (std::size_t i = 0; i < digits; ++i, bits >>= 4) name += "0123456789abcdef"[bits & 15];
  return name;
}

}  // namespace

// Ours by name, age and owner only: the folder is the user's.
void remove_abandoned(const std::string& folder) {
  DIR* list = ::opendir(folder.c_str());
  if (!list) return;
  while (const dirent* entry = ::readdir(list)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(temporary) || name.size() != temporary.size() + digits) continue;
    struct stat s;
    if (::fstatat(::dirfd(list), entry->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) &&
        s.st_uid == ::geteuid() && std::time(nullptr) - s.st_mtime > abandoned_after)
      ::unlinkat(::dirfd(list), entry->d_name, 0);
  }
  ::closedir(list);
}

File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

bool File::read(void* to, std::size_t size) {
  for (auto* p = static_cast<char*>(to); size > 0;) {
    const ssize_t n = ::read(descriptor_, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = 0;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool File::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool File::close() { return descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0; }

File open_regular(const std::string& path, bool follow, struct stat& status) {
  status = {};
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW)));
  if (!file) {
    const int why = errno;
    if (why == ENXIO && ::stat(path.c_str(), &status) == 0) {  // a socket, or a device without its driver
      errno = 0;
      return {};
    }
    errno = why;
    return {};
  }
  if (::fstat(file.descriptor(), &status) != 0) return {};
  if (!S_ISREG(status.st_mode)) {
    errno = 0;
    return {};
  }
  return file;
}

const char* kind_of_file(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool make_private_folders(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST && (at == path.npos || ::access(part.c_str(), X_OK) != 0))
      return false;
    if (at == path.npos) return true;
  }
}

Replacement::Replacement(const std::string& path, Kind kind)
    : place_(path),
      kind_(kind),
      mode_(kind == Kind::file ? 0666 : 0600) {
  if (kind == Kind::file && !resolve()) return;
  const std::size_t slash = place_.rfind('/');
  folder_ = slash == place_.npos ? "./" : place_.substr(0, slash + 1);
  if (kind == Kind::file) remove_abandoned(folder_);
  make();
}

// Where a link leads, and what stands there.
bool Replacement::resolve() {
  struct stat s;
  if (::lstat(place_.c_str(), &s) != 0) return true;  // what is wrong shows when it is made
  if (S_ISLNK(s.st_mode)) {
    char* real = ::realpath(place_.c_str(), nullptr);
    if (!real) {
      fail(errno);
      if (error_ == ENOENT) why_ = "it is a symbolic link to nothing";
      return false;
    }
    place_ = real;
    std::free(real);
    if (::stat(place_.c_str(), &s) != 0) return fail(errno);
  }
  if (S_ISDIR(s.st_mode)) return fail(EISDIR);
  if (!S_ISREG(s.st_mode)) {
    fail(0);
    why_ = std::string("it is ") + kind_of_file(s.st_mode);
    return false;
  }
  mode_ = s.st_mode & 0777;
  replaces_ = true;
  return true;
}

void Replacement::make() {
  for (int attempt = 0; attempt < 16 && !file_; ++attempt) {
    const std::string name = random_name();
    if (name.empty()) break;
    temporary_ = folder_ + name;
    file_ = File(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_));
    if (!file_ && errno != EEXIST) break;
  }
  if (!file_) {
    fail(errno);
    temporary_.clear();
  } else if (replaces_ && ::fchmod(file_.descriptor(), mode_) != 0) {
    fail(errno);
  }
}

bool Replacement::fail(int error) {
  error_ = error;
  why_ = std::strerror(error);
  return false;
}

bool Replacement::write(std::span<const std::byte> bytes) {
  if (!why_.empty()) return false;
  return file_.write(bytes) || fail(errno);
}

bool Replacement::commit() {
  if (!why_.empty()) return false;
  if (kind_ == Kind::file && ::fsync(file_.descriptor()) != 0 && errno != EINVAL && errno != EROFS) return fail(errno);
  if (!file_.close()) return fail(errno);
  if (::rename(temporary_.c_str(), place_.c_str()) != 0) return fail(errno);
  temporary_.clear();
  if (kind_ == Kind::entry) return true;
  // The name too: without it a crash may bring the old file back. What cannot be synced (some network folders) stays so.
  File folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.descriptor());
  return true;
}

Replacement::~Replacement() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

}  // namespace burin::rt
