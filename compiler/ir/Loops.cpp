// See Loops.h.
#include "compiler/ir/Loops.h"

#include "compiler/ir/Types.h"

using namespace mlir;

namespace burin::ir {
namespace {

/// Ops that code generation can do element by element on registers (codegen/loops/SmallLoop.h).
bool isElementByElement(Operation *op, const OpInfo &info) {
  if (auto value = op->getAttr("value"); info.kind == OpKind::constant && !isa<DenseElementsAttr>(value)) return false;
  if (auto starts = op->getAttrOfType<DimsAttr>("starts"))
    for (unsigned i = 0; i < starts.size(); ++i)
      if (!starts.dim(i).is_known()) return false;
  switch (info.kind) {
#define BURIN_OP_FACTS(kind, registers, cheap, inplace)                                                                \
  case OpKind::kind:                                                                                                   \
    return registers;
#include "compiler/graph/OpFacts.inc" // generated
#undef BURIN_OP_FACTS
  }
  return false;
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
