// What BURIN_LOG tells and BURIN_PROFILE writes: both are read once a process, so each case runs this program again.
#include "tests/support/catch.h"

#include <burin/burin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace burin;

// -- the programs ------------------------------------------------------------------------------------------------------

TEST_CASE("a program whose story is told") {
  auto f = function([](const Tensor& x) { return reduce_sum(exp(x) + 1.0f); }, {.name = "story"});
  CHECK(f(Tensor{0.0f, 0.0f}).item<float>() == 4.0f);
  for (int i = 0; i < 3; ++i) CHECK(f(Tensor{0.0f, 0.0f, 0.0f}).item<float>() == 6.0f);
}

TEST_CASE("a program that is warned") {
  auto f = function([](const Tensor& x, int n) { return x + n; }, {.name = "warned", .level = Level::graph});
  for (int n : {1, 2, 3}) CHECK(f(Tensor{1.0f}, n).to_vector<float>() == std::vector<float>{1.0f + n});
}

namespace {

/// What the program says on stderr under these variables.
std::string told(const std::string& variables, const std::string& program = "a program whose story is told") {
  std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string none = "BURIN_LOG= BURIN_PROFILE= BURIN_CACHE_BYTES=0 ";
  std::FILE* pipe = ::popen((none + variables + " " + self + " '" + program + "' 2>&1 >/dev/null").c_str(), "r");
  REQUIRE(pipe);
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  INFO(text);
  REQUIRE(::pclose(pipe) == 0);
  return text;
}

auto says(const std::string& text) { return Catch::Contains(text); }

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "burin-log-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("nothing is told unasked, nor where the log is off") {
  CHECK(told("") == "");
  CHECK(told("BURIN_LOG=warn") == "");
  CHECK(told("BURIN_LOG=off") == "");
}

TEST_CASE("at level info a function tells each trace with its reason, and each compile") {
  std::string text = told("BURIN_LOG=info");
  CHECK_THAT(text, says("burin.trace info: trace of \"story\": the first one\n"));
  CHECK_THAT(text, says("burin.trace info: retrace of \"story\": arg0: f32[2] -> f32[3]\n"));
  CHECK_THAT(text, says("hint: name the size in an input signature"));
  CHECK_THAT(text, says("tests/frontend/log.cpp:"));
  CHECK_THAT(text, says("burin.compile info: opened "));
  CHECK_THAT(text, says("burin.compile info: compiled \"story\" in ") && says(" bytes, temporaries of "));
  CHECK_THAT(text, !says("debug"));
  std::size_t traces = 0;
  for (std::size_t at = 0; (at = text.find("burin.trace", at)) != std::string::npos; ++at) ++traces;
  CHECK(traces == 2);  // calls that are known say nothing
}

TEST_CASE("each area has a level of its own") {
  std::string cache = told("BURIN_LOG=off,cache=debug");
  CHECK_THAT(cache, says("burin.cache debug: code of \"story\" is in no cache"));
  CHECK_THAT(cache, !says("burin.trace") && !says("burin.compile") && !says("burin.run"));
  CHECK_THAT(told("BURIN_LOG=compile=debug"), says("stages of \"story\": 00-import ") && !says("burin.cache"));
  CHECK_THAT(told("BURIN_LOG=passes=debug"), says("burin.passes debug: fuse-kernels: tests/frontend/log.cpp:"));
  CHECK_THAT(told("BURIN_LOG=run=debug"), says("burin.run debug: mapped an image of ") && says(" and temporaries of "));
  CHECK_THAT(told("BURIN_LOG=trace,passes=off"), says("graph=") && !says("burin.passes"));
}

TEST_CASE("a hit of the disk cache is told, and names the file") {
  Folder folder;
  std::string variables = "BURIN_LOG=cache=debug BURIN_CACHE_BYTES=64M BURIN_CACHE_DIR=" + folder.path.string();
  std::string first = told(variables), second = told(variables);
  CHECK_THAT(first, says("code of \"story\" stored: " + folder.path.string()) && !says("found on disk"));
  CHECK_THAT(second, says("burin.cache info: code of \"story\" found on disk") && says(folder.path.string()));
  CHECK_THAT(second, !says("is in no cache") && !says("stored"));
}

TEST_CASE("warnings are plain lines, lines of the log, or silent") {
  const std::string program = "a program that is warned", warning = "warned: the static argument arg1 caused";
  CHECK(told("", program).find("burin: " + warning) == 0);
  CHECK_THAT(told("BURIN_LOG=warn", program), says("burin.run warning: " + warning));
  CHECK(told("BURIN_LOG=off", program) == "");
}

TEST_CASE("a BURIN_LOG that says nothing known is named, and counts as unset") {
  for (const char* bad : {"loud", "info,disk=debug", "cache=", "info;debug"}) {
    std::string text = told("BURIN_LOG='" + std::string(bad) + "'");
    CHECK(text.find("burin: BURIN_LOG=" + std::string(bad) + " is ignored: expected trace, debug, info") == 0);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  }
}

TEST_CASE("BURIN_PROFILE writes traces, compiles with their stages, and calls") {
  Folder folder;
  std::string file = (folder.path / "profile.json").string();
  CHECK(told("BURIN_PROFILE=" + file) == "");
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  auto count = [&, json = text.str()](const std::string& name) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = json.find("{\"name\":\"" + name + "\"", at)) != std::string::npos; ++at) ++n;
    return n;
  };
  CHECK(count("trace story") == 2);
  CHECK(count("compile story") == 2);
  CHECK(count("fuse-kernels") == 2);
  CHECK(count("story") == 4);
}
