//===- EmitRules.cpp - derivatives from the catalogue's formulas, and the table of all rules ----------------------===//
// A formula is linear in g, so it serves both directions; here it becomes a vjp over public ops. Rules that a formula
// cannot say are functions of frontend/rules, declared here so that a missing one is a link error.
#include "tools/burin-tblgen/Catalogue.h"
#include "tools/burin-tblgen/Text.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace burin::tblgen {

/// The sum of the formulas, each with its operand's tangent for g. Where no operand has a formula nothing flows.
static void emitJvp(const OpDef &op, raw_ostream &os) {
  os << "static Tensor jvp_" << op.mnemonic
     << "([[maybe_unused]] const Primal& p, [[maybe_unused]] std::span<const Tensor> tangents) {\n"
     << "  [[maybe_unused]] const Tensor& y = p.results[0];\n  Tensor sum;\n";
  for (auto [i, operand] : enumerate(op.operands))
    os << "  [[maybe_unused]] const Tensor& " << operand.name << " = p.operands[" << i << "];\n";
  for (auto [i, operand] : enumerate(op.operands))
    for (auto &[name, expression] : op.derivative.formulas)
      if (name == operand.name && expression != "none")
        os << "  if (const Tensor& g = tangents[" << i << "]; g.defined()) add_part(sum, " << expression << ");\n";
  os << "  return spread(sum, y);\n}\n\n";
}

void emitRules(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("derivative rules by op")
     << "// Included once, within namespace burin::rules, after frontend/rules/rules.h, which says what Vjp, Primal "
        "and\n"
        "// unbroadcast are. A formula's operands are p.operands, y is the result, g its cotangent.\n\n";
  for (const OpDef &op : ops) {
    if (op.derivative.kind == "linear" || op.derivative.kind == "custom")
      os << "std::vector<Tensor> vjp_" << op.mnemonic
         << "(const Primal& p, std::span<const Tensor> cotangents, std::span<const bool> wanted);\n";
    if (op.derivative.kind == "custom")
      os << "Tensor jvp_" << op.mnemonic << "(const Primal& p, std::span<const Tensor> tangents);\n";
    if (op.derivative.kind != "formula") continue;
    emitJvp(op, os);
    os << "static std::vector<Tensor> vjp_" << op.mnemonic
       << "(const Primal& p, std::span<const Tensor> cotangents, [[maybe_unused]] std::span<const bool> wanted) {\n"
       << "  [[maybe_unused]] const Tensor& g = cotangents[0];\n  [[maybe_unused]] const Tensor& y = p.results[0];\n";
    for (auto [i, operand] : enumerate(op.operands))
      os << "  [[maybe_unused]] const Tensor& " << operand.name << " = p.operands[" << i << "];\n";
    os << "  std::vector<Tensor> result(" << op.operands.size() << ");\n";
    for (auto [i, operand] : enumerate(op.operands)) {
      auto formula = find_if(op.derivative.formulas, [&, &o = operand](const auto &f) { return f.first == o.name; });
      if (formula->second != "none")
        os << "  if (wanted[" << i << "]) result[" << i << "] = unbroadcast(" << formula->second << ", " << operand.name
           << ");\n";
    }
    os << "  return result;\n}\n\n";
  }
  os << "/// By OpKind; null where the catalogue says `none`.\nconstexpr Vjp vjp_table[] = {\n";
  for (const OpDef &op : ops)
    os << "    " << (op.derivative.kind == "none" ? std::string("nullptr") : "vjp_" + op.mnemonic) << ",  // "
       << op.mnemonic << "\n";
  os << "};\n\n/// By OpKind; null where the catalogue says `none`.\nconstexpr Jvp jvp_table[] = {\n";
  for (const OpDef &op : ops)
    os << "    "
       << (op.derivative.kind == "none"     ? std::string("nullptr")
           : op.derivative.kind == "linear" ? std::string("jvp_linear")
                                            : "jvp_" + op.mnemonic)
       << ",  // " << op.mnemonic << "\n";
  os << "};\n\n";
  for (const OpDef &op : ops)
    if (op.batching == "custom" && op.regions.empty())
      os << "Tensor batch_" << op.mnemonic << "(const Primal& p, std::span<const bool> batched, Dim lanes);\n";
  os << "\n/// By OpKind; null where the catalogue says `none`, and for ops with regions.\nconstexpr Batch "
        "batch_table[] = {\n";
  for (const OpDef &op : ops)
    os << "    "
       << (op.batching == "elementwise"                    ? std::string("batch_elementwise")
           : op.batching == "custom" && op.regions.empty() ? "batch_" + op.mnemonic
                                                           : std::string("nullptr"))
       << ",  // " << op.mnemonic << "\n";
  os << "};\n\n/// By OpKind and operand: false where a cotangent never flows into that operand.\n"
        "constexpr bool differentiable_operand(OpKind kind, [[maybe_unused]] std::size_t operand) {\n  switch (kind) "
        "{\n";
  for (const OpDef &op : ops) {
    std::vector<std::string> excluded;
    for (auto [i, operand] : enumerate(op.operands))
      for (auto &[name, expression] : op.derivative.formulas)
        if (name == operand.name && expression == "none") excluded.push_back("operand != " + std::to_string(i));
    if (op.derivative.kind == "none")
      os << "    case OpKind::" << op.enumerator << ": return false;\n";
    else if (!excluded.empty())
      os << "    case OpKind::" << op.enumerator << ": return " << join(excluded, " && ") << ";\n";
  }
  os << "    default: return true;\n  }\n}\n";
}

namespace {

/// What a line's comment says y is: `[2, 3]` of `Tensor y = ...;  // [2, 3]; also a + b`. Empty where it says nothing.
std::string shownValue(StringRef line) {
  auto [code, comment] = line.split("//");
  comment = comment.split(';').first.trim();
  bool value = comment.starts_with("[") || (!comment.empty() && isDigit(comment.front()));
  return code.trim().starts_with("Tensor y = ") && value ? comment.str() : "";
}

} // namespace

void emitExamples(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("every op's example, as a test case that checks the value its comment shows");
  for (const OpDef &op : ops) {
    os << "\nTEST_CASE(\"the example of " << op.mnemonic << " compiles, runs and shows what it gives\") {\n";
    SmallVector<StringRef> lines;
    StringRef(op.example).split(lines, '\n');
    std::string shown;
    for (StringRef line : lines) {
      os << "  " << line.trim() << "\n";
      shown += shownValue(line);
    }
    os << (shown.empty() ? "  SUCCEED();\n}\n" : "  check_shown(y, " + quoted(shown) + ");\n}\n");
  }
}

} // namespace burin::tblgen
