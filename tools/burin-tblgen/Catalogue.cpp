//===- Catalogue.cpp - reads and checks the op records -----------------------------------------------------------===//
// The one place that says what a field may hold. A field left out, an unknown word or a formula for an operand that is
// not there stops the build at the op's line, because everything generated relies on it.
#include "tools/burin-tblgen/Catalogue.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/TableGen/Error.h"

using namespace llvm;

namespace burin::tblgen {
namespace {

/// Checks one record; `failed` remembers whether anything was wrong.
class Reader {
public:
  Reader(const Record &record) : record(record) {}

  std::optional<OpDef> read();

private:
  void error(const Twine &message) {
    PrintError(record.getLoc(), "op '" + record.getValueAsString("opName") + "': " + message);
    failed = true;
  }
  std::string required(StringRef field);
  std::string oneOf(StringRef field, ArrayRef<StringRef> words);
  std::string orReason(StringRef field, ArrayRef<StringRef> words);
  void readArguments();
  void readWords(const Record &constraint);
  void readVariables(StringRef field, std::vector<Variable> &variables);
  void readDtypes();
  void readResultDtypes(StringRef text);
  std::optional<DtypeClass> dtypeClass(StringRef word);
  void readConstraints();
  void readReference();
  void readLowering();
  void readStructure();
  void readDerivative();
  void readEffects();
  void readDefaults();
  std::vector<std::pair<std::string, std::string>> formulas(StringRef field, StringRef text);

