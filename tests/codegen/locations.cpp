// No pass loses the user's lines: every op of a graph has one, and so has every launch, kernel op and copy at the end.
#include "compiler/driver/ContextPool.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/Pipeline.h"
#include "compiler/ir/Import.h"
#include "passes/Passes.h"

#include "tests/support/graphs.h"

#include "mlir/Pass/PassManager.h"

using namespace burin;
using namespace burin::test;

TEST_CASE("Every pass keeps the lines that the user wrote") {
  Builder b;
  auto at = [&](std::uint32_t line) { b.line = b.graph.intern_line({"model.cpp", "forward", line, 3}); };
  auto x = b.argument({f32, {4, 8}}), w = b.argument({f32, {8, 8}});
  at(10);
  auto h = b.op(OpKind::matmul, {x, w});
  at(11);
  auto e = b.op(OpKind::exp, {h}), twice = b.op(OpKind::exp, {h});
  at(12);
  auto sum = b.op(OpKind::add, {e, twice});
  at(13);
  b.result(b.op(OpKind::reduce_sum, {sum}, {std::vector<std::int64_t>{1}, false}));
  at(14);
  b.result(b.op(OpKind::transpose, {sum}, {std::vector<std::int64_t>{1, 0}}));
  at(15);
  b.op(OpKind::print, {x}, {std::string("x")});

  for (auto level : {compiler::Options::Level::full, compiler::Options::Level::no_fuse}) {
    compiler::LeasedContext context;
    codegen::PlannedKernels kernels;
    ir::BlobTable blobs;
    auto module = ir::importGraph(b.graph, context.get(), blobs);
    compiler::Options options;
    options.level = level;
    for (auto& pass : compiler::makePipeline(options, false, nullptr, kernels)) {
      std::string name = pass->getArgument().str();
      mlir::PassManager manager(context.get());
      manager.addPass(std::move(pass));
      REQUIRE(succeeded(manager.run(*module)));
      int ops = 0;
      module->walk([&](mlir::Operation* op) {
        bool structure = mlir::isa<mlir::ModuleOp, mlir::func::FuncOp, mlir::func::ReturnOp, ir::host::SlotOp>(op);
        bool within =
            name == "lower-to-linalg" || name == "plan-memory";  // constants and indices of kernels stand for no line
        if (structure || (within && !ir::catalogueInfo(op) && !mlir::isa<ir::host::LaunchOp, ir::host::PrintOp>(op)))
          return;
        ++ops;
        INFO(name << ": " << op->getName().getStringRef().str());
        CHECK(compiler::sourceLine(op->getLoc()).line >= 10);
      });
      INFO(name);
      CHECK(ops >= 2);
    }
  }
}
