// Random graphs with regions: compiled, fused and not, they compute what the referee does. A failure prints the smallest
// case that shows it.
#include "tests/support/compiled_graph.h"
#include "tests/support/random_graph.h"
#include "tests/support/seeds.h"

#include <cstring>

using namespace burin;
using namespace burin::test;

namespace {

std::vector<HostTensor> copies(const std::vector<HostTensor>& list) {
  std::vector<HostTensor> made;
  for (const HostTensor& t : list) {
    made.push_back({t.type, Buffer::allocate(t.num_bytes())});
    std::memcpy(made.back().buffer.mutable_data(), t.buffer.data(), static_cast<std::size_t>(t.num_bytes()));
  }
  return made;
}

std::string problem(const Case& c, compiler::Options::Level level, bool in_place = false) {
  auto expected = reference(c);
  if (!expected) return expected.error().text();
  if (!expected->decided) return {};
  CompiledGraph compiled(c.graph, level);
  if (!compiled.ok()) return "not compiled: " + compiled.text();
  int status = 0;
  auto results = compiled.run(in_place ? copies(c.inputs) : c.inputs, in_place, &status);
  if (status != BURIN_RT_OK) return "status " + std::to_string(status);
  std::string why = difference(*expected, results);
  return why.empty() ? why : why + "\n" + compiled.report.host_program;
}

void try_graphs(const RandomOptions& options, std::uint64_t standard, std::vector<bool> in_place) {
  burin_rt_set_print_sink(
      [](void*, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*, const void*) {}, nullptr);
  const Seeds seeds(standard);
  for (auto level : {compiler::Options::Level::full, compiler::Options::Level::no_fuse})
    for (std::uint64_t seed = seeds.first; seed < seeds.last; ++seed)
      for (bool same : in_place) {
        Case c = random_case(seed, options);
        std::string why = problem(c, level, same);
        if (why.empty()) continue;
        Case small = shrink(c.copy(), [&](const Case& smaller) { return !problem(smaller, level, same).empty(); });
        FAIL("seed " << seed << ", level " << static_cast<int>(level) << (same ? ", in place: " : ": ")
                     << problem(small, level, same) << "\n"
                     << test::to_string(small));
      }
  burin_rt_set_print_sink(nullptr, nullptr);
}

}  // namespace

TEST_CASE("Random graphs compute compiled what they compute slowly") { try_graphs({}, 500, {false}); }
TEST_CASE("Random graphs of sizes 0 and 1 compute compiled what they compute slowly") {
  try_graphs({.tiny = true}, 120, {false});
}
TEST_CASE("Random graphs with state are right whether it is overwritten in place or not") {
  try_graphs({.ops = 8, .states = true}, 100, {false, true});
}
