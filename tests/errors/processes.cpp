// What a process finds outside itself may be broken: entries of the disk cache, its folder, the disk, libburin_compiler.so,
// memory. Each case runs in a process of its own; the cases `child: ...` are what they run.
#include "tests/errors/messages.h"
#include "tests/support/child.h"

#include <burin/burin.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sys/resource.h>

using namespace burin;
using burin::test::run_child;
using burin::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const Tensor x = {1.0f, 2.0f, 3.0f};
auto make() {
  return function([](const Tensor& t) { return gather(exp(t) * 0 + t, Tensor({2, 0})) + 1; }, {.name = "f"});
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}
/// The lines of a child that begin with `mark`.
std::string lines(const std::string& output, const std::string& mark) {
  std::string found;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(mark, 0) == 0) found += line + "\n";
  return found;
}

}  // namespace

TEST_CASE("child: calls a function", "[.]") {
  auto f = make();
  CHECK(f(x).to_vector<float>() == std::vector<float>{4, 2});
  CHECK(f(x).to_vector<float>() == std::vector<float>{4, 2});
  const FunctionStats s = f.stats();
  std::printf("\n= compiled %d, from disk %d\n", static_cast<int>(s.compiles), static_cast<int>(s.disk_hits));
}

TEST_CASE("a damaged entry of the disk cache is compiled again and replaced") {
  TemporaryFolder folder;
  const burin::test::Environment cached = {{"BURIN_CACHE_DIR", folder.path / "cache"}, {"BURIN_CACHE_BYTES", "64M"}};
  auto call = [&] { return lines(run_child("child: calls a function", cached), "= "); };
  CHECK(call() == "= compiled 1, from disk 0\n");
  CHECK(call() == "= compiled 0, from disk 1\n");
  fs::path entry;
  for (const auto& e : fs::directory_iterator(folder.path / "cache")) entry = e.path();
  const std::string whole = content(entry);
  REQUIRE(whole.size() > 1000);
  auto damaged = [&](const std::string& bytes) {
    write(entry, bytes);
    CHECK(call() == "= compiled 1, from disk 0\n");
    CHECK(content(entry) == whole);  // compiling is deterministic
    CHECK(call() == "= compiled 0, from disk 1\n");
  };
  damaged("");
  damaged(whole.substr(0, 20));
  damaged(whole.substr(0, whole.size() - 1));
  damaged(whole.substr(0, whole.size() / 2));
  damaged(whole + "x");
  for (std::size_t at : {std::size_t{3}, std::size_t{60}, whole.size() / 2, whole.size() - 100}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    damaged(bytes);
  }
  damaged(std::string(whole.size(), '\0'));
}

TEST_CASE("a cache folder that cannot be written is one warning, and calls work without it") {
  TemporaryFolder folder;
  write(folder.path / "file", "in the way");
  const std::string output = run_child(
      "child: calls a function", {{"BURIN_CACHE_DIR", folder.path / "file" / "cache"}, {"BURIN_CACHE_BYTES", "64M"}});
  CHECK(lines(output, "= ") == "= compiled 1, from disk 0\n");
  const std::string warning = "the disk cache is off: cannot ";
  const auto at = output.find(warning);
  REQUIRE(at != std::string::npos);
  CHECK(output.find(warning, at + 1) == std::string::npos);
  CHECK(output.find("(BURIN_CACHE_DIR names its folder)", at) != std::string::npos);
  CHECK(content(folder.path / "file") == "in the way");
}

TEST_CASE("child: calls a function on a full disk", "[.]") {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{0, RLIM_INFINITY};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  auto f = make();
  const bool right = f(x).to_vector<float>() == std::vector<float>{4, 2};
  const rlimit room{RLIM_INFINITY, RLIM_INFINITY};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &room) == 0);
  CHECK(right);
  CHECK(f(x).to_vector<float>() == std::vector<float>{4, 2});
}

TEST_CASE("a full disk is one warning, leaves nothing half-written in the cache, and calls work") {
  TemporaryFolder folder;
  const std::string cache = folder.path / "cache";
  const burin::test::Environment cached = {{"BURIN_CACHE_DIR", cache}, {"BURIN_CACHE_BYTES", "64M"}};
  const std::string output = run_child("child: calls a function on a full disk", cached);
  INFO(output);
  CHECK(output.find("the disk cache is off: cannot write to " + cache + ": File too large") != std::string::npos);
  CHECK(fs::is_empty(cache));
  CHECK(lines(run_child("child: calls a function", cached), "= ") == "= compiled 1, from disk 0\n");
  CHECK(lines(run_child("child: calls a function", cached), "= ") == "= compiled 0, from disk 1\n");
}

TEST_CASE("child: calls a function before the compiler is there", "[.]") {
  auto f = make();
  auto eager = function([](const Tensor& t) { return t + 1; }, {.level = Level::graph});
  for (int i = 0; i < 2; ++i) {
    try {
      f(x);
      FAIL("no error");
    } catch (const UnsupportedError& e) {
      std::printf("\n= %s [%s]\n= hint: %s\n", e.error.message.c_str(), e.error.tag.c_str(), e.error.hint.c_str());
    }
    CHECK(f.stats().entries == 0);
  }
  CHECK(eager(x).to_vector<float>()[0] == 2);
  const char* path = std::getenv("BURIN_COMPILER_LIBRARY");
  const fs::path real = fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib" / "libburin_compiler.so";
  fs::remove(path);
  fs::create_symlink(real, path);
  CHECK(f(x).to_vector<float>() == std::vector<float>{4, 2});
  CHECK(f.stats().compiles == 1);
}

