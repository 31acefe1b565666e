//===- OpBase.td - fields that every op of the catalogue must fill ---------------------------------------------===//
// The one declaration of an op: MLIR's generators read the ODS part, burin-tblgen reads the fields below and refuses an
// op that leaves one out. Must not name a particular op. docs/adding-an-op.md is the recipe.
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
  let extraClassDeclaration = [{
    /// The catalogue's entry of an op by its name, or null.
    const ::burin::OpInfo *info(::mlir::OperationName name) const;
    void registerCatalogue();

   private:
    void indexCatalogue();
    ::llvm::DenseMap<const void *, const ::burin::OpInfo *> infos;

   public:
  }];
}

/// Operands and results: dense tensors; dims that are not numbers ride in the encoding (`#burin.dims`).
def Burin_Tensor : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">, "ranked tensor", "::mlir::RankedTensorType">;

// -- Operands and results: the text is the shape and meaning as docs print them, `[..., m, k]: the left factor` -----
class In<string doc> : Arg<Burin_Tensor, doc>;
class Ins<string doc> : Arg<Variadic<Burin_Tensor>, doc>;
/// One that may be left out, after all others: `const OptionalArg&`. The record, as everything below the public function, has
/// an attribute more, the last one, `present`: bit k stands for optional operand k (optional_operand in
/// runtime/ops/catalogue.h); absent ones are not among the operands. ODS' accessors know nothing of that: read operands by
/// number. An op with several has the trait SameVariadicOperandSize, which mlir-tblgen asks for.
class Opt<string doc> : Arg<Optional<Burin_Tensor>, doc>;
class Out<string doc> : Res<Burin_Tensor, doc>;
class Outs<string doc> : Res<Variadic<Burin_Tensor>, doc>;

// -- Attributes that an op may use. `kind` is the AttributeKind, `cpp` the parameter type of the public function ---
class Burin_AttrKind<string kind_, string cpp_> {
  string kind = kind_;
  string cpp = cpp_;
}
def Burin_IntAttr : SignlessIntegerAttrBase<I64, "an integer">, Burin_AttrKind<"i64", "std::int64_t"> {
  let returnType = "int64_t";
  let convertFromStorage = "$_self.getInt()";
}
def Burin_FloatAttr : FloatAttrBase<F64, "a number">, Burin_AttrKind<"f64", "double">;
def Burin_FlagAttr : Attr<CPred<"::llvm::isa<::mlir::BoolAttr>($_self)">, "true or false">, Burin_AttrKind<"boolean", "bool"> {
  let storageType = "::mlir::BoolAttr";
  let returnType = "bool";
  let convertFromStorage = "$_self.getValue()";
}
def Burin_TextAttr : StringBasedAttr<StrAttrPred, "a text">, Burin_AttrKind<"string", "std::string_view">;
/// One of some words, each `word: documentation`: `Burin_EnumAttr<"Side", ["left: ...", "right: ..."]>`. In C++ `enum class
/// Side` of burin/ops.h, which ops of the same enumeration share; everything below has the word, and refuses another.
class Burin_EnumAttr<string name, list<string> words_>
    : StringBasedAttr<StrAttrPred, "a word">, Burin_AttrKind<"string", name> {
  list<string> words = words_;
}
class Burin_IntListBase : Attr<CPred<"::llvm::isa<::mlir::DenseI64ArrayAttr>($_self)">, "a list of integers"> {
  let storageType = "::mlir::DenseI64ArrayAttr";
  let returnType = "::llvm::ArrayRef<int64_t>";
  let convertFromStorage = "$_self.asArrayRef()";
}
def Burin_IntsAttr : Burin_IntListBase, Burin_AttrKind<"i64_list", "const Ints&">;
/// An axis. The public function counts a negative one from the end; a recorded one never is negative.
def Burin_AxisAttr : SignlessIntegerAttrBase<I64, "an axis">, Burin_AttrKind<"i64", "Axis"> {
  let returnType = "int64_t";
  let convertFromStorage = "$_self.getInt()";
}
/// Axes of the first operand, likewise.
def Burin_AxesAttr : Burin_IntListBase, Burin_AttrKind<"i64_list", "const Axes&">;
def Burin_DtypeAttr : Attr<CPred<"::llvm::isa<::mlir::TypeAttr>($_self)">, "a dtype">, Burin_AttrKind<"dtype", "Dtype"> {
  let storageType = "::mlir::TypeAttr";
  let returnType = "::mlir::Type";
  let convertFromStorage = "$_self.getValue()";
}
/// Sizes: numbers or expressions over named sizes.
def Burin_DimListAttr : Attr<CPred<"::llvm::isa<::burin::ir::DimsAttr>($_self)">, "a list of sizes">,
                        Burin_AttrKind<"dim_list", "const Shape&"> {
  let storageType = "::burin::ir::DimsAttr";
  let returnType = "::burin::ir::DimsAttr";
  let convertFromStorage = "$_self";
}
def Burin_ConstantAttr : Attr<CPred<"::llvm::isa<::mlir::DenseElementsAttr, ::burin::ir::BlobAttr>($_self)">,
                              "elements, or the digest of a blob above 64 elements">, Burin_AttrKind<"constant", ""> {
  let storageType = "::mlir::Attribute";
  let returnType = "::mlir::Attribute";
  let convertFromStorage = "$_self";
}

