//===- OpBase.td - fields that every op of the catalogue must fill ---------------------------------------------===//
// The one declaration of an op: MLIR's generators read the ODS part, burin-tblgen reads the fields below and refuses an
// op that leaves one out. Must not name a particular op.
#ifndef BURIN_OPS_OPBASE_TD
#define BURIN_OPS_OPBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Burin_Dialect : Dialect {
  let name = "burin";
  let cppNamespace = "::burin::ir";
  let summary = "The Graph's twin in MLIR: whole tensors, catalogue ops, regions for control flow.";
  let useDefaultAttributePrinterParser = 1;
  // Catalogue ops are handled by generic code over attribute dictionaries; properties would add code per op for nothing.
  let usePropertiesForAttributes = 0;
}

/// Operands and results: dense tensors; dims that are not numbers ride in the encoding (`#burin.dims`).
def Burin_Tensor : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">, "ranked tensor", "::mlir::RankedTensorType">;

// The attribute constraints that an op may use, one for each AttributeKind: burin-tblgen maps their def names
// (I64Attr F64Attr BoolAttr Burin_DtypeAttr StrAttr DenseI64ArrayAttr Burin_DimListAttr Burin_ConstantAttr).
def Burin_DtypeAttr : Attr<CPred<"::llvm::isa<::mlir::TypeAttr>($_self)">, "a dtype"> {
  let storageType = "::mlir::TypeAttr";
  let returnType = "::mlir::Type";
  let convertFromStorage = "$_self.getValue()";
}
def Burin_DimListAttr : Attr<CPred<"::llvm::isa<::burin::ir::DimsAttr>($_self)">, "a list of sizes"> {
  let storageType = "::burin::ir::DimsAttr";
  let returnType = "::burin::ir::DimsAttr";
  let convertFromStorage = "$_self";
}
def Burin_ConstantAttr : Attr<CPred<"::llvm::isa<::mlir::DenseElementsAttr, ::burin::ir::BlobAttr>($_self)">,
                              "elements, or the digest of a blob above 64 elements"> {
  let storageType = "::mlir::Attribute";
  let returnType = "::mlir::Attribute";
  let convertFromStorage = "$_self";
}

/// Verifies through the catalogue: operand count, attributes, and the op's shape rule (compiler/ir/Catalogue.cpp).
def Burin_CatalogueOp : NativeOpTrait<"CatalogueOp"> { let cppNamespace = "::burin::ir"; }

/// One labelled constraint: the label is the tag of the error it gives, and is quoted by docs and tests.
class C<string label_, string text_> {
  string label = label_;
  string text = text_;
}

// Fusion roles, precision classes, lowerings and effects are closed lists: the generator checks the spelling.
class Burin_Op<string mnemonic, list<Trait> traits = []>
    : Op<Burin_Dialect, mnemonic, !listconcat([Burin_CatalogueOp, MemoryEffectsOpInterface], traits)> {
  // The MLIR side is the same for every op: text form, effects and verifier come from the catalogue.
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$types, "::mlir::ValueRange":$operands,
                             CArg<"::llvm::ArrayRef<::mlir::NamedAttribute>", "{}">:$attributes), [{
    $_state.addTypes(types);
    $_state.addOperands(operands);
    $_state.addAttributes(attributes);
    for (unsigned i = 0; i < ::burin::ir::numRegions($_state.name); ++i)
      $_state.addRegion();
  }]>];
  let extraClassDeclaration = [{
    static ::mlir::ParseResult parse(::mlir::OpAsmParser &parser, ::mlir::OperationState &state) {
      return ::burin::ir::parseCatalogueOp(parser, state);
    }
    void print(::mlir::OpAsmPrinter &printer) { ::burin::ir::printCatalogueOp(*this, printer); }
    void getEffects(::llvm::SmallVectorImpl<::mlir::MemoryEffects::EffectInstance> &effects) {
      ::burin::ir::catalogueEffects(*this, effects);
    }
  }];

  int version = 1;                 // raised when the meaning changes; saved files carry it
  string math = ?;                 // the mathematics in one line: `y = e^x`
  string example = ?;              // C++ that is compiled and run by the tests
  list<C> constraints_ = ?;        // [] only together with `unconstrained = 1`
  bit unconstrained = 0;
  string dtypes = ?;               // labels of the operands' dtypes, as docs print them: `f32|f64|bf16`
  string shapeRule = ?;            // C++ function in runtime/ops: `shape_rules::broadcast`
  string reference = ?;            // an expression over a, b, c (elementwise) or `kernel: reference::function`
  string lowering = ?;             // `arith: ...`/`math: ...` builders (elementwise), `linalg`, `loops`, `library`, `region`, `host`
  string derivative = ?;           // formulas in terms of g, operands and result; `custom`; `linear`; `none: reason`
  string batching = ?;             // `elementwise`, `custom`, `none: reason`
  string effects = ?;              // `none`, or a list: `may_fault`, `print`, `reads_state`, `writes_state`
  string precision = ?;            // half, full, follow, accumulate
  string fusion = ?;               // map, reduce, shape, heavy, barrier
  bit hidden = 0;                  // no public function is generated (region ops; composites wrap it)
}

#endif
