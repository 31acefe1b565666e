//===- Catalogue.h - the catalogue as burin-tblgen sees it -------------------------------------------------------===//
// Reads the op records once, checks every field, and hands plain structs to the emitters. An emitter never looks at a
// TableGen record, and nothing here knows a particular op.
#pragma once
#include <burin/dtype.h>

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TableGen/Record.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace burin::tblgen {

/// One class of the `dtypes` field: `numeric` (shared: operands so marked have one dtype T), `index`, `bool`, `u32`.
struct DtypeClass {
  std::string spelling;
  DtypeSet set;
  bool shared = false;
};

struct Variable {
  std::string name;
  std::string doc;
  bool variadic = false;
  bool optional = false;
};

struct Label {
  std::string label, text;
  friend bool operator==(const Label &, const Label &) = default;
};

struct AttributeDef {
  std::string name;
  std::string doc;
  std::string kind;         ///< enumerator of burin::AttributeKind
  std::string cpp;          ///< parameter type of the public function
  std::string defaultValue; ///< of the public parameter; empty: none
  std::vector<Label> words; ///< of an enumerated one: what it may be; `cpp` is the C++ enumeration
};

/// Where a result's dtype comes from; `fixed` for From::fixed.
struct ResultDtype {
  enum class From { shared, fixed, attribute } from = From::shared;
  Dtype fixed = Dtype::f32;
};

/// How a field with several forms was written; `formulas` maps a dtype class or operand to its expression.
struct Lowering {
  bool scalar = false; ///< elementwise: `formulas` hold builder expressions by dtype class
  std::string kind;    ///< linalg, loops, library, region, host
  std::string library; ///< of `library`: which one
  std::vector<std::pair<std::string, std::string>> formulas;
};
struct Derivative {
  std::string kind;                                          ///< formula, linear, custom, none
  std::string reason;                                        ///< of `none`
  std::vector<std::pair<std::string, std::string>> formulas; ///< operand, expression or `none`
};

struct OpDef {
  const llvm::Record *record = nullptr;
  std::string mnemonic;
  std::string enumerator; ///< the mnemonic, with `_` appended where it is a C++ keyword
  std::string family;     ///< file that declares it: `Elementwise`
  int version = 1;
  std::string summary, description, math, example;
  std::vector<Variable> operands, results;
  std::vector<AttributeDef> attributes;
  std::vector<std::string> regions;
  std::vector<Label> constraints;
  std::vector<DtypeClass> operandDtypes; ///< one for each operand
  std::vector<ResultDtype> resultDtypes; ///< one for each result; none where regions say it
  std::string dtypes, shapeRule, reference, batching, precision, fusion;
  bool referenceIsKernel = false; ///< `reference` names a function
  bool regionOp = false;          ///< shape rule and reference are `regions`
  Lowering lowering;
  bool registers = true, cheap = false;
  int inplace = -1; ///< the operand's number
  Derivative derivative;
  std::vector<std::string> effects;
  bool hidden = false;

  bool elementwise() const { return !referenceIsKernel && !regionOp; }
  bool variadic() const { return !operands.empty() && operands.back().variadic; }
  /// So many operands, the last ones, may be absent.
  size_t numOptional() const {
    return static_cast<size_t>(llvm::count_if(operands, [](const Variable &v) { return v.optional; }));
  }
};

/// Every op, checked. Prints each mistake at its record and returns nullopt if there was one.
std::optional<std::vector<OpDef>> readCatalogue(const llvm::RecordKeeper &records);

/// How generated code says a dtype (`boolean` is the only one that is not spelled as in texts), and its C++ type.
std::string enumerator(Dtype dtype);
std::string hostType(Dtype dtype);
/// A set as a template argument or initialiser.
std::string setText(DtypeSet set);

// The emitters, one a generated file; each prints the whole file.
void emitOpKinds(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitOpTables(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitReferenceKernels(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitScalarBodies(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitLoopLowerings(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitLinalgLowerings(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitLibraryLowerings(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitRegisterLowerings(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitOpFacts(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitOpsHeader(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitOpsSource(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitRules(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitExamples(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);
void emitDocs(llvm::ArrayRef<OpDef> ops, llvm::raw_ostream &os);

} // namespace burin::tblgen
