//===- EmitFrontend.cpp - burin/ops.h with its documentation, and the functions' bodies --------------------------===//
// The public functions are exactly the catalogue's ops that are not hidden. Their form is STYLE's for public functions;
// frontend/include/burin/arg.h says what Arg, Args, Axis, Axes and Ints take.
#include "tools/burin-tblgen/Catalogue.h"
#include "tools/burin-tblgen/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace burin::tblgen {
namespace {

/// `TopKResults` for the results of top_k.
std::string resultsType(const OpDef &op) {
  std::string name;
  SmallVector<StringRef> parts;
  StringRef(op.mnemonic).split(parts, '_', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts) name += toUpper(part.front()) + part.substr(1).str();
  return name + "Results";
}

std::string resultType(const OpDef &op) {
  return op.results.empty() ? "void" : op.results.size() == 1 ? "Tensor" : resultsType(op);
}

/// The function's parameters, with defaults in the header only: what has to be given, then what may be left out.
std::string parameters(const OpDef &op, bool withDefaults) {
  std::vector<std::string> parts;
  auto addAttributes = [&](bool defaulted) {
    for (const AttributeDef &attribute : op.attributes)
      if (attribute.defaultValue.empty() != defaulted)
        parts.push_back(attribute.cpp + " " + attribute.name +
                        (withDefaults && defaulted ? " = " + attribute.defaultValue : ""));
  };
  for (const Variable &operand : op.operands)
    if (!operand.optional) parts.push_back((operand.variadic ? "const Args& " : "const Arg& ") + operand.name);
  addAttributes(false);
  for (const Variable &operand : op.operands)
    if (operand.optional) parts.push_back("const OptionalArg& " + operand.name + (withDefaults ? " = {}" : ""));
  addAttributes(true);
  // An operand carries the caller's line; an op without operands asks for it.
  if (op.operands.empty())
    parts.push_back(withDefaults ? "std::source_location where = std::source_location::current()"
                                 : "std::source_location where");
  return join(parts, ", ");
}

std::string operandDtypes(const DtypeClass &c) { return c.set == all_dtypes ? "any" : to_string(c.set); }

std::string resultDtype(const OpDef &op, size_t i) {
  if (i >= op.resultDtypes.size()) return "";
  switch (op.resultDtypes[i].from) {
  case ResultDtype::From::shared: {
    size_t shared = 0;
    for (const DtypeClass &c : op.operandDtypes) shared += c.shared;
    return shared == 1 ? "the operand's dtype" : "the operands' dtype";
  }
  case ResultDtype::From::fixed:
    return std::string(name(op.resultDtypes[i].fixed));
  case ResultDtype::From::attribute:
    return "`dtype`";
  }
  return "";
}

/// The C++ types that the op brings: an enumeration that no op before it had, the results where there are several.
void declareTypes(const OpDef &op, StringSet<> &declared, raw_ostream &os) {
  for (const AttributeDef &attribute : op.attributes) {
    if (attribute.words.empty() || !declared.insert(attribute.cpp).second) continue;
    os << wrapped("What `" + attribute.name + "` of " + op.mnemonic + " may be: " + attribute.doc + ".", "/// ")
       << "enum class " << attribute.cpp << " : std::uint8_t {\n";
    for (const Label &word : attribute.words) os << "  " << word.label << ",  ///< " << word.text << "\n";
    os << "};\n\n";
  }
  if (op.results.size() < 2) return;
  os << "/// What " << op.mnemonic << " gives.\nstruct " << resultsType(op) << " {\n";
  for (auto [i, result] : enumerate(op.results))
    os << wrapped(resultDtype(op, i) + ": " + result.doc, "  /// ") << "  Tensor " << result.name << ";\n";
  os << "};\n\n";
}

/// The words of the op's enumerations, as graphs have them.
void emitWords(const OpDef &op, StringSet<> &declared, raw_ostream &os) {
  for (const AttributeDef &attribute : op.attributes) {
    if (attribute.words.empty() || !declared.insert(attribute.cpp).second) continue;
    os << "static std::string word_of(" << attribute.cpp << " x) {\n  switch (x) {\n";
    for (const Label &word : attribute.words)
      os << "    case " << attribute.cpp << "::" << word.label << ": return " << quoted(word.label) << ";\n";
    os << "  }\n  return {};  // no value of it: the op's check tells\n}\n\n";
  }
}

void documentFunction(const OpDef &op, raw_ostream &os) {
  os << wrapped(op.summary, "/// ");
  os << wrapped("`" + op.math + "`", "/// ");
  if (!op.description.empty()) os << wrapped(op.description, "/// ");
  for (auto [operand, c] : zip_equal(op.operands, op.operandDtypes))
    os << wrapped(operand.name + ": " + operandDtypes(c) + " " + operand.doc +
                      (operand.optional ? "; may be left out" : ""),
                  "/// @param ");
  for (const AttributeDef &attribute : op.attributes)
    os << wrapped(attribute.name + ": " + attribute.doc, "/// @param ");
  if (op.results.size() == 1) os << wrapped(resultDtype(op, 0) + ": " + op.results.front().doc, "/// @return ");
  size_t shared = 0;
  for (const DtypeClass &c : op.operandDtypes) shared += c.shared;
  if (shared > 1) os << "/// Operands of several dtypes are promoted to one (docs/numerics.md).\n";
  if (!op.operands.empty()) os << "/// @throws InvalidArgument [dtype] for another dtype\n";
  for (const Label &label : op.constraints)
    os << wrapped("InvalidArgument [" + label.label + "] unless " + label.text, "/// @throws ");
  if (is_contained(op.effects, "may_fault"))
    os << "/// @throws DeviceError [fault] when the data breaks a rule that only the run can check\n";
  std::string derivative =
      op.derivative.kind == "none" ? "Not differentiable: " + op.derivative.reason : "Differentiable";
  os << wrapped(derivative + "; precision class `" + op.precision + "`.", "/// ");
  os << "/// @code\n";
  SmallVector<StringRef> lines;
  StringRef(op.example).split(lines, '\n');
  for (StringRef line : lines) os << "///   " << line.trim() << "\n";
  os << "/// @endcode\n";
}

/// The value of one attribute for the dispatch, from the public parameter.
std::string attributeValue(const OpDef &op, const AttributeDef &attribute) {
  // Axes count from the end of the first operand; an op without operands has only non-negative ones.
  std::string first = op.operands.empty() ? "" : op.operands.front().name;
  if (attribute.cpp == "Axis") {
    if (first.empty()) return attribute.name;
    if (op.operands.front().variadic) // the rule says what is wrong where there is none
      return first + ".list().empty() ? " + attribute.name + " : detail::axis_of(" + first + ".list().front(), " +
             attribute.name + ")";
    return "detail::axis_of(" + first + ", " + attribute.name + ")";
  }
  if (attribute.cpp == "const Axes&") return "detail::axes_of(" + first + ", " + attribute.name + ")";
  if (attribute.cpp == "const Ints&") return attribute.name + ".list()";
  if (attribute.cpp == "const Shape&")
    return "std::vector<Dim>(" + attribute.name + ".begin(), " + attribute.name + ".end())";
  if (!attribute.words.empty()) return "word_of(" + attribute.name + ")";
  if (attribute.cpp == "std::string_view") return "std::string(" + attribute.name + ")";
  return attribute.name;
}

/// Bit i: operand i shares the dtype T, so promotion concerns it. `~0u` stands for all of a variadic operand too.
std::string promotionMask(const OpDef &op) {
  uint32_t mask = 0;
  for (auto [i, c] : enumerate(op.operandDtypes))
    if (c.shared && !op.operands[i].optional) mask |= op.operands[i].variadic ? ~0u << i : 1u << i;
  return std::to_string(mask) + "u";
}

} // namespace

