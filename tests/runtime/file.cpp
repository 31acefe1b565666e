// Files: what is no regular file is neither waited for nor taken, a replacement is whole or not there and follows no link of
// another's, and a writer that is killed leaves the old file and a leftover that goes.
#include "runtime/core/file.h"

#include "tests/support/catch.h"
#include "tests/support/child.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace burin::rt;
using burin::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
bool replace(const fs::path& path, const std::string& text, std::string* why = nullptr) {
  Replacement r(path.string());
  const bool good = r.write(std::as_bytes(std::span(text))) && r.commit();
  if (why) *why = r.why();
  return good;
}

}  // namespace

TEST_CASE("what is no regular file is refused at once, by what it is") {
  TemporaryFolder folder;
  auto kind_of = [&](const fs::path& path) -> std::string {
    struct stat s;
    errno = 0;
    File f = open_regular(path.string(), true, s);
    if (f) return "opened";
    return errno != 0 ? std::strerror(errno) : kind_of_file(s.st_mode);
  };
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  File socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder.path / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(kind_of(folder.path / "pipe") == "a pipe");
  CHECK(kind_of(folder.path / "socket") == "a socket");
  CHECK(kind_of(folder.path) == "a folder");
  CHECK(kind_of("/dev/zero") == "a device");
  CHECK(kind_of(folder.path / "none") == "No such file or directory");
  std::ofstream(folder.path / "file") << "x";
  CHECK(kind_of(folder.path / "file") == "opened");
}

TEST_CASE("a device or a pipe is not replaced by a file, and a link is written through") {
  TemporaryFolder folder;
  const fs::path pipe = folder.path / "pipe", file = folder.path / "file", link = folder.path / "link";
  std::string why;
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_FALSE(replace(pipe, "x", &why));
  CHECK(why == "it is a pipe");
  CHECK(fs::is_fifo(pipe));
  CHECK_FALSE(replace("/dev/null", "x", &why));
  CHECK(why == "it is a device");
  CHECK(fs::is_character_file("/dev/null"));
  std::ofstream(file) << "old";
  fs::create_symlink("file", link);
  CHECK(replace(link, "new"));
  CHECK(fs::is_symlink(link));
  CHECK(content(file) == "new");
  fs::remove(file);
  CHECK_FALSE(replace(link, "x", &why));
  CHECK(why == "it is a symbolic link to nothing");
  CHECK(folder.names() == std::vector<std::string>{"link", "pipe"});
}

TEST_CASE("a new file has the umask's mode, a replaced one keeps its own") {
  TemporaryFolder folder;
  const fs::path file = folder.path / "file";
  auto mode = [&] {
    struct stat s;
    REQUIRE(::stat(file.c_str(), &s) == 0);
    return s.st_mode & 0777;
  };
  const mode_t before = ::umask(027);
  REQUIRE(replace(file, "x"));
  CHECK(mode() == 0640);
  REQUIRE(::chmod(file.c_str(), 0606) == 0);
  REQUIRE(replace(file, "y"));
  CHECK(mode() == 0606);
  ::umask(before);
}

TEST_CASE("no name of a temporary file can be foretold, and what waits under one is not written through") {
  TemporaryFolder folder;
  std::string names[2];
  for (std::string& name : names) {
    Replacement r((folder.path / "file").string());
    name = r.name();
    CHECK(fs::exists(name));
  }
  CHECK(names[0] != names[1]);
  CHECK(folder.names().empty());  // neither was committed
}

TEST_CASE("a writer that is killed leaves the file that was there, and its leftover goes once it is old") {
  TemporaryFolder folder;
  const fs::path file = folder.path / "file";
  REQUIRE(replace(file, "old"));
  const std::string large(1 << 20, 'n');
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
      for (;;) replace(file, large);
    ::usleep(static_cast<useconds_t>(500 + 700 * round));
    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    const std::string now = content(file);
    CHECK((now == "old" || now == large));
  }
  std::ofstream(folder.path / ".burin-writing-mine") << "x";  // no name of ours
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  for (const std::string& name : folder.names())
    REQUIRE(::utimensat(AT_FDCWD, (folder.path / name).c_str(), old, 0) == 0);
  std::ofstream(folder.path / ".burin-writing-0123456789abcdef") << "x";  // perhaps still being written
  REQUIRE(replace(file, "new"));
  CHECK(folder.names() == std::vector<std::string>{".burin-writing-0123456789abcdef", ".burin-writing-mine", "file"});
}