TEST_CASE(
    "a compiler library that is missing or is none is an error with the remedy; the function works once it is there") {
  TemporaryFolder folder;
  const std::string path = folder.path / "libburin_compiler.so";
  auto words = [&] {
    return lines(run_child("child: calls a function before the compiler is there",
                           {{"BURIN_COMPILER_LIBRARY", path}, {"BURIN_CACHE_BYTES", "0"}}),
                 "= ");
  };
  auto twice = [&](const std::string& why) {
    const std::string once =
        "= the compiler library " + path + " cannot be used: " + why +
        " [no-compiler]\n= hint: install it beside libburin.so, set BURIN_COMPILER_LIBRARY, or call "
        "at level graph\n";
    return once + once;
  };
  CHECK(words() == twice(path + ": cannot open shared object file: No such file or directory"));
  fs::remove(path);
  write(path, "no library");
  CHECK(words() == twice(path + ": file too short"));
  fs::remove(path);
  REQUIRE(std::system(("cc -shared -x c /dev/null -o " + path).c_str()) == 0);
  CHECK(words() == twice("it has no burin_compiler_api"));
}

TEST_CASE("child: looks for a function's code", "[.]") {
  try {
    make()(x);
  } catch (const UnsupportedError&) {}  // the LLVM there is none
}

TEST_CASE("the key of compiled code names the LLVM and MLIR that would be loaded, though nothing is") {
  TemporaryFolder folder;
  auto key = [&](const burin::test::Environment& more) {
    burin::test::Environment variables = {
        {"BURIN_CACHE_DIR", folder.path / "cache"}, {"BURIN_CACHE_BYTES", "64M"}, {"BURIN_LOG", "cache=trace"}};
    variables.insert(variables.end(), more.begin(), more.end());
    const std::string output = run_child("child: looks for a function's code", variables);
    return lines(output, "graph=") + lines(output, "compiler=") + lines(output, "libMLIR.so") +
           lines(output, "libLLVM.so");
  };
  const std::string first = key({});
  INFO(first);
  const auto value = [&](const std::string& name) {
    const auto at = first.find("=", first.find(name));
    return first.substr(at + 1, first.find("\n", at) - at - 1);
  };
  CHECK(value("graph").size() == 64);  // SHA-256
  for (const char* name : {"compiler", "libMLIR", "libLLVM"}) {
    CHECK(value(name).size() == 40);
    CHECK(value(name).find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  CHECK(key({}) == first);  // found on disk: LLVM is not loaded, and named all the same
  const auto from = first.find("libLLVM"), to = first.find("=", from);
  const std::string other = folder.path / first.substr(from, to - from);
  REQUIRE(std::system(("cc -shared -Wl,--build-id=0x1234abcd -x c /dev/null -o " + other).c_str()) == 0);
  const std::string second = key({{"LD_LIBRARY_PATH", folder.path}});
  CHECK(second.find("=1234abcd\n") != std::string::npos);
}

TEST_CASE("child: asks for more memory than there is", "[.]") {
  auto result = [](const Tensor& t) { return broadcast_to(reshape(t, {t.size(), 1}), {t.size(), t.size()}); };
  auto inside = [](const Tensor& t) {  // 16 MiB between two products
    Tensor m = matmul(reshape(t, {t.size(), 1}), reshape(t, {1, t.size()}));
    return reduce_max(matmul(m, m), 0);
  };
  const Tensor large = cast(iota({2048}), f32), small = {1.0f, 2.0f};
  for (auto level : {Level::graph, Level::no_fuse, Level::full}) {
    auto f = function(result, {.name = "result", .level = level});
    auto g = function(inside, {.name = "inside", .level = level});
    for (int i = 0; i < 2; ++i) {
      CHECK(error_of<DeviceError>([&] { f(large); }) == error_of<DeviceError>([&] { result(large); }));
      CHECK(error_of<DeviceError>([&] { result(large); }) ==
            "broadcast_to: no memory for the result f32[2048,2048] (16777216 bytes) [out-of-memory]");
      const std::string text = error_of<DeviceError>([&] { g(large); });
      if (level == Level::graph) {
        CHECK(text == "matmul: no memory for the result f32[2048,2048] (16777216 bytes) [out-of-memory]");
      } else {  // two products, and what the second packs, which depends on the CPU
        const std::string before = "matmul: no memory for the result f32[2048,2048] (16777216 bytes, ";
        REQUIRE(text.starts_with(before));
        std::size_t digits = 0;
        const long long all = std::stoll(text.substr(before.size()), &digits);
        CHECK(all > 33554432);
        CHECK(all < 33554432 + (16 << 20));
        CHECK(text.substr(before.size() + digits) == " with all temporaries) [out-of-memory]");
      }
      CHECK(f(small).to_vector<float>() == std::vector<float>{1, 1, 2, 2});
      CHECK(g(small).to_vector<float>() == std::vector<float>{10, 20});
    }
  }
}

TEST_CASE("results and temporaries above the memory limit are errors in every mode, and the next call works") {
  run_child("child: asks for more memory than there is", {{"BURIN_MEMORY_LIMIT", "12M"}});
}
