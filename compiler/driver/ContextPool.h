// MLIR contexts, leased. A context is costly to make (dialects, pattern sets, type uniquing) and never forgets an attribute,
// so it is used again, by one compile at a time, and retired after a budget: memory stays flat however many compiles run.
#pragma once
#include "mlir/IR/MLIRContext.h"

#include <memory>

namespace burin::compiler {

/// Ops imported by a context until it is retired.
inline constexpr unsigned contextBudget = 20000;

class LeasedContext {
public:
  LeasedContext();
  ~LeasedContext();
  LeasedContext(const LeasedContext &) = delete;
  LeasedContext &operator=(const LeasedContext &) = delete;

  mlir::MLIRContext *get() const { return Context.get(); }
  mlir::MLIRContext *operator->() const { return Context.get(); }
  /// Says how much was put into the context.
  void spend(unsigned ops) { Spent += ops; }

private:
  std::unique_ptr<mlir::MLIRContext> Context;
  unsigned Spent = 0;
};

} // namespace burin::compiler
