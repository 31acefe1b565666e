//===- EmitTables.cpp - OpKinds.inc, OpTables.inc, ElementwiseKernels.inc ----------------------------------------===//
// What the runtime side includes: the enumeration, the OpInfo table and the referee's elementwise loops.
#include "tools/burin-tblgen/Catalogue.h"
#include "tools/burin-tblgen/Text.h"

#include "llvm/ADT/STLExtras.h"

#include <set>

using namespace llvm;

namespace burin::tblgen {

void emitOpKinds(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("the ops of the catalogue, for an X macro");
  for (const OpDef &op : ops) os << "BURIN_OP(" << op.enumerator << ")\n";
}

namespace {

/// `static constexpr T exp_names[] = {...};`, or nothing where the list is empty; returns the initialiser of a span.
std::string emitArray(raw_ostream &os, const OpDef &op, StringRef type, StringRef name,
                      ArrayRef<std::string> elements) {
  if (elements.empty()) return "{}";
  std::string array = op.mnemonic + "_" + name.str();
  os << "static constexpr " << type << " " << array << "[] = {" << join(elements, ", ") << "};\n";
  return array;
}

std::string effectsText(const OpDef &op) {
  if (op.effects.empty()) return "0";
  std::vector<std::string> bits;
  for (const std::string &effect : op.effects) bits.push_back("static_cast<std::uint8_t>(Effect::" + effect + ")");
  return join(bits, " | ");
}

std::string resultDtypeText(const ResultDtype &result) {
  StringRef from = result.from == ResultDtype::From::shared  ? "shared"
                   : result.from == ResultDtype::From::fixed ? "fixed"
                                                             : "attribute";
  std::string text = "{ResultDtype::From::" + from.str();
  return text + (result.from == ResultDtype::From::fixed ? ", " + enumerator(result.fixed) : "") + "}";
}

/// Declares each shape rule and reference kernel that the catalogue names, so that nobody keeps a header of them.
void emitDeclarations(ArrayRef<OpDef> ops, raw_ostream &os) {
  std::set<std::string> rules, kernels, elementwise;
  for (const OpDef &op : ops) {
    if (op.regionOp) continue;
    rules.insert(StringRef(op.shapeRule).split("::").second.str());
    if (op.referenceIsKernel)
      kernels.insert(StringRef(op.reference).split("::").second.str());
    else
      elementwise.insert(op.mnemonic);
  }
  os << "namespace shape_rules {\n";
  for (const std::string &name : rules) os << "Result<std::vector<TensorType>> " << name << "(const ShapeQuery&);\n";
  auto declareKernels = [&](const std::set<std::string> &names, StringRef space) {
    os << "}\nnamespace " << space << " {\n";
    for (const std::string &name : names)
      os << "void " << name
         << "(std::span<const HostTensor>, std::span<HostTensor>, const Attributes&, const KernelSink&);\n";
  };
  declareKernels(kernels, "reference");
  declareKernels(elementwise, "elementwise_kernels");
  os << "}\n\n";
}

std::string derivativeText(const OpDef &op) {
  return op.derivative.kind == "none" ? "none: " + op.derivative.reason : op.derivative.kind;
}

} // namespace

void emitOpTables(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("the OpInfo table, in catalogue order, and the functions that it names")
     << "// Included once, by catalogue.cpp, within namespace burin.\n";
  emitDeclarations(ops, os);
  std::vector<std::string> rows;
  for (const OpDef &op : ops) {
    std::vector<std::string> names, attributes, dtypes, results, labels;
    for (const Variable &operand : op.operands) names.push_back(quoted(operand.name));
    for (const AttributeDef &attribute : op.attributes) {
      std::vector<std::string> words;
      for (const Label &word : attribute.words) words.push_back(quoted(word.label));
      std::string span = emitArray(os, op, "std::string_view", attribute.name + "_words", words);
      attributes.push_back("{" + quoted(attribute.name) + ", AttributeKind::" + attribute.kind +
                           (words.empty() ? "" : ", " + span) + "}");
    }
    if (op.numOptional()) attributes.push_back("{\"present\", AttributeKind::i64}");
    for (const DtypeClass &c : op.operandDtypes)
      dtypes.push_back("{" + setText(c.set) + ", " + (c.shared ? "true" : "false") + "}");
    for (const ResultDtype &result : op.resultDtypes) results.push_back(resultDtypeText(result));
    for (const Label &label : op.constraints) labels.push_back(quoted(label.label));
    std::string namesSpan = emitArray(os, op, "std::string_view", "operands", names);
    std::string attributesSpan = emitArray(os, op, "AttributeSpec", "attributes", attributes);
    std::string dtypesSpan = emitArray(os, op, "DtypeClass", "dtypes", dtypes);
    std::string resultsSpan = emitArray(os, op, "ResultDtype", "results", results);
    std::string labelsSpan = emitArray(os, op, "std::string_view", "labels", labels);
    bool regionResults = op.regionOp;
    std::string row;
    raw_string_ostream out(row);
    out << "  {.kind = OpKind::" << op.enumerator << ", .mnemonic = " << quoted(op.mnemonic)
        << ", .version = " << op.version << ", .operand_names = " << namesSpan
        << ", .variadic = " << (op.variadic() ? "true" : "false") << ", .num_optional = " << op.numOptional()
        << ", .num_results = " << (regionResults ? "-1" : std::to_string(op.results.size()))
        << ",\n   .attributes = " << attributesSpan << ", .num_regions = " << op.regions.size()
        << ", .effects = " << effectsText(op) << ", .precision = Precision::" << op.precision
        << ", .fusion = FusionRole::" << op.fusion << ", .lowering = LoweringKind::" << op.lowering.kind
        << ",\n   .shape_rule = " << (op.regionOp ? "nullptr" : "&" + op.shapeRule) << ", .reference = "
        << (op.regionOp            ? "nullptr"
            : op.referenceIsKernel ? "&" + op.reference
                                   : "&elementwise_kernels::" + op.mnemonic)
        << ", .derivative = " << quoted(derivativeText(op)) << ", .batching = " << quoted(op.batching)
        << ",\n   .operand_dtypes = " << dtypesSpan << ", .result_dtypes = " << resultsSpan
        << ", .labels = " << labelsSpan << ", .elementwise = " << (op.elementwise() ? "true" : "false") << "},\n";
    rows.push_back(row);
  }
  os << "\nstatic constexpr OpInfo op_table[] = {\n" << join(rows, "") << "};\n";
}

void emitOpFacts(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("fields of the catalogue that few ask for: (kind, registers, cheap, inplace), for an X macro");
  for (const OpDef &op : ops)
    os << "BURIN_OP_FACTS(" << op.enumerator << ", " << (op.registers ? "true" : "false") << ", "
       << (op.cheap ? "true" : "false") << ", " << op.inplace << ")\n";
}

void emitReferenceKernels(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("the referee's elementwise kernels, from the `reference` expressions")
     << "// Included once, by elementwise.cpp, within namespace burin::elementwise_kernels. An operand is a double, a\n"
        "// scalar::Int or a bool; scalar::map rounds the result once.\n\n";
  for (const OpDef &op : ops) {
    if (!op.elementwise()) continue;
    auto shared = find_if(op.operandDtypes, [](const DtypeClass &c) { return c.shared; });
    bool hasShared = shared != op.operandDtypes.end();
    std::vector<std::string> types, parameters;
    for (auto [operand, c] : zip_equal(op.operands, op.operandDtypes)) {
      auto only = static_cast<Dtype>(llvm::countr_zero(c.set.mask));
      types.push_back(c.shared ? "T" : hostType(only));
      parameters.push_back("[[maybe_unused]] auto " + operand.name);
    }
    const ResultDtype &dtype = op.resultDtypes.front();
    std::string result = dtype.from == ResultDtype::From::fixed ? hostType(dtype.fixed) : "T";
    std::string body = "scalar::map<" + result + ", " + join(types, ", ") + ">(operands, results[0], sink, [](" +
                       join(parameters, ", ") + ") { return " + op.reference + "; });";
    os << "void " << op.mnemonic
       << "(std::span<const HostTensor> operands, std::span<HostTensor> results, const Attributes&, const KernelSink& "
          "sink) {\n";
    if (hasShared)
      os << "  visit<" << setText(shared->set) << ">(operands[" << (shared - op.operandDtypes.begin())
         << "].type.dtype, [&]<class T>(std::type_identity<T>) {\n    " << body << "\n  });\n";
    else
      os << "  " << body << "\n";
    os << "}\n\n";
  }
}

} // namespace burin::tblgen
