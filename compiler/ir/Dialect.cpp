// Registration of both dialects, their attributes' text form, and the ops that are not in the catalogue.
#include "compiler/ir/Dialect.h"

#include "compiler/ir/Types.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;

#include "compiler/ir/BurinDialect.cpp.inc"
#include "compiler/ir/BurinHostDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/BurinAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/BurinHostTypes.cpp.inc"

#define GET_OP_CLASSES
#include "compiler/ir/IROps.cpp.inc"
#define GET_OP_CLASSES
#include "compiler/ir/HostOps.cpp.inc"

namespace burin::ir {

void BurinDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "compiler/ir/BurinAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/IROps.cpp.inc"
      >();
  registerCatalogue(); // CatalogueOps.cpp
}

// -- Attributes ----------------------------------------------------------------------------------------------------

DimsAttr DimsAttr::get(MLIRContext *context, ArrayRef<Dim> dims) {
  SmallVector<int64_t> words;
  for (Dim dim : dims) words.push_back(dim.word());
  return get(context, words);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  for (unsigned i = 0; i < size(); ++i) {
    if (i) printer << ", ";
    if (dim(i).is_known())
      printer << dim(i).value();
    else
      printer << '"' << to_string(dim(i)) << '"';
  }
  printer << "]>";
}

mlir::Attribute DimsAttr::parse(AsmParser &parser, mlir::Type) {
  SmallVector<int64_t> words;
  auto element = [&]() -> ParseResult {
    std::string text;
    SMLoc loc = parser.getCurrentLocation();
    if (succeeded(parser.parseOptionalString(&text))) {
      auto dim = parse_dim(text);
      if (!dim) return parser.emitError(loc, "not a size expression: ") << text;
      words.push_back(dim->word());
      return success();
    }
    int64_t number;
    if (parser.parseInteger(number)) return failure();
    if (number < 0) return parser.emitError(loc, "a size is not negative");
    words.push_back(number);
    return success();
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, element) ||
      parser.parseGreater())
    return {};
  return DimsAttr::get(parser.getContext(), words);
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, mlir::Type,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != size()) return emitError() << "#burin.dims has " << size() << " sizes for rank " << shape.size();
  for (auto [i, extent] : llvm::enumerate(shape))
    if (ShapedType::isDynamic(extent) ? dim(i).is_known() : dim(i).word() != extent)
      return emitError() << "#burin.dims differs from the shape in dim " << i;
  return success();
}

void BlobAttr::print(AsmPrinter &printer) const {
  printer << "<\"" << llvm::format_hex_no_prefix(getHigh(), 16) << llvm::format_hex_no_prefix(getLow(), 16)
          << "\" : " << getType() << '>';
}

mlir::Attribute BlobAttr::parse(AsmParser &parser, mlir::Type) {
  std::string digest;
  RankedTensorType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&digest) || parser.parseColon() || parser.parseType(type) ||
      parser.parseGreater())
    return {};
  uint64_t high, low;
  if (digest.size() != 32 || StringRef(digest).take_front(16).getAsInteger(16, high) ||
      StringRef(digest).drop_front(16).getAsInteger(16, low)) {
    parser.emitError(loc, "a blob's digest is 32 hexadecimal digits");
    return {};
  }
  return BlobAttr::get(parser.getContext(), high, low, type);
}

// -- fusion and launch ----------------------------------------------------------------------------------------------

ParseResult FusionOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  auto element = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()) || parser.parseColonType(arguments.back().type));
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAttribute(name, "name", state.attributes) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, element) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) || parser.parseOptionalArrowTypeList(state.types))
    return failure();
  SmallVector<mlir::Type> types;
  for (auto &argument : arguments) types.push_back(argument.type);
  return failure(parser.resolveOperands(operands, types, loc, state.operands) ||
                 parser.parseRegion(*state.addRegion(), arguments));
}

void FusionOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getNameAttr() << '(';
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInputs()), printer, [&](auto pair) {
    auto [argument, operand] = pair;
    printer << argument << " = " << operand << " : " << operand.getType();
  });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"name"});
  printer.printOptionalArrowTypeList(getResultTypes());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult FusionOp::verify() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("has block arguments of other types than its operands");
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getValues().getTypes() != getResultTypes())
    return emitOpError("does not yield values of its result types");
  return success();
}

void LaunchOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (getMayFault()) effects.emplace_back(MemoryEffects::Write::get(), OrderResource::get());
}

// -- host ------------------------------------------------------------------------------------------------------------

namespace host {
void BurinHostDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "compiler/ir/BurinHostTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "compiler/ir/HostOps.cpp.inc"
      >();
}
} // namespace host

} // namespace burin::ir
