// fuse-kernels takes time that grows with the graph, not with its square: long graphs whose groups wait for each other.
#include "compiler/driver/ContextPool.h"
#include "compiler/ir/Import.h"
#include "passes/Passes.h"

#include "tests/support/graphs.h"

#include "mlir/Pass/PassManager.h"

#include <ctime>

using namespace burin;
using namespace burin::test;

namespace {

/// A training step of `layers` layers, as its gradient is recorded: what a layer makes is read again far behind.
Graph training_step(int layers) {
  Builder b;
  const TensorType matrix{f32, {8, 8}};
  const std::vector<std::int64_t> swapped{1, 0};
  auto transposed = [&](ValueId x) { return b.op(OpKind::transpose, {x}, {swapped}); };
  std::vector<ValueId> weights, made{b.argument(matrix)};
  for (int i = 0; i < layers; ++i) {
    weights.push_back(b.argument(matrix));
    made.push_back(b.op(OpKind::tanh, {b.op(OpKind::matmul, {made.back(), weights.back()})}));
  }
  const ValueId one = b.constant(scalar(1.0f)), rate = b.constant(scalar(0.1f));
  ValueId slope = b.op(OpKind::sub, {made.back(), one});
  for (int i = layers; i-- > 0;) {
    const ValueId y = made[static_cast<std::size_t>(i) + 1], w = weights[static_cast<std::size_t>(i)];
    slope = b.op(OpKind::mul, {slope, b.op(OpKind::sub, {one, b.op(OpKind::mul, {y, y})})});
    auto dw = b.op(OpKind::matmul, {transposed(made[static_cast<std::size_t>(i)]), slope});
    b.result(b.op(OpKind::sub, {w, b.op(OpKind::mul, {dw, rate})}));
    slope = b.op(OpKind::matmul, {slope, transposed(w)});
  }
  b.result(slope);
  return std::move(b.graph);
}

/// Seconds of the processor's time that the pass takes.
double seconds(const Graph& graph, bool explain) {
  compiler::LeasedContext context;
  ir::BlobTable blobs;
  auto module = ir::importGraph(graph, context.get(), blobs, {});
  mlir::PassManager manager(context.get());
  manager.enableVerifier(false);
  manager.addPass(passes::createFuseKernels({/*single=*/false, explain}));
  auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double before = now();
  REQUIRE(mlir::succeeded(manager.run(*module)));
  return now() - before;
}

}  // namespace

TEST_CASE("fuse-kernels takes about four times as long for four times as many layers") {
  for (bool explain : {false, true}) {
    seconds(training_step(100), explain);
    const double once = seconds(training_step(500), explain), four_times = seconds(training_step(2000), explain);
    INFO("500 layers " << once << " s, 2000 layers " << four_times << " s");
    CHECK(four_times < 12 * once);  // the square would be 16, the cube 64
  }
}
