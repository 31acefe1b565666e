// Saved files that are damaged, and places that cannot be written: `save` and `load` as a user calls them.
#include "tests/errors/messages.h"
#include "tests/support/child.h"

#include <burin/burin.h>

#include <csignal>
#include <fstream>
#include <sys/resource.h>

using namespace burin;
using burin::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const Tensor x = {{1.0f, 2.0f}, {3.0f, 4.0f}};
const Tensor weights = {{0.5f, 1.0f}, {2.0f, 4.0f}};

auto make() {
  return function([](const Tensor& t) { return matmul(t, weights) + 1; }, {.name = "affine", .level = Level::graph});
}
const std::vector<float> want = {5.5f, 10, 10.5f, 20};

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}
/// The error's whole text without the folder's name and the line here.
std::string load_error(const TemporaryFolder& folder, const std::string& file) {
  try {
    load(folder.path / file);
  } catch (const InvalidArgument& e) {
    std::string text = e.what();
    for (std::size_t at; (at = text.find(folder.path.string() + "/")) != std::string::npos;)
      text.erase(at, folder.path.string().size() + 1);
    const std::size_t line = text.find("\n  at " + std::string(__FILE__) + ":");
    return line == std::string::npos ? text : text.erase(line, text.find('\n', line + 1) - line);
  }
  return "no error";
}

/// Files may grow to `bytes` only, as on a disk that is full: writing further fails.
struct FullDisk {
  rlimit before;
  void (*handler)(int);
  explicit FullDisk(rlim_t bytes) : handler(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit now{bytes, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
};

}  // namespace

TEST_CASE("a file that is missing, empty, foreign or a folder is named with what is wrong") {
  TemporaryFolder folder;
  fs::create_directory(folder.path / "folder.burin");
  write(folder.path / "empty.burin", "");
  write(folder.path / "text.burin", "hello, this is no saved function at all, and not a short text either");
  CHECK(load_error(folder, "none.burin") ==
        "saved function: cannot read 'none.burin': No such file or directory [file]");
  CHECK(load_error(folder, "folder.burin") == "saved function: cannot read 'folder.burin': it is a folder [file]");
  CHECK(load_error(folder, "empty.burin").find("saved function: this is not a saved function [corrupt-file]") == 0);
  CHECK(load_error(folder, "text.burin").find("saved function: this is not a saved function [corrupt-file]") == 0);
}

TEST_CASE("a file cut anywhere is refused, and the whole one loads") {
  TemporaryFolder folder;
  auto f = make();
  f(x);
  f.save(folder.path / "whole.burin");
  const std::string bytes = content(folder.path / "whole.burin");
  for (std::size_t n = 0; n < bytes.size(); n += n < 200 ? 1 : 61) {
    write(folder.path / "cut.burin", bytes.substr(0, n));
    const std::string text = load_error(folder, "cut.burin");
    INFO(n << " of " << bytes.size() << " bytes: " << text);
    CHECK(text.find("saved function: ") == 0);
    CHECK(text.find("[corrupt-file]\n") != std::string::npos);
    CHECK(text.find("'cut.burin'") != std::string::npos);
  }
  CHECK(load(folder.path / "whole.burin", Level::graph)(x)[0].to_vector<float>() == want);
}

TEST_CASE("a file with any byte damaged is refused, or gives what the whole one gives") {
  TemporaryFolder folder;
  auto f = make();
  f(x);
  f.save(folder.path / "whole.burin");
  const std::string bytes = content(folder.path / "whole.burin");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x21);
    write(folder.path / "damaged.burin", damaged);
    std::vector<float> got = want;  // padding between the sections belongs to nobody
    Error error;
    try {
      got = load(folder.path / "damaged.burin", Level::graph)(x)[0].to_vector<float>();
    } catch (const BurinError& e) { error = e.error; }
    INFO("byte " << at << ": " << error.text());
    CHECK(got == want);
    if (error.message.empty()) continue;
    ++refused;
    CHECK((error.tag == "corrupt-file" || error.tag == "format-version"));
    CHECK(error.message.find("saved function: ") == 0);
  }
  CHECK(refused > bytes.size() * 3 / 4);
}

TEST_CASE("a function saved where it cannot be written says so, leaves nothing, and saves elsewhere") {
  TemporaryFolder folder;
  auto f = make();
  CHECK(error_of<InvalidArgument>([&] { f.save(folder.path / "early.burin"); }) ==
        "save: \"affine\" has not been traced yet [no-trace]");
  f(x);
  const std::string nowhere = folder.path / "no" / "f.burin";
  CHECK(error_of<InvalidArgument>([&] { f.save(nowhere); }) ==
        "saved function: cannot write '" + nowhere + "': No such file or directory [file]");
  fs::create_directory(folder.path / "taken.burin");
  const std::string taken = folder.path / "taken.burin";
  CHECK(error_of<InvalidArgument>([&] { f.save(taken); }) ==
        "saved function: cannot write '" + taken + "': Is a directory [file]");
  CHECK(folder.names() == std::vector<std::string>{"taken.burin"});
  f.save(folder.path / "f.burin");
  CHECK(load(folder.path / "f.burin", Level::graph)(x)[0].to_vector<float>() == want);
}

TEST_CASE("a full disk leaves the file that was there, and nothing beside it") {
  TemporaryFolder folder;
  const fs::path file = folder.path / "f.burin";
  auto f = make();
  f(x);
  f.save(file);
  const std::string before = content(file);
  f(Tensor({{1.0f, 2.0f}}));  // a second trace: another file
  for (std::size_t room : {std::size_t{0}, std::size_t{100}, before.size()}) {
    std::string text;
    {
      FullDisk full(room);
      text = error_of<InvalidArgument>([&] { f.save(file); });
    }
    CHECK(text == "saved function: cannot write '" + file.string() + "': File too large [file]");
    CHECK(folder.names() == std::vector<std::string>{"f.burin"});
    CHECK(content(file) == before);
  }
  f.save(file);
  CHECK(load(file, Level::graph).graphs().size() == 2);
}

TEST_CASE("a loaded function refuses calls that no trace of it takes, and works on the next one") {
  TemporaryFolder folder;
  auto f = make();
  f(x);
  f.save(folder.path / "f.burin");
  for (Level level : {Level::graph, Level::full}) {
    auto g = load(folder.path / "f.burin", level);
    CHECK(error_of<InvalidArgument>([&] { g(Tensor({1.0f})); }) ==
          "affine: argument 'arg0': another rank: it is f32[1]; expected f32[2,2] [rank-mismatch]");
    CHECK(error_of<InvalidArgument>([&] { g(cast(x, f64)); }) ==
          "affine: argument 'arg0': another dtype: it is f64[2,2]; expected f32[2,2] [dtype-mismatch]");
    CHECK(error_of<InvalidArgument>([&] { g(x, x); }) == "affine: 2 tensors were given; expected 1 [argument-count]");
    CHECK(error_of<InvalidArgument>([&] { g(Tensor()); }) ==
          "a tensor is used before anything was assigned to it, or after it was moved from [undefined]");
    CHECK(g(x)[0].to_vector<float>() == want);
  }
}
