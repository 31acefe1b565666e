// See SmallLoops.h. Constants that the loop reads go with it, so that code generation sees their values.
#include "passes/SmallLoops.h"

#include "compiler/ir/Loops.h"
#include "passes/MakeKernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace burin::passes {
namespace {
using namespace burin::ir;

void fuse(WhileOp loop, bool explain) {
  llvm::SetVector<Value> read(loop->operand_begin(), loop->operand_end());
  getUsedValuesDefinedAbove(loop->getRegions(), read);
  SmallVector<Operation *> constants, body;
  SmallVector<Value> inputs, results;
  for (Value value : read)
    if (auto constant = value.getDefiningOp<ConstantOp>())
      constants.push_back(constant);
    else
      inputs.push_back(value);
  for (Value result : loop->getResults())
    if (!result.use_empty()) results.push_back(result);
  SmallVector<Location> lines{loop.getLoc()};
  loop->walk([&](Operation *op) { lines.push_back(op->getLoc()); });
  for (Operation &op : loop->getRegion(1).front().without_terminator())
    if (!isa<ConstantOp>(op)) body.push_back(&op);

  OpBuilder b(loop);
  Location loc = FusedLoc::get(loop.getContext(), lines);
  std::string name = body.empty() ? "while" : "while_" + kernelName(body);
  SmallVector<Operation *> ops = constants;
  ops.push_back(loop);
  FusionOp fusion = makeKernel(b, loc, name, ops, inputs, results);
  for (auto [old, made] : llvm::zip(results, fusion->getResults())) old.replaceAllUsesWith(made);
  if (explain)
    fusion->emitRemark("kernel '") << name << "' is a whole loop, reads " << inputs.size() << " tensors and writes "
                                   << results.size();
  loop.erase();
}

} // namespace

void fuseSmallLoops(func::FuncOp function, bool explain) {
  SmallVector<WhileOp> small;
  function.walk<WalkOrder::PreOrder>([&](WhileOp loop) {
    std::string why = whyNotSmall(loop);
    if (why.empty()) {
      small.push_back(loop);
      return WalkResult::skip();
    }
    if (explain) loop.emitRemark("the host runs this loop, a kernel at a time: ") << why;
    return WalkResult::advance();
  });
  for (WhileOp loop : small) fuse(loop, explain);
}

} // namespace burin::passes
