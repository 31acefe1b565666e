// The environment's reader, and docs/environment.md against its table.
#include "runtime/core/environment.h"

#include "tests/support/catch.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace burin::rt;

namespace {
Environment with(const std::map<std::string, std::string>& values) {
  return Environment([&](const char* name) -> const char* {
    auto it = values.find(name);
    return it == values.end() ? nullptr : it->second.c_str();
  });
}
}  // namespace

TEST_CASE("unset and empty variables have their defaults") {
  Environment e = with({{"BURIN_CACHE_BYTES", ""}});
  CHECK(e.integer(Env::num_threads) == 0);
  CHECK(e.integer(Env::cache_bytes) == 1 << 30);
  CHECK_FALSE(e.is_set(Env::cache_bytes));
  CHECK(e.text(Env::data).empty());
  CHECK(e.cache_dir().empty());
  CHECK(e.problems().empty());
}

TEST_CASE("numbers, bytes with a unit, flags and paths are read") {
  Environment e =
      with({{"BURIN_NUM_THREADS", "3"}, {"BURIN_CACHE_BYTES", "2M"}, {"BURIN_PERF_MAP", "on"}, {"BURIN_DATA", "/d"}});
  CHECK(e.integer(Env::num_threads) == 3);
  CHECK(e.integer(Env::cache_bytes) == 2 << 20);
  CHECK(e.flag(Env::perf_map));
  CHECK(e.text(Env::data) == "/d");
}

TEST_CASE("a malformed value is named and counts as unset") {
  for (const char* bad : {"x", "-1", "4x", "1025", "99999999999999999999", "1M"}) {
    Environment e = with({{"BURIN_NUM_THREADS", bad}});
    CHECK(e.integer(Env::num_threads) == 0);
    REQUIRE(e.problems().size() == 1);
    CHECK(e.problems()[0].find("BURIN_NUM_THREADS=" + std::string(bad)) == 0);
  }
  CHECK(with({{"BURIN_CACHE_BYTES", "99999999999T"}}).problems().size() == 1);
  CHECK(with({{"BURIN_CACHE_BYTES", "-5"}}).problems().size() == 1);
  CHECK(with({{"BURIN_PERF_MAP", "2"}}).problems().size() == 1);
}

TEST_CASE("the cache folder is the variable, else XDG's, else the home folder's") {
  CHECK(with({{"BURIN_CACHE_DIR", "/a"}, {"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}}).cache_dir() == "/a");
  CHECK(with({{"XDG_CACHE_HOME", "/b"}, {"HOME", "/c"}}).cache_dir() == "/b/burin");
  CHECK(with({{"HOME", "/c"}}).cache_dir() == "/c/.cache/burin");
}

TEST_CASE("docs/environment.md lists every variable with its default and meaning, and no other") {
  std::ifstream file("docs/environment.md");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const std::string doc = text.str();
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = doc.find("\n| `BURIN_", at)) != std::string::npos; ++at) ++rows;
  CHECK(rows == environment_variables().size());
  for (const EnvironmentVariable& v : environment_variables()) {
    std::string row =
        "\n| `" + std::string(v.name) + "` | " + std::string(v.fallback_text) + " | " + std::string(v.meaning) + " |";
    INFO(row);
    CHECK(doc.find(row) != std::string::npos);
  }
}

// Examples are programs of users: they may read what they like.
TEST_CASE("no other source reads the environment") {
  namespace fs = std::filesystem;
  std::size_t seen = 0;
  for (const char* folder : {"runtime", "compiler", "passes", "frontend", "tools", "benchmarks"}) {
    if (!fs::exists(folder)) continue;
    for (const auto& e : fs::recursive_directory_iterator(folder)) {
      if (e.path().extension() != ".cpp" && e.path().extension() != ".h") continue;
      std::stringstream text;
      text << std::ifstream(e.path()).rdbuf();
      const std::string code = text.str();
      bool calls = false;
      for (auto at = code.find("getenv("); at != code.npos; at = code.find("getenv(", at + 1))
        calls |= at == 0 || !std::isalpha(static_cast<unsigned char>(code[at - 1]));  // fegetenv is something else
      if (!calls) continue;
      ++seen;
      INFO(e.path().string());
      CHECK(e.path() == "runtime/core/environment.cpp");
    }
  }
  CHECK(seen == 1);
}
