// Kernels that read at other positions: what fuse-kernels makes one of pads, slices and joins computes what the referee does,
// and nothing beside the operands is touched.
#include "tests/support/compiled_graph.h"
#include "tests/support/guarded.h"
#include "tests/support/read_cases.h"

using namespace burin;
using namespace burin::test;

namespace {

constexpr ReadSizes sizes[] = {{3, 33}, {17, 8}, {4, 70}, {3, 3}};

/// Copies that end, or begin, beside pages that nobody may touch.
std::vector<HostTensor> guarded(const std::vector<HostTensor>& list, bool at_end) {
  std::vector<HostTensor> made;
  for (const HostTensor& t : list) {
    auto room = std::make_shared<Guarded>(t.num_bytes(), at_end, static_cast<std::size_t>(bytes(t.type.dtype, 1)));
    std::memcpy(room->data(), t.buffer.data(), static_cast<std::size_t>(t.num_bytes()));
    made.push_back({t.type, Buffer::adopt(room->data(), t.num_bytes(), [room] {})});
  }
  return made;
}

void check(CompiledGraph& compiled, const Case& c) {
  auto expected = reference(c);
  REQUIRE(expected);
  for (bool at_end : {true, false}) CHECK(difference(*expected, compiled.run(guarded(c.inputs, at_end))) == "");
}

void check(const ReadPattern& pattern, Dtype dtype, ReadSizes at, const std::string& target) {
  if (std::min(at.rows, at.columns) < pattern.least) return;
  Case c = read_case(pattern, dtype, at);
  CompiledGraph compiled(c.graph, compiler::Options::Level::full, target);
  INFO(pattern.name << ", " << to_string(dtype) << ", " << at.rows << " x " << at.columns << ", " << target << "\n"
                    << compiled.text());
  REQUIRE(compiled.ok());
  check(compiled, c);
}

}  // namespace

TEST_CASE("Pads, slices and joins are read right by kernels of all dtypes") {
  for (const ReadPattern& pattern : read_patterns)
    for (int t = 0; t < num_dtypes; ++t) check(pattern, static_cast<Dtype>(t), {3, 33}, "host");
}

TEST_CASE("Pads, slices and joins are read right with masks and without, whatever the sizes") {
  for (const ReadPattern& pattern : read_patterns)
    for (const char* target : {"host", "x86-64-v3", "x86-64"})
      for (ReadSizes at : sizes)
        for (Dtype dtype : {Dtype::f32, Dtype::i8}) check(pattern, dtype, at, target);
}

TEST_CASE("Pads, slices and joins of named sizes are read right at any size, none among them") {
  for (const ReadPattern& pattern : read_patterns)
    for (const char* target : {"host", "x86-64"}) {
      Case first = read_case(pattern, Dtype::f32, {3, 3, true});
      CompiledGraph compiled(first.graph, compiler::Options::Level::full, target);
      INFO(pattern.name << ", " << target << "\n" << compiled.text());
      REQUIRE(compiled.ok());
      for (ReadSizes at : {ReadSizes{3, 3}, {0, 0}, {1, 1}, {0, 5}, {5, 0}, {2, 9}, {17, 70}, {40, 33}}) {
        if (std::min(at.rows, at.columns) < pattern.least) continue;
        at.named = true;
        INFO(at.rows << " x " << at.columns);
        check(compiled, read_case(pattern, Dtype::f32, at));
      }
    }
}

TEST_CASE("Long lines are cut at the edges of what is read in the middle of a block") {
  for (const char* target : {"host", "x86-64-v3", "x86-64"})
    for (std::int64_t n : {4096, 10001}) {
      for (const ReadPattern& pattern : read_patterns) check(pattern, Dtype::f32, {3, n}, target);
    }
}
