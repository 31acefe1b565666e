// Memory is flat however much is compiled: contexts are retired, code generators are kept and used again.
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

#include <fstream>
#include <string>

using namespace burin;
using namespace burin::test;

namespace {

/// Resident pages of this process in KiB.
long resident() {
  std::ifstream file("/proc/self/statm");
  long total = 0, pages = 0;
  file >> total >> pages;
  return pages * 4;
}

void compile(std::int64_t size) {
  Builder b;
  ValueId x = b.argument({f32, {size, 3}});
  for (int i = 0; i < 60; ++i)
    x = b.op(OpKind::add, {x, b.constant(scalar(static_cast<float>(size) + static_cast<float>(i)))});
  b.result(b.op(OpKind::reduce_sum, {x}, {std::vector<std::int64_t>{1}, false}));
  compiler::Request request;
  request.graph = &b.graph;
  request.options.target = "x86-64";
  auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
  REQUIRE(image);
}

}  // namespace

TEST_CASE("Six hundred compiles of ever new shapes need no more memory than three hundred") {
  for (std::int64_t i = 1; i <= 300; ++i) compile(i);  // fills every pool, and retires a context or two
  const long before = resident();
  for (std::int64_t i = 301; i <= 600; ++i) compile(i);
  const long grown = resident() - before;
  INFO(grown << " KiB");
  CHECK(grown < 4 << 10);
}
