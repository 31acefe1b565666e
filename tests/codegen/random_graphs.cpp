// Random graphs with regions: compiled, fused and not, they compute what the referee does. BURIN_TEST_SEED replays one
// seed, BURIN_TEST_GRAPHS sets how many; a failure prints the smallest case that shows it.
#include "tests/support/compiled_graph.h"
#include "tests/support/random_graph.h"

#include <cstdlib>

using namespace burin;
using namespace burin::test;

namespace {

std::string problem(const Case& c, compiler::Options::Level level) {
  auto expected = reference(c);
  if (!expected) return expected.error().text();
  if (!expected->decided) return {};
  CompiledGraph compiled(c.graph, level);
  if (!compiled.ok()) return "not compiled: " + compiled.text();
  int status = 0;
  auto results = compiled.run(c.inputs, nullptr, &status);
  if (status != BURIN_RT_OK) return "status " + std::to_string(status);
  return difference(*expected, results);
}

}  // namespace

TEST_CASE("Random graphs compute compiled what they compute slowly") {
  burin_rt_set_print_sink(
      [](void*, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*, const void*) {}, nullptr);
  const char* only = std::getenv("BURIN_TEST_SEED");
  const char* count = std::getenv("BURIN_TEST_GRAPHS");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 0;
  const std::uint64_t last = only ? first + 1 : count ? std::strtoull(count, nullptr, 10) : 500;
  for (auto level : {compiler::Options::Level::full, compiler::Options::Level::no_fuse})
    for (std::uint64_t seed = first; seed < last; ++seed) {
      Case c = random_case(seed);
      std::string why = problem(c, level);
      if (why.empty()) continue;
      Case small = shrink(c.copy(), [&](const Case& smaller) { return !problem(smaller, level).empty(); });
      FAIL("seed " << seed << ", level " << static_cast<int>(level) << ": " << problem(small, level) << "\n"
                   << test::to_string(small));
    }
  burin_rt_set_print_sink(nullptr, nullptr);
}
