// A test case of this program run in a process of its own, with its own environment: caches, limits and libraries are read
// once a process. The cases that children run are hidden (`[.]`).
#pragma once
#include "tests/support/catch.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace burin::test {

/// A folder of the test's own, removed with all that is in it.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "burin-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// Names of what is in it, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& e : std::filesystem::directory_iterator(path)) list.push_back(e.path().filename().string());
    std::sort(list.begin(), list.end());
    return list;
  }
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Runs the hidden case `name` of this program with these variables besides ours; what it printed. It must pass.
inline std::string run_child(const std::string& name, const Environment& variables) {
  std::vector<std::string> held;
  auto set = [&](const std::string& variable) {
    for (const auto& v : variables)
      if (variable.rfind(v.first + "=", 0) == 0) return true;
    return false;
  };
  for (char** e = environ; *e; ++e)
    if (!set(*e)) held.push_back(*e);
  for (const auto& v : variables) held.push_back(v.first + "=" + v.second);
  std::vector<char*> environment;
  for (std::string& s : held) environment.push_back(s.data());
  environment.push_back(nullptr);
  std::string self = std::filesystem::read_symlink("/proc/self/exe").string(), test = name, warn = "-w",
              none = "NoTests";
  char* arguments[] = {self.data(), test.data(), warn.data(), none.data(), nullptr};

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execve(self.c_str(), arguments, environment.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string output;
  char piece[4096];
  for (ssize_t n; (n = ::read(ends[0], piece, sizeof piece)) > 0;) output.append(piece, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO(output);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return output;
}

}  // namespace burin::test
