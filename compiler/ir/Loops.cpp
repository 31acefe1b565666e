// See Loops.h.
#include "compiler/ir/Loops.h"

#include "compiler/ir/Types.h"
#include "compiler/ops/ScalarOps.h"

using namespace mlir;

namespace burin::ir {
namespace {

/// Ops that code generation can do element by element on registers (codegen/loops/SmallLoop.h).
bool isElementByElement(Operation *op, const OpInfo &info) {
  if (scalarEmitter(info.kind)) return true;
  switch (info.kind) {
  case OpKind::cast:
  case OpKind::iota:
  case OpKind::broadcast_to:
  case OpKind::reshape:
  case OpKind::transpose:
  case OpKind::reduce_sum:
  case OpKind::reduce_max:
  case OpKind::if_:
  case OpKind::while_:
    return true;
  case OpKind::constant:
    return isa<DenseElementsAttr>(op->getAttr("value"));
  case OpKind::slice: {
    auto starts = cast<DimsAttr>(op->getAttr("starts"));
    for (unsigned i = 0; i < starts.size(); ++i)
      if (!starts.dim(i).is_known()) return false;
    return true;
  }
  default:
    return false;
  }
}

std::string whyNotSmall(mlir::Type type) {
  if (smallElements(type)) return {};
  auto tensor = toTensorType(type);
  return "it has a value of type " + (tensor ? to_string(*tensor) : std::string("?")) + ", and registers hold 1 to " +
         std::to_string(maxSmallElements) + " elements";
}

} // namespace

bool mayExceedBound(Operation *loop) {
  auto certain = loop->getAttrOfType<BoolAttr>("certain");
  return cast<DimsAttr>(loop->getAttr("max_trips")).size() != 0 && !(certain && certain.getValue()) &&
         loop->hasAttr(opAttrName);
}

std::optional<std::int64_t> smallElements(mlir::Type type) {
  auto tensor = toTensorType(type);
  if (!tensor || !tensor->shape.is_static()) return std::nullopt;
  std::int64_t count = tensor->shape.num_elements().value();
  return count >= 1 && count <= maxSmallElements ? std::optional(count) : std::nullopt;
}

std::string whyNotSmall(WhileOp loop) {
  std::string why;
  std::int64_t scalars = 0;
  auto look = [&](mlir::Type type) {
    if (why.empty()) why = whyNotSmall(type);
  };
  loop->walk([&](Operation *op) {
    if (isa<YieldOp>(op)) return WalkResult::advance();
    const OpInfo *info = catalogueInfo(op);
    if (!info || !isElementByElement(op, *info))
      why = ("its '" + op->getName().stripDialect() + "' is not computed element by element").str();
    for (Value operand : op->getOperands()) look(operand.getType());
    for (Value result : op->getResults()) look(result.getType());
    for (Region &region : op->getRegions())
      for (Value argument : region.getArguments()) look(argument.getType());
    if (!why.empty()) return WalkResult::interrupt();
    for (Value v : isa<ConstantOp>(op) ? ValueRange() : ValueRange(op->getResults()))
      scalars += *smallElements(v.getType());
    // A reduction combines as many as it reads.
    if (info->fusion == FusionRole::reduce) scalars += *smallElements(op->getOperand(0).getType());
    return WalkResult::advance();
  });
  if (why.empty() && scalars > maxSmallLoopOps)
    why = "it has " + std::to_string(scalars) + " scalar ops, more than " + std::to_string(maxSmallLoopOps);
  return why;
}

} // namespace burin::ir