void emitOpsHeader(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("the public ops")
     << "// Every function runs at once on values, or is recorded where a trace is open. Thread-safe; a Tensor is "
        "immutable.\n"
        "#pragma once\n"
     << (any_of(ops, [](const OpDef &op) { return op.numOptional() > 0; }) ? "#include <burin/optional_arg.h>\n" : "")
     << "#include <burin/tensor.h>\n\n#include <source_location>\n#include <string_view>\n\nnamespace burin {\n";
  std::string family;
  StringSet<> declared;
  for (const OpDef &op : ops) {
    if (op.hidden) continue;
    if (op.family != family)
      os << "\n// ---- " << (family = op.family) << " " << std::string(110 - std::min<size_t>(family.size(), 100), '-')
         << "\n";
    os << "\n";
    declareTypes(op, declared, os);
    documentFunction(op, os);
    os << "BURIN_API " << resultType(op) << " " << op.mnemonic << "(" << parameters(op, true) << ");\n";
  }
  os << "\n}  // namespace burin\n";
}

void emitOpsSource(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("bodies of the public ops")
     << "// Included once, by frontend/record/ops.cpp, within namespace burin, after frontend/record/dispatch.h.\n\n";
  StringSet<> declared;
  for (const OpDef &op : ops) {
    if (op.hidden) continue;
    emitWords(op, declared, os);
    os << resultType(op) << " " << op.mnemonic << "(" << parameters(op, false) << ") {\n";
    std::vector<std::string> attributes, names;
    for (const AttributeDef &attribute : op.attributes)
      attributes.push_back("Attribute(" + attributeValue(op, attribute) + ")");
    for (const Variable &operand : op.operands)
      if (!operand.optional) names.push_back(operand.name);
    if (op.operands.empty()) os << "  SourceScope scope(where);\n";
    std::string operands = "{" + join(names, ", ") + "}", mask = promotionMask(op);
    if (op.numOptional()) {
      os << "  std::vector<Arg> operands" << operands << ";\n  std::int64_t present = 0;\n"
         << "  detail::PromotionMask mask = " << mask << ";\n";
      for (auto [i, operand] : enumerate(ArrayRef(op.operands).drop_front(names.size()))) {
        os << "  if (" << operand.name << ") {\n    present |= " << (1 << i) << ";\n";
        if (op.operandDtypes[names.size() + i].shared) os << "    mask |= 1u << operands.size();\n";
        os << "    operands.push_back(*" << operand.name << ");\n  }\n";
      }
      attributes.push_back("Attribute(present)");
      operands = "operands";
      mask = "mask";
    } else if (op.variadic() && op.operands.size() == 1) {
      operands = op.operands.front().name + ".list()";
    } else if (op.variadic()) {
      // Fixed operands come first; the last parameter holds the rest.
      names.pop_back();
      os << "  std::vector<Arg> operands{" << join(names, ", ")
         << "};\n  for (const Arg& arg : " << op.operands.back().name << ".list()) operands.push_back(arg);\n";
      operands = "operands";
    } else if (op.operands.empty()) {
      operands = "std::span<const Arg>()";
    } else if (op.results.size() != 1) {
      os << "  const Arg operands[] = " << operands << ";\n";
      operands = "operands";
    }
    std::string call = "(OpKind::" + op.enumerator + ", " + operands + ", Attributes{" + join(attributes, ", ") +
                       "}, " + mask + ");\n";
    if (op.results.size() == 1) {
      os << "  return detail::dispatch" << call;
    } else if (op.results.empty()) {
      os << "  detail::dispatch_all" << call;
    } else {
      os << "  std::vector<Tensor> results = detail::dispatch_all" << call;
      std::vector<std::string> moved;
      for (size_t i = 0; i < op.results.size(); ++i) moved.push_back("std::move(results[" + std::to_string(i) + "])");
      os << "  return {" << join(moved, ", ") << "};\n";
    }
    os << "}\n\n";
  }
}

} // namespace burin::tblgen
