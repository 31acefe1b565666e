// Positions and counts beyond 28, 31 and 32 bits. Memory is reserved, not used: pages that nobody writes cost nothing.
#include "tests/support/compiled_graph.h"
#include "tests/support/graphs.h"

#include <sys/mman.h>

using namespace burin;
using namespace burin::test;

namespace {

constexpr std::int64_t positions[] = {(std::int64_t{1} << 28) + 5, (std::int64_t{1} << 29) + 5,
                                      (std::int64_t{1} << 31) - 5, (std::int64_t{1} << 32) + 5};

using List = std::vector<std::int64_t>;
using Dims = std::vector<Dim>;

/// Zeros of `n` bytes, of which `at` holds 1, 2, 3.
HostTensor sparse(std::int64_t n, std::int64_t at) {
  void* p = ::mmap(nullptr, static_cast<std::size_t>(n), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(p != MAP_FAILED);
  for (int i = 0; i < 3; ++i) static_cast<std::uint8_t*>(p)[at + i] = static_cast<std::uint8_t>(i + 1);
  return {{Dtype::u8, {Dim(n)}}, Buffer::adopt(p, n, [p, n] { ::munmap(p, static_cast<std::size_t>(n)); })};
}

/// Compiles; whether it also runs right where it has to use the memory is the same code at small sizes.
void compiles(const Graph& graph) {
  for (auto level : {compiler::Options::Level::no_fuse, compiler::Options::Level::full}) {
    CompiledGraph compiled(graph, level);
    INFO(compiled.text());
    CHECK(compiled.ok());
  }
}

}  // namespace

TEST_CASE("A slice starts at any constant position") {
  for (std::int64_t at : positions) {
    Builder b;
    auto x = b.argument({Dtype::u8, {Dim(at + 64)}});
    b.result(b.op(OpKind::slice, {x}, {Dims{Dim(at)}, Dims{Dim(3)}, List{1}}));
    CompiledGraph compiled(b.graph, compiler::Options::Level::full);
    REQUIRE(compiled.ok());
    CHECK(values<std::uint8_t>(compiled.run({sparse(at + 64, at)})[0]) == std::vector<std::uint8_t>{1, 2, 3});
  }
}

TEST_CASE("Blocks are placed at any constant position") {
  for (std::int64_t at : positions) {
    Builder pad;
    auto x = pad.argument({Dtype::u8, {Dim(3)}});
    pad.result(pad.op(OpKind::pad, {x, pad.constant(scalar(std::uint8_t{7}))}, {Dims{Dim(at)}, Dims{Dim(0)}, List{}}));
    compiles(pad.graph);
    Builder join;
    auto y = join.argument({Dtype::u8, {Dim(at)}}), z = join.argument({Dtype::u8, {Dim(3)}});
    join.result(join.op(OpKind::concatenate, {y, z}, {std::int64_t{0}}));
    compiles(join.graph);
  }
}

TEST_CASE("Rows of a matrix product lie any distance apart") {
  for (std::int64_t n : positions)
    for (std::int64_t m : {1, 4, 40}) {
      Builder b;
      auto x = b.argument({f32, {Dim(m), 16}}), y = b.argument({f32, {16, Dim(n)}});
      b.result(b.op(OpKind::matmul, {x, y}));
      compiles(b.graph);
      Builder t;
      auto v = t.argument({f32, {Dim(n), 16}}), w = t.argument({f32, {16, Dim(m)}});
      t.result(t.op(OpKind::matmul, {v, w}));
      compiles(t.graph);
    }
}

TEST_CASE("Temporaries lie anywhere in the arena") {
  Builder b;
  auto cumsum = [&](ValueId x) { return b.op(OpKind::cumsum, {x}, {std::int64_t{0}, false, false}); };
  auto x = b.argument({f32, {Dim(std::int64_t{1} << 29)}});
  auto two = b.constant(scalar(2.0f));
  auto p = cumsum(x), q = cumsum(b.op(OpKind::mul, {p, two}));
  b.result(b.op(OpKind::add, {cumsum(b.op(OpKind::add, {p, q})), cumsum(b.op(OpKind::mul, {q, p}))}));
  compiles(b.graph);
}
