// Memory is flat however much is compiled: contexts are retired, code generators are kept and used again. And a call takes
// what was planned and its results, no more.
#include "runtime/core/allocator.h"
#include "tests/support/compiled_graph.h"
#include "tests/support/goldens.h"
#include "tests/support/graphs.h"

#include <cstdlib>
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
#ifndef BURIN_SANITIZED  // a sanitizer keeps freed memory
  CHECK(grown < 4 << 10);
#endif
}

namespace {

/// A graph as an image, whose calls are watched: what they ask for is full of NaN, and nothing may touch what lies behind.
class Watched {
 public:
  Watched(const Graph& graph, compiler::Options::Level level) {
    compiler::Request request;
    request.graph = &graph;
    request.options.level = level;
    auto made = compiler::burin_compiler_api(compiler::api_version)->compile(request);
    if (!made) FAIL(made.error().text());
    blobs_ = made->blobs;
    REQUIRE(burin_rt_image_load(made->bytes.data(), made->bytes.size(), &image_, nullptr, 0) == BURIN_RT_OK);
  }
  ~Watched() { burin_rt_image_unload(image_); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  std::int64_t planned(const std::vector<std::int64_t>& sizes, std::int64_t workers) const {
    using Function = std::int64_t(const std::int64_t*, std::int64_t);
    auto* function = reinterpret_cast<Function*>(burin_rt_image_symbol(image_, "burin_planned"));
    REQUIRE(function);
    return function(sizes.data(), workers);
  }

  /// What a call without elements is refused for.
  std::string refusal(const std::vector<std::int64_t>& sizes) const {
    std::vector<void*> buffers(8);
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(1);
    CHECK(burin_rt_image_entry(image_)(buffers.data(), sizes.data(), ctx) == BURIN_RT_OUT_OF_MEMORY);
    std::string text = ctx->refused ? ctx->refused : "";
    burin_rt_ctx_release(ctx);
    return text;
  }

  /// Holds a call to its plan; its status.
  int run(const std::vector<HostTensor>& inputs, const std::vector<HostTensor>& results,
          const std::vector<std::int64_t>& sizes, std::uint32_t threads) {
    std::vector<void*> buffers;
    for (const HostTensor& t : inputs) buffers.push_back(const_cast<void*>(t.buffer.data()));
    for (const auto& blob : blobs_) buffers.push_back(const_cast<void*>(blob->value.buffer.data()));
    for (const HostTensor& t : results) buffers.push_back(const_cast<void*>(t.buffer.data()));
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(threads);
    const burin_rt_functions* ours = ctx->functions;
    burin_rt_functions watching = *ours;
    watching.arena = [](burin_rt_ctx*, std::int64_t bytes) -> void* {
      ++requests;
      asked = bytes;
      auto size = static_cast<std::size_t>((bytes + 63) / 64 * 64);
      memory = static_cast<unsigned char*>(std::aligned_alloc(64, size + guard));
      std::memset(memory, 0xff, size);
      std::memset(memory + bytes, 0xee, guard);
      return memory;
    };
    ctx->functions = &watching;
    requests = asked = 0;
    const rt::MemoryStats before = rt::memory_stats();
    const int status = burin_rt_image_entry(image_)(buffers.data(), sizes.data(), ctx);
    const rt::MemoryStats after = rt::memory_stats();
    ctx->functions = ours;
    burin_rt_ctx_release(ctx);
    CHECK(requests <= 1);  // of none where all sizes with names are 0
    CHECK(asked == planned(sizes, threads));
    CHECK(after.live_bytes == before.live_bytes);
    CHECK(after.system_allocations == before.system_allocations);
    if (requests > 0) {
      CHECK(std::all_of(memory + asked, memory + asked + guard, [](unsigned char c) { return c == 0xee; }));
      std::free(memory);
    }
    return status;
  }

 private:
  static constexpr std::size_t guard = 4096;
  static inline std::int64_t requests, asked;
  static inline unsigned char* memory;
  burin_rt_image* image_ = nullptr;
  std::vector<std::shared_ptr<const Constant>> blobs_;
};

std::vector<HostTensor> results_of(const Graph& graph, std::span<const DimBinding> bindings) {
  std::vector<HostTensor> results;
  for (const Output& output : graph.outputs()) {
    HostTensor t{graph.type(output.value), {}};
    for (std::size_t d = 0; d < t.type.shape.size(); ++d) t.type.shape[d] = substitute(t.type.shape[d], bindings);
    t.buffer = Buffer::allocate(t.num_bytes());
    results.push_back(std::move(t));
  }
  return results;
}

Result<std::vector<HostTensor>> run_watched(compiler::Options::Level level, std::uint32_t threads, OpKind kind,
                                            std::span<const HostTensor> inputs, const Attributes& attributes) {
  Builder b;
  std::vector<ValueId> operands;
  std::vector<TensorType> types;
  for (const HostTensor& input : inputs) {
    types.push_back(input.type);
    operands.push_back(b.argument(input.type));
  }
  if (auto inferred = infer_types(kind, {.operands = types, .attributes = attributes}); !inferred)
    return inferred.error();
  b.result(b.op(kind, operands, attributes));
  auto results = results_of(b.graph, {});
  if (int status = Watched(b.graph, level).run({inputs.begin(), inputs.end()}, results, {}, threads))
    return Error{ErrorCode::internal, "status " + std::to_string(status), "status", "", ""};
  return results;
}

/// Ops whose kernels work in memory of their own, over named sizes n and m.
std::vector<Graph> workers() {
  std::vector<Graph> graphs;
  const Dim n("n"), m("m");
  using Axes = std::vector<std::int64_t>;
  for (Dtype t : {f32, bf16, Dtype::f16}) {
    Builder product;
    product.result(product.op(OpKind::matmul, {product.argument({t, {n, m}}), product.argument({t, {m, n}})}));
    graphs.push_back(std::move(product.graph));
    Builder scatter;
    scatter.result(
        scatter.op(OpKind::scatter_add,
                   {scatter.argument({t, {n, m}}), scatter.argument({Dtype::i32, {2}}), scatter.argument({t, {2, m}})},
                   {std::int64_t{0}}));
    graphs.push_back(std::move(scatter.graph));
    Builder softmax;
    auto x = softmax.argument({t, {n, m}});
    auto e = softmax.op(OpKind::exp, {x});
    auto sum = softmax.op(OpKind::reduce_sum, {e}, {Axes{1}, true});
    softmax.result(softmax.op(OpKind::div, {e, softmax.op(OpKind::broadcast_to, {sum}, {std::vector<Dim>{n, m}})}));
    graphs.push_back(std::move(softmax.graph));
    Builder sums;
    sums.result(sums.op(OpKind::reduce_sum, {sums.argument({t, {n, m}})}, {Axes{0, 1}, false}));
    graphs.push_back(std::move(sums.graph));
  }
  return graphs;
}

}  // namespace

TEST_CASE("A call takes what was planned and its results: op records") {
  check_goldens(std::bind_front(run_watched, compiler::Options::Level::full, 2u));
}

TEST_CASE("A call takes what was planned and its results: named sizes and threads") {
  for (const Graph& graph : workers()) {
    Watched watched(graph, compiler::Options::Level::full);
    for (std::int64_t n : {0, 1, 5, 300})
      for (std::int64_t m : {0, 1, 70, 600})
        for (std::uint32_t threads : {1u, 3u}) {
          if (n == 0 && graph.inputs().size() == 3) continue;  // no row to add to
          const DimBinding bindings[] = {{"n", n}, {"m", m}};
          std::vector<HostTensor> inputs;
          for (const Input& input : graph.inputs()) {
            HostTensor t{graph.type(input.value), {}};
            for (std::size_t d = 0; d < t.type.shape.size(); ++d)
              t.type.shape[d] = substitute(t.type.shape[d], bindings);
            t.buffer = Buffer::allocate(t.num_bytes());
            if (t.num_bytes()) std::memset(t.buffer.mutable_data(), 0, static_cast<std::size_t>(t.num_bytes()));
            inputs.push_back(std::move(t));
          }
          std::vector<std::int64_t> sizes;
          for (const std::string& name : graph.size_names()) sizes.push_back(name == "n" ? n : m);
          INFO("n " << n << ", m " << m << "\n" << to_string(graph));
          CHECK(watched.run(inputs, results_of(graph, bindings), sizes, threads) == BURIN_RT_OK);
        }
  }
}

TEST_CASE("The gradient of a narrow gather takes memory by its result, however many rows and workers") {
  for (Dtype t : {bf16, Dtype::f16}) {
    Builder b;
    const std::int64_t rows = 1'000'000;
    b.result(b.op(OpKind::scatter_add,
                  {b.argument({t, {rows, 1}}), b.argument({Dtype::i32, {8}}), b.argument({t, {8, 1}})},
                  {std::int64_t{0}}));
    Watched watched(b.graph, compiler::Options::Level::full);
    for (std::int64_t workers : {1, 64}) CHECK(watched.planned({}, workers) == 4 * rows);
  }
}

TEST_CASE("A call whose workspace no memory holds is refused in the op's name before anything runs") {
  Builder b;
  b.graph.name = "empty";
  b.result(b.op(OpKind::matmul, {b.argument({bf16, {"n", "k"}}), b.argument({bf16, {"k", "n"}})}));
  REQUIRE(b.graph.size_names() == std::vector<std::string>{"n", "k"});
  Watched watched(b.graph, compiler::Options::Level::full);
  CHECK(watched.planned({0, 1000}, 2) == 2 * watched.planned({0, 1000}, 1));
  CHECK(watched.planned({0, std::int64_t{1} << 60}, 1) == -1);
  CHECK(watched.refusal({0, std::int64_t{1} << 60}) ==
        "matmul: no memory for the workspace of bf16[n,n]\nin \"empty\"");
}
