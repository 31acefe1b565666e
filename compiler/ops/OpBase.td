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
  let hasConstantMaterializer = 1;
}

/// One labelled constraint: the label is the tag of the error it gives, and is quoted by docs and tests.
class C<string label_, string text_> {
  string label = label_;
  string text = text_;
}

// Fusion roles, precision classes, lowerings and effects are closed lists: the generator checks the spelling.
class Burin_Op<string mnemonic, list<Trait> traits = []> : Op<Burin_Dialect, mnemonic, traits> {
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
