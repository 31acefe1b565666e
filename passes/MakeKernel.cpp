// See MakeKernel.h.
#include "passes/MakeKernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace burin::passes {

std::string kernelName(ArrayRef<Operation *> ops) {
  std::string name;
  unsigned count = 0;
  for (Operation *op : ops) {
    StringRef mnemonic = op->getName().stripDialect();
    if (++count > 4) continue;
    if (!name.empty()) name += "_";
    name += mnemonic;
  }
  if (count > 4) name += "_and_" + std::to_string(count - 4) + "_more";
  return name;
}

ir::FusionOp makeKernel(OpBuilder &b, Location loc, StringRef name, ArrayRef<Operation *> ops, ArrayRef<Value> inputs,
                        ArrayRef<Value> results) {
  OperationState state(loc, ir::FusionOp::getOperationName());
  state.addAttribute("name", b.getStringAttr(name));
  state.addOperands(inputs);
  for (Value result : results) state.addTypes(result.getType());
  state.addRegion();
  auto kernel = cast<ir::FusionOp>(b.create(state));
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&kernel->getRegion(0));
  IRMapping map;
  for (Value input : inputs) map.map(input, block->addArgument(input.getType(), input.getLoc()));
  for (Operation *op : ops) b.clone(*op, map);
  SmallVector<Value> yields;
  for (Value result : results) yields.push_back(map.lookup(result));
  ir::YieldOp::create(b, loc, yields);
  return kernel;
}

} // namespace burin::passes