/// Verifies through the catalogue: operand count, attributes, and the op's shape rule (compiler/ir/Catalogue.cpp).
def Burin_CatalogueOp : NativeOpTrait<"CatalogueOp"> { let cppNamespace = "::burin::ir"; }

/// One labelled constraint: the label is the tag of the error it gives, and is quoted by docs and tests. The labels
/// `dtype` and `dtype-mismatch` follow from the field `dtypes` and are not repeated.
class C<string label_, string text_> {
  string label = label_;
  string text = text_;
}

// Fusion roles, precision classes, batching, lowerings and effects are closed lists: the generator checks the spelling.
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

  // From ODS, required too: summary (one sentence, third person), arguments, results.
  int version = 1;                 // raised when the meaning changes; saved files carry it
  string math = ?;                 // the mathematics in one line: `y = e^x`
  string example = ?;              // C++ that is compiled and run by the tests
  list<C> constraints_ = ?;        // [] only together with `unconstrained = 1`
  bit unconstrained = 0;
  // `operands` or `operands -> result`. Operands: one class for all, or one each, `bool, any, any`. A class is `any
  // numeric float int` (operands of such classes share one dtype T), or `index bool` or a dtype (each by itself).
  // Result: `T` (the default), a dtype, `attribute` (the attribute of kind dtype or constant), `none`; one for each result,
  // `numeric -> T, i64`, or one for all. The public function gives several as a struct with the results' names.
  string dtypes = ?;
  string shapeRule = ?;            // C++ function in runtime/ops: `shape_rules::broadcast`; `regions`
  // Elementwise: a C++ expression over the operands' names, as double, wrapping integers or bool (runtime/ops/scalar.h).
  // Else `kernel: reference::function` (a function of runtime/ops) or `regions`.
  string reference = ?;
  // Elementwise: `float: e; int: e; signed: e; unsigned: e; bool: e; any: e` where e is C++ over the operands' names as
  // mlir::Values, `arith::AddFOp(a, b)` standing for the builder call, or a function of compiler/ops/ScalarOps.h
  // given as `scalar::function(s, a, b)`. Else `linalg`, `loops`, `region`, `host`, or `library: name` for a kernel of the
  // targets' own, which plan_name (compiler/codegen/plan) says as data; several ops may share one.
  string lowering = ?;
  // The next three are for ops that are not elementwise; those are `yes`, `no` and whatever the plan of the kernel finds.
  // Whether a kernel that keeps its values in registers can hold it, element by element, by LoopWriter::write_MNEMONIC
  // (codegen/loops/SmallLoop.cpp): `yes`, `no`.
  string registers = ?;
  string cheap = ?;                // no work worth a buffer that waits for a derivative: `yes`, `no`
  string inplace = ?;              // the operand that the result may be written over, by its kernel's loops; `none`
  // Elementwise: for each operand a C++ expression over g, the operands and y, linear in g: `a: g * b; b: g * a`; `none`
  // for an operand without one. Else `linear` (vjp is rules::vjp_MNEMONIC, jvp the op itself), `custom`
  // (rules::vjp_MNEMONIC and rules::jvp_MNEMONIC) or `none: reason`.
  string derivative = ?;
  string batching = ?;             // `elementwise`, `custom`, `none: reason`
  string effects = ?;              // `none`, or a list: `may_fault`, `print`, `reads_state`, `writes_state`
  string precision = ?;            // half, full, follow, accumulate
  // What fuse-kernels may do: `map`, `reduce`; `shape`: a view that begins a kernel of what is in memory; `read`: each element
  // of the result is one of an operand at another position, or a value, so every kernel that reads the result may read the
  // operands instead; `heavy` and `barrier`: kernels of their own.
  string fusion = ?;
  string defaults = "";            // of the public function's parameters: `axes = all_axes, keepdims = false`
  bit hidden = 0;                  // no public function is generated (region ops; composites wrap it)
}

#endif
