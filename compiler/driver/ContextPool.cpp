// MLIR contexts, leased.
#include "compiler/driver/ContextPool.h"

#include "compiler/codegen/plan/Kernel.h"
#include "compiler/ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <mutex>
#include <vector>

namespace burin::compiler {
namespace {

struct Pool {
  struct Entry {
    std::unique_ptr<mlir::MLIRContext> context;
    unsigned spent;
  };
  std::mutex mutex;
  std::vector<Entry> idle;
};

Pool &pool() {
  static Pool instance;
  return instance;
}

} // namespace

LeasedContext::LeasedContext() {
  {
    std::lock_guard lock(pool().mutex);
    if (!pool().idle.empty()) {
      Context = std::move(pool().idle.back().context);
      Spent = pool().idle.back().spent;
      pool().idle.pop_back();
      return;
    }
  }
  // One compile is one thread; several compiles take several contexts.
  Context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
  Context->printOpOnDiagnostic(false); // nobody reads it, and each remark would print the whole module for it
  Context->loadDialect<ir::BurinDialect, ir::host::BurinHostDialect, mlir::func::FuncDialect, mlir::scf::SCFDialect>();
  codegen::loadPlanDialects(*Context);
}

LeasedContext::~LeasedContext() {
  if (Spent >= contextBudget) return;
  std::lock_guard lock(pool().mutex);
  pool().idle.push_back({std::move(Context), Spent});
}

} // namespace burin::compiler
