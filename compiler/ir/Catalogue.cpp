// What every catalogue op does the same way in MLIR: text form, effects, and one verifier that maps operand types and
// attributes back to the catalogue's own and calls the shape rule. No op is named here but those whose regions have types of their own.
#include "compiler/ir/Types.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace burin::ir {

const OpInfo *BurinDialect::info(OperationName name) const {
  auto it = infos.find(name.getAsOpaquePointer());
  return it == infos.end() ? nullptr : it->second;
}

void BurinDialect::indexCatalogue() {
  for (const OpInfo &info : catalogue()) {
    std::string name = "burin." + std::string(info.mnemonic);
    infos[OperationName(name, getContext()).getAsOpaquePointer()] = &info;
  }
}

const OpInfo *catalogueInfo(OperationName name) {
  auto *dialect = dyn_cast_or_null<BurinDialect>(name.getDialect());
  return dialect ? dialect->info(name) : nullptr;
}

unsigned numRegions(OperationName name) {
  const OpInfo *info = catalogueInfo(name);
  return info ? static_cast<unsigned>(info->num_regions) : 0;
}

// -- Text: burin.slice %x {starts = ...} : (tensor<4xf32>) -> tensor<2xf32> { regions } ------------------------------

ParseResult parseCatalogueOp(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(type) || parser.resolveOperands(operands, type.getInputs(), loc, state.operands))
    return failure();
  state.addTypes(type.getResults());
  for (unsigned i = 0; i < numRegions(state.name); ++i) {
    Region *region = state.addRegion();
    SmallVector<OpAsmParser::Argument> arguments;
    if (succeeded(parser.parseOptionalKeyword("with")) &&
        parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren, /*allowType=*/true))
      return failure();
    if (parser.parseRegion(*region, arguments)) return failure();
  }
  return success();
}

void printCatalogueOp(Operation *op, OpAsmPrinter &printer) {
  if (op->getNumOperands()) printer << ' ';
  printer.printOperands(op->getOperands());
  printer.printOptionalAttrDict(op->getAttrs());
  printer << " : (";
  llvm::interleaveComma(op->getOperandTypes(), printer);
  printer << ") -> ";
  if (op->getNumResults() == 1)
    printer << op->getResult(0).getType();
  else {
    printer << '(';
    llvm::interleaveComma(op->getResultTypes(), printer);
    printer << ')';
  }
  for (Region &region : op->getRegions()) {
    if (!region.empty() && region.getNumArguments()) {
      printer << " with (";
      llvm::interleaveComma(region.getArguments(), printer,
                            [&](BlockArgument argument) { printer.printRegionArgument(argument); });
      printer << ')';
    }
    printer << ' ';
    printer.printRegion(region, /*printEntryBlockArgs=*/false);
  }
}

// -- Effects -----------------------------------------------------------------------------------------------------------

void catalogueEffects(Operation *op, SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  const OpInfo *info = catalogueInfo(op);
  if (info && info->effects) effects.emplace_back(MemoryEffects::Write::get(), OrderResource::get());
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      if (const OpInfo *innerInfo = catalogueInfo(inner); innerInfo && innerInfo->effects && effects.empty())
        effects.emplace_back(MemoryEffects::Write::get(), OrderResource::get());
    });
}

// -- Verifier ----------------------------------------------------------------------------------------------------------

static LogicalResult sameTypes(Operation *op, mlir::TypeRange have, mlir::TypeRange want, const Twine &what) {
  if (have != want) return op->emitOpError(what);
  return success();
}

static LogicalResult verifyRegionOp(Operation *op, const OpInfo &info) {
  SmallVector<YieldOp> yields;
  for (Region &region : op->getRegions()) {
    if (!region.hasOneBlock() || region.front().empty() || !isa<YieldOp>(region.front().back()))
      return op->emitOpError("needs regions of one block that end in burin.yield");
    yields.push_back(cast<YieldOp>(region.front().back()));
  }
  auto isCondition = [](mlir::Type type) {
    auto ranked = dyn_cast<RankedTensorType>(type);
    return ranked && ranked.getRank() == 0 && ranked.getElementType().isInteger(1);
  };
  if (info.mnemonic == "if") {
    if (op->getNumOperands() != 1 || !isCondition(op->getOperand(0).getType()))
      return op->emitOpError("needs a bool[] condition");
    for (YieldOp yield : yields)
      if (failed(
              sameTypes(op, yield.getValues().getTypes(), op->getResultTypes(), "yields other types than its results")))
        return failure();
    return success();
  }
  if (info.mnemonic == "while") {
    SmallVector<mlir::Type> handed(yields[0].getValues().getTypes());
    if (handed.empty() || !isCondition(handed.front())) return op->emitOpError("test does not yield a bool[] first");
    return failure(failed(sameTypes(op, op->getRegion(0).getArgumentTypes(), op->getOperandTypes(),
                                    "test takes other types than the operands")) ||
                   failed(sameTypes(op, ArrayRef(handed).drop_front(), op->getResultTypes(),
                                    "test hands on other types than the results")) ||
                   failed(sameTypes(op, op->getRegion(1).getArgumentTypes(), op->getResultTypes(),
                                    "body takes other types than test hands on")) ||
                   failed(sameTypes(op, yields[1].getValues().getTypes(), op->getOperandTypes(),
                                    "body yields other types than it carries")));
  }
  return op->emitOpError("is a region op that this verifier does not know");
}

LogicalResult verifyCatalogueOp(Operation *op) {
  const OpInfo *info = catalogueInfo(op);
  if (!info) return op->emitOpError("is not in the catalogue");
  StringRef missing;
  auto attributes = toAttributes(op, *info, false, &missing);
  if (!attributes) return op->emitOpError("attribute '") << missing << "' is missing or of another kind";
  if (info->num_regions) return verifyRegionOp(op, *info);
  SmallVector<TensorType> operands;
  for (mlir::Type type : op->getOperandTypes()) {
    auto tensor = toTensorType(type);
    if (!tensor) return op->emitOpError("operand type ") << type << " is no burin tensor type";
    operands.push_back(*tensor);
  }
  std::vector<Guard> guards; // those that the rule needs were recorded with the graph
  auto types = infer_types(info->kind, ShapeQuery{operands, *attributes, &guards});
  if (!types) return op->emitOpError(types.error().message) << " [" << types.error().tag << "]";
  if (types->size() != op->getNumResults())
    return op->emitOpError("has ") << op->getNumResults() << " results, its shape rule gives " << types->size();
  for (auto [result, type] : llvm::zip(op->getResults(), *types))
    if (toTensorType(result.getType()) != type)
      return op->emitOpError("result type differs from the shape rule's ") << to_string(type);
  return success();
}

} // namespace burin::ir
