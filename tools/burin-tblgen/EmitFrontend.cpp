//===- EmitFrontend.cpp - burin/ops.h with its documentation, and the functions' bodies --------------------------===//
// The public functions are exactly the catalogue's ops that are not hidden. Their form is STYLE's for public functions;
// frontend/include/burin/arg.h says what Arg, Args, Axis, Axes and Ints take.
#include "tools/burin-tblgen/Catalogue.h"
#include "tools/burin-tblgen/Text.h"

using namespace llvm;

namespace burin::tblgen {
namespace {

StringRef resultType(const OpDef &op) { return op.results.empty() ? "void" : "Tensor"; }

/// The function's parameters, with defaults in the header only.
std::string parameters(const OpDef &op, bool withDefaults) {
  std::vector<std::string> parts;
  for (const Variable &operand : op.operands)
    parts.push_back((operand.variadic ? "const Args& " : "const Arg& ") + operand.name);
  for (const AttributeDef &attribute : op.attributes) {
    std::string part = attribute.cpp + (StringRef(attribute.cpp).ends_with("&") ? " " : " ") + attribute.name;
    if (withDefaults && !attribute.defaultValue.empty()) part += " = " + attribute.defaultValue;
    parts.push_back(part);
  }
  // An operand carries the caller's line; an op without operands asks for it.
  if (op.operands.empty())
    parts.push_back(withDefaults ? "std::source_location where = std::source_location::current()"
                                 : "std::source_location where");
  return join(parts, ", ");
}

std::string operandDtypes(const DtypeClass &c) { return c.set == all_dtypes ? "any" : to_string(c.set); }

std::string resultDtypes(const OpDef &op) {
  switch (op.resultDtype) {
  case ResultDtype::shared: {
    size_t shared = 0;
    for (const DtypeClass &c : op.operandDtypes) shared += c.shared;
    return shared == 1 ? "the operand's dtype" : "the operands' dtype";
  }
  case ResultDtype::fixed:
    return std::string(name(op.fixedDtype));
  case ResultDtype::attribute:
    return "`dtype`";
  case ResultDtype::none:
    return "";
  }
  return "";
}

void documentFunction(const OpDef &op, raw_ostream &os) {
  os << wrapped(op.summary, "/// ");
  os << wrapped("`" + op.math + "`", "/// ");
  if (!op.description.empty()) os << wrapped(op.description, "/// ");
  for (auto [operand, c] : zip_equal(op.operands, op.operandDtypes))
    os << wrapped(operand.name + ": " + operandDtypes(c) + " " + operand.doc, "/// @param ");
  for (const AttributeDef &attribute : op.attributes)
    os << wrapped(attribute.name + ": " + attribute.doc, "/// @param ");
  for (const Variable &result : op.results) os << wrapped(resultDtypes(op) + ": " + result.doc, "/// @return ");
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
  if (attribute.cpp == "std::string_view") return "std::string(" + attribute.name + ")";
  return attribute.name;
}

/// Bit i: operand i shares the dtype T, so promotion concerns it. `~0u` stands for all of a variadic operand too.
std::string promotionMask(const OpDef &op) {
  uint32_t mask = 0;
  for (auto [i, c] : enumerate(op.operandDtypes))
    if (c.shared) mask |= op.operands[i].variadic ? ~0u << i : 1u << i;
  return std::to_string(mask) + "u";
}

} // namespace

void emitOpsHeader(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("the public ops")
     << "// Every function runs at once on values, or is recorded where a trace is open. Thread-safe; a Tensor is "
        "immutable.\n"
        "#pragma once\n#include <burin/tensor.h>\n\n#include <source_location>\n"
        "#include <string_view>\n\nnamespace burin {\n";
  std::string family;
  for (const OpDef &op : ops) {
    if (op.hidden) continue;
    if (op.family != family)
      os << "\n// ---- " << (family = op.family) << " " << std::string(110 - std::min<size_t>(family.size(), 100), '-')
         << "\n";
    os << "\n";
    documentFunction(op, os);
    os << "BURIN_API " << resultType(op) << " " << op.mnemonic << "(" << parameters(op, true) << ");\n";
  }
  os << "\n}  // namespace burin\n";
}

void emitOpsSource(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("bodies of the public ops")
     << "// Included once, by frontend/record/ops.cpp, within namespace burin, after frontend/record/dispatch.h.\n\n";
  for (const OpDef &op : ops) {
    if (op.hidden) continue;
    os << resultType(op) << " " << op.mnemonic << "(" << parameters(op, false) << ") {\n";
    std::vector<std::string> attributes, names;
    for (const AttributeDef &attribute : op.attributes)
      attributes.push_back("Attribute(" + attributeValue(op, attribute) + ")");
    for (const Variable &operand : op.operands) names.push_back(operand.name);
    if (op.operands.empty()) os << "  SourceScope scope(where);\n";
    std::string operands = "{" + join(names, ", ") + "}";
    if (op.variadic() && op.operands.size() == 1) {
      operands = op.operands.front().name + ".list()";
    } else if (op.variadic()) {
      // Fixed operands come first; the last parameter holds the rest.
      names.pop_back();
      os << "  std::vector<Arg> operands{" << join(names, ", ")
         << "};\n  for (const Arg& arg : " << op.operands.back().name << ".list()) operands.push_back(arg);\n";
      operands = "operands";
    } else if (op.operands.empty()) {
      operands = "std::span<const Arg>()";
    } else if (op.results.empty()) {
      os << "  const Arg operands[] = " << operands << ";\n";
      operands = "operands";
    }
    os << "  " << (op.results.empty() ? "detail::dispatch_all(" : "return detail::dispatch(")
       << "OpKind::" << op.enumerator << ", " << operands << ", Attributes{" << join(attributes, ", ") << "}, "
       << promotionMask(op) << ");\n}\n\n";
  }
}

} // namespace burin::tblgen