  const Record &record;
  OpDef op;
  bool failed = false;
};

std::string Reader::required(StringRef field) {
  const RecordVal *value = record.getValue(field);
  const auto *text = value ? dyn_cast<StringInit>(value->getValue()) : nullptr;
  if (!text || text->getValue().trim().empty()) {
    error("field '" + field + "' is missing");
    return "";
  }
  return text->getValue().trim().str();
}

std::string listText(ArrayRef<StringRef> words) {
  std::string text;
  for (auto [i, word] : enumerate(words))
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + ("'" + word + "'").str();
  return text;
}

std::string Reader::oneOf(StringRef field, ArrayRef<StringRef> words) {
  std::string text = required(field);
  if (!text.empty() && !is_contained(words, StringRef(text)))
    error("field '" + field + "' is '" + text + "'; expected " + listText(words));
  return text;
}

/// One of `words`, or `none: reason`.
std::string Reader::orReason(StringRef field, ArrayRef<StringRef> words) {
  std::string text = required(field);
  if (text.empty() || is_contained(words, StringRef(text))) return text;
  if (StringRef(text).starts_with("none:") && !StringRef(text).substr(5).trim().empty()) return text;
  error("field '" + field + "' is '" + text + "'; expected " + listText(words) + ", or 'none: ' and a reason");
  return text;
}

/// `name: expression; name: expression`. Semicolons separate, so an expression holds none.
std::vector<std::pair<std::string, std::string>> Reader::formulas(StringRef field, StringRef text) {
  std::vector<std::pair<std::string, std::string>> result;
  SmallVector<StringRef> parts;
  text.split(parts, ';', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [name, expression] = part.split(':');
    // `a::b` is not a name: the first colon must be a single one.
    if (expression.starts_with(":") || expression.trim().empty() || name.trim().empty()) {
      error("field '" + field + "' is not a list of 'name: expression': '" + part.trim() + "'");
      continue;
    }
    result.emplace_back(name.trim().str(), expression.trim().str());
  }
  return result;
}

void Reader::readVariables(StringRef field, std::vector<Variable> &variables) {
  const DagInit *dag = record.getValueAsDag(field);
  for (unsigned i = 0; i < dag->getNumArgs(); ++i) {
    const auto *def = dyn_cast<DefInit>(dag->getArg(i));
    std::string name = dag->getArgNameStr(i).str();
    if (!def || !def->getDef()->isSubClassOf("OpVariable")) {
      error("'" + name + "' in '" + field + "' has no documentation: write In<...>, Out<...> or Arg<...>");
      if (def && def->getDef()->isSubClassOf("TypeConstraint"))
        variables.push_back({name, "?"}); // so that what follows is not reported as well
      continue;
    }
    const Record *constraint = def->getDef()->getValueAsDef("constraint");
    if (!constraint->isSubClassOf("TypeConstraint")) continue;
    variables.push_back({name, def->getDef()->getValueAsString("summary").str(), constraint->isSubClassOf("Variadic"),
                         constraint->isSubClassOf("Optional")});
    if (variables.back().doc.empty()) error("'" + name + "' in '" + field + "' has an empty documentation");
  }
}

/// `word: documentation`, one for each value of the attribute that was read last.
void Reader::readWords(const Record &constraint) {
  AttributeDef &attribute = op.attributes.back();
  for (StringRef entry : constraint.getValueAsListOfStrings("words")) {
    auto [word, doc] = entry.split(':');
    word = word.trim(), doc = doc.trim();
    bool name = !word.empty() && !isDigit(word.front()) && all_of(word, [](char c) { return isAlnum(c) || c == '_'; });
    if (!name || doc.empty())
      error("attribute '" + attribute.name + "' has the value '" + entry + "'; expected 'word: documentation'");
    if (any_of(attribute.words, [&, w = word](const Label &l) { return l.label == w; }))
      error("attribute '" + attribute.name + "' has the value '" + word + "' twice");
    attribute.words.push_back({word.str(), doc.str()});
  }
  if (attribute.words.size() < 2) error("attribute '" + attribute.name + "' has less than two values");
}

void Reader::readArguments() {
  readVariables("arguments", op.operands);
  readVariables("results", op.results);
  for (size_t i = 0; i + 1 < op.operands.size(); ++i)
    if (op.operands[i].variadic) error("only the last operand may be variadic");
  for (size_t i = 0; i + 1 < op.operands.size(); ++i)
    if (op.operands[i].optional && !op.operands[i + 1].optional)
      error("'" + op.operands[i + 1].name + "' may not be left out, but '" + op.operands[i].name + "' before it may");
  const DagInit *dag = record.getValueAsDag("arguments");
  for (unsigned i = 0; i < dag->getNumArgs(); ++i) {
    const auto *def = dyn_cast<DefInit>(dag->getArg(i));
    if (!def || !def->getDef()->isSubClassOf("OpVariable")) continue; // reported above
    const Record *constraint = def->getDef()->getValueAsDef("constraint");
    if (constraint->isSubClassOf("TypeConstraint")) continue;
    std::string name = dag->getArgNameStr(i).str();
    if (!constraint->isSubClassOf("Burin_AttrKind")) {
      error("attribute '" + name + "' is not one of OpBase.td's (Burin_AxesAttr, ...)");
      continue;
    }
    op.attributes.push_back({name,
                             def->getDef()->getValueAsString("summary").str(),
                             constraint->getValueAsString("kind").str(),
                             constraint->getValueAsString("cpp").str(),
                             "",
                             {}});
    if (name == "present")
      error("an attribute 'present' is the record's own: it says which optional operands are there");
    if (constraint->isSubClassOf("Burin_EnumAttr")) readWords(*constraint);
    if (op.attributes.back().doc.empty()) error("attribute '" + name + "' has an empty documentation");
  }
  const DagInit *regions = record.getValueAsDag("regions");
  for (unsigned i = 0; i < regions->getNumArgs(); ++i) op.regions.push_back(regions->getArgNameStr(i).str());
}

std::optional<DtypeClass> Reader::dtypeClass(StringRef word) {
  DtypeClass result{word.str(), {}, true};
  if (word == "any")
    result.set = all_dtypes;
  else if (word == "numeric")
    result.set = numeric_dtypes;
  else if (word == "float")
    result.set = floating_dtypes;
  else if (word == "int")
    result.set = integer_dtypes;
  else if (word == "index")
    result = {word.str(), integer_dtypes, false};
  else if (word == "each")
    result = {word.str(), all_dtypes, false};
  else {
    if (auto dtype = parse_dtype(word)) return DtypeClass{word.str(), set_of(*dtype), false};
    error("field 'dtypes' names '" + word + "'; expected any, numeric, float, int, index, each or a dtype");
    return std::nullopt;
  }
  return result;
}

void Reader::readDtypes() {
  op.dtypes = required("dtypes");
  if (op.dtypes.empty()) return;
  auto [operands, result] = StringRef(op.dtypes).split("->");
  SmallVector<StringRef> words;
  operands.split(words, ',', -1, /*KeepEmpty=*/false);
  std::vector<DtypeClass> classes;
  for (StringRef word : words)
    if (!word.trim().empty()) {
      if (auto parsed = dtypeClass(word.trim()))
        classes.push_back(*parsed);
      else
        return;
    }
  if (classes.size() == 1) classes.resize(op.operands.size(), classes.front());
  if (classes.size() != op.operands.size())
    error("field 'dtypes' has " + Twine(classes.size()) + " classes for " + Twine(op.operands.size()) + " operands");
  op.operandDtypes = classes;

  readResultDtypes(result.trim());
}

/// `T, i64`: one for each result, or one for all.
void Reader::readResultDtypes(StringRef text) {
  if (text == "none") return;
  SmallVector<StringRef> words;
  (text.empty() ? StringRef("T") : text).split(words, ',');
  bool anyShared = any_of(op.operandDtypes, [](const DtypeClass &c) { return c.shared; });
  for (StringRef word : words) {
    word = word.trim();
    ResultDtype &result = op.resultDtypes.emplace_back();
    if (word == "T") {
      if (!op.results.empty() && !anyShared && !failed)
        error("field 'dtypes' gives no operand the shared dtype T: say the result's, '-> f32'");
    } else if (word == "attribute") {
      result.from = ResultDtype::From::attribute;
      if (none_of(op.attributes, [](const AttributeDef &a) { return a.kind == "dtype" || a.kind == "constant"; }))
        error("field 'dtypes' takes the result's from an attribute, but there is none of kind dtype or constant");
    } else if (auto dtype = parse_dtype(word)) {
      result = {ResultDtype::From::fixed, *dtype};
    } else {
      error("field 'dtypes' gives the result '" + word + "'; expected T, attribute, none or a dtype");
    }
  }
  if (op.resultDtypes.size() == 1) op.resultDtypes.resize(op.results.size(), op.resultDtypes.front());
  if (op.resultDtypes.size() != op.results.size())
    error("field 'dtypes' gives " + Twine(op.resultDtypes.size()) + " results a dtype, of " + Twine(op.results.size()));
}

void Reader::readConstraints() {
  const RecordVal *value = record.getValue("constraints_");
  const auto *list = value ? dyn_cast<ListInit>(value->getValue()) : nullptr;
  if (!list) return error("field 'constraints_' is missing; with 'unconstrained = 1' it is []");
  for (const Init *init : *list) {
    const Record *constraint = cast<DefInit>(init)->getDef();
    op.constraints.push_back({constraint->getValueAsString("label").str(), constraint->getValueAsString("text").str()});
  }
  if (op.constraints.empty() != record.getValueAsBit("unconstrained"))
    error(op.constraints.empty() ? "field 'constraints_' is [] without 'unconstrained = 1'"
                                 : "'unconstrained = 1' together with constraints");
}

void Reader::readReference() {
  op.reference = required("reference");
  op.shapeRule = required("shapeRule");
  if (op.reference.empty() || op.shapeRule.empty()) return;
  if (op.reference == "regions" || op.shapeRule == "regions") {
    op.regionOp = true;
    if (op.reference != op.shapeRule || op.regions.empty())
      error("'regions' stands in both 'shapeRule' and 'reference', and the op has regions");
    return;
  }
  StringRef reference = op.reference;
  if (reference.consume_front("kernel:")) {
    op.referenceIsKernel = true;
    op.reference = reference.trim().str();
    if (!StringRef(op.reference).starts_with("reference::"))
      error("field 'reference' names '" + op.reference + "'; expected 'kernel: reference::function'");
  }
  if (!StringRef(op.shapeRule).starts_with("shape_rules::"))
    error("field 'shapeRule' is '" + op.shapeRule + "'; expected 'shape_rules::function'");
  bool unknown = op.resultDtypes.empty() ? !failed : op.resultDtypes.front().from == ResultDtype::From::attribute;
  if (op.elementwise() && (op.results.size() != 1 || op.operands.empty() || unknown))
    error("an elementwise 'reference' needs operands and one result whose dtype follows from them");
  if (op.elementwise() && op.numOptional()) error("operands of an elementwise 'reference' may not be left out");
}

void Reader::readLowering() {
  std::string text = required("lowering");
  if (text.empty()) return;
  constexpr StringRef kinds[] = {"linalg", "loops", "library: name", "region", "host"};
  StringRef name = text;
  bool library = name.consume_front("library:");
  name = name.trim();
  auto inName = [](char c) { return isAlnum(c) || c == '_'; };
  if (text == "library" || (library && (name.empty() || isDigit(name.front()) || !all_of(name, inName))))
    return error("field 'lowering' is '" + text +
                 "'; expected 'library: name', where plan_name is a function of "
                 "compiler/codegen/plan");
  if (library || is_contained(kinds, StringRef(text))) {
    op.lowering.kind = library ? "library" : text;
    op.lowering.library = library ? name.str() : "";
    if (op.elementwise())
      error("field 'lowering' is '" + text + "', but 'reference' is elementwise: give builder expressions");
    return;
  }
  if (!StringRef(text).contains(':'))
    return error("field 'lowering' is '" + text + "'; expected " + listText(kinds) +
                 ", or 'float: builder expression; ...'");
  if (!op.elementwise()) error("field 'lowering' has builder expressions, but 'reference' is not elementwise");
  op.lowering.kind = "linalg";
  op.lowering.scalar = true;
  op.lowering.formulas = formulas("lowering", text);
  DtypeSet covered, needed;
  for (auto &[name, expression] : op.lowering.formulas) {
    DtypeSet set = StringSwitch<DtypeSet>(name)
                       .Case("float", floating_dtypes)
                       .Case("int", integer_dtypes)
                       .Case("signed", signed_dtypes)
                       .Case("unsigned", unsigned_dtypes)
                       .Case("bool", set_of(Dtype::boolean))
                       .Case("any", all_dtypes)
                       .Default({});
    if (set.empty())
      error("field 'lowering' has a case '" + name + "'; expected float, int, signed, unsigned, bool or any");
    covered = covered | set;
  }
  for (const DtypeClass &c : op.operandDtypes)
    if (c.shared) needed = needed | c.set;
  if (needed.empty() && !op.operandDtypes.empty()) needed = op.operandDtypes.front().set;
  if (DtypeSet gap = needed - covered; !gap.empty()) error("field 'lowering' says nothing about " + to_string(gap));
}

/// What an elementwise op needs not say.
void Reader::readStructure() {
  if (op.elementwise()) return;
  op.registers = oneOf("registers", {"yes", "no"}) == "yes";
  op.cheap = oneOf("cheap", {"yes", "no"}) == "yes";
  std::string inplace = required("inplace");
  if (inplace.empty() || inplace == "none") return;
  auto operand = find_if(op.operands, [&](const Variable &v) { return v.name == inplace; });
  if (operand == op.operands.end()) return error("field 'inplace' is '" + inplace + "', which is no operand");
  if (operand->optional) error("field 'inplace' is '" + inplace + "', which may be absent");
  op.inplace = static_cast<int>(operand - op.operands.begin());
}

void Reader::readDerivative() {
  std::string text = required("derivative");
  if (text.empty()) return;
  if (text == "custom" || text == "linear") {
    op.derivative.kind = text;
    return;
  }
  StringRef rest = text;
  bool hasFormula = !op.operands.empty() && text.find(op.operands.front().name + ":") == 0;
  if (!hasFormula && rest.consume_front("none:") && !rest.trim().empty()) {
    op.derivative = {"none", rest.trim().str(), {}};
    return;
  }
  op.derivative.kind = "formula";
  op.derivative.formulas = formulas("derivative", text);
  if (!op.elementwise())
    error("field 'derivative' has formulas, but 'reference' is not elementwise: use 'linear' or 'custom'");
  StringSet<> seen;
  for (auto &[name, expression] : op.derivative.formulas) {
    if (none_of(op.operands, [&, &n = name](const Variable &v) { return v.name == n; }))
      error("field 'derivative' has a formula for '" + name + "', which is no operand");
    seen.insert(name);
  }
  for (const Variable &operand : op.operands)
    if (!seen.contains(operand.name))
      error("field 'derivative' says nothing about '" + operand.name + "': a formula, or 'none'");
}

void Reader::readEffects() {
  std::string text = required("effects");
  if (text == "none" || text.empty()) return;
  constexpr StringRef words[] = {"may_fault", "print", "reads_state", "writes_state"};
  SmallVector<StringRef> parts;
  StringRef(text).split(parts, ',');
  for (StringRef part : parts) {
    if (!is_contained(words, part.trim()))
      error("field 'effects' names '" + part.trim() + "'; expected 'none' or a list of " + listText(words));
    op.effects.push_back(part.trim().str());
  }
}

void Reader::readDefaults() {
  SmallVector<StringRef> parts;
  record.getValueAsString("defaults").split(parts, ',', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) {
    auto [name, value] = part.split('=');
    auto found = find_if(op.attributes, [&, n = name.trim()](const AttributeDef &a) { return a.name == n; });
    if (found == op.attributes.end() || value.trim().empty())
      error("field 'defaults' has '" + part.trim() + "'; expected 'attribute = value'");
    else
      found->defaultValue = value.trim().str();
  }
  bool defaulted = false;
  for (const AttributeDef &attribute : op.attributes) {
    if (defaulted && attribute.defaultValue.empty())
      error("attribute '" + attribute.name + "' needs a default, since one before it has");
    defaulted |= !attribute.defaultValue.empty();
  }
}

std::optional<OpDef> Reader::read() {
  constexpr StringRef keywords[] = {"if", "while", "for", "and", "or", "not", "xor", "switch", "case", "default"};
  op.record = &record;
  op.mnemonic = record.getValueAsString("opName").str();
  op.enumerator = op.mnemonic + (is_contained(keywords, StringRef(op.mnemonic)) ? "_" : "");
  auto [buffer, line] = std::pair(SrcMgr.FindBufferContainingLoc(record.getLoc().front()), 0);
  op.family = sys::path::stem(SrcMgr.getMemoryBuffer(buffer)->getBufferIdentifier()).str();
  op.version = static_cast<int>(record.getValueAsInt("version"));
  op.summary = required("summary");
  op.description = record.getValueAsString("description").str();
  op.math = required("math");
  op.example = required("example");
  op.hidden = record.getValueAsBit("hidden");
  readArguments();
  readDtypes();
  readConstraints();
  readReference();
  readLowering();
  readStructure();
  readDerivative();
  readEffects();
  readDefaults();
  op.batching = orReason("batching", {"elementwise", "custom"});
  op.precision = oneOf("precision", {"half", "full", "follow", "accumulate"});
  op.fusion = oneOf("fusion", {"map", "reduce", "shape", "read", "heavy", "barrier"});
  // Of one result: the rules of frontend/rules give one.
  if (op.results.size() > 1 && (op.derivative.kind != "none" || !StringRef(op.batching).starts_with("none:")))
    error("an op of several results has no derivative and no batching yet: 'none: ' and a reason");
  if (!op.summary.empty() && op.summary.back() != '.') error("field 'summary' is one sentence and ends in a full stop");
  return failed ? std::nullopt : std::optional(std::move(op));
}

/// Ops that share an enumeration declare it alike.
bool sameWords(ArrayRef<OpDef> ops, const AttributeDef &attribute) {
  for (const OpDef &op : ops)
    for (const AttributeDef &other : op.attributes)
      if (!other.words.empty() && other.cpp == attribute.cpp && other.words != attribute.words) return false;
  return true;
}

} // namespace

std::optional<std::vector<OpDef>> readCatalogue(const RecordKeeper &records) {
  std::vector<const Record *> defs = records.getAllDerivedDefinitions("Burin_Op").vec();
  // In the order of the files, not of the names: docs read by family.
  llvm::sort(defs, [](const Record *a, const Record *b) { return a->getID() < b->getID(); });
  std::vector<OpDef> ops;
  StringSet<> mnemonics;
  bool failed = false;
  for (const Record *def : defs) {
    auto op = Reader(*def).read();
    if (!op) {
      failed = true;
      continue;
    }
    if (!mnemonics.insert(op->mnemonic).second) {
      PrintError(def->getLoc(), "op '" + op->mnemonic + "' is declared twice");
      failed = true;
    }
    for (const AttributeDef &attribute : op->attributes)
      if (!attribute.words.empty() && !sameWords(ops, attribute)) {
        PrintError(def->getLoc(), "op '" + op->mnemonic + "': '" + attribute.cpp + "' has other values than before");
        failed = true;
      }
    ops.push_back(std::move(*op));
  }
  if (failed) return std::nullopt;
  return ops;
}

std::string enumerator(Dtype dtype) {
  return dtype == Dtype::boolean ? "Dtype::boolean" : "Dtype::" + std::string(name(dtype));
}
std::string hostType(Dtype dtype) { return "host_type<" + enumerator(dtype) + ">"; }
std::string setText(DtypeSet set) { return "DtypeSet{" + std::to_string(set.mask) + "u}"; }

} // namespace burin::tblgen
