//===- EmitBodies.cpp - ElementwiseBodies.inc, from the `lowering` expressions ------------------------------------===//
// One C++ function an elementwise op, that builds the op on scalars (or vectors) with MLIR builders. Never reads the
// field `reference`: the two are written independently, so that each can find the other's mistakes.
#include "tools/burin-tblgen/Catalogue.h"
#include "tools/burin-tblgen/Text.h"

#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace burin::tblgen {
namespace {

/// Replaces `arith::AddFOp(` by `mlir::arith::AddFOp::create(s.builder, s.loc, `; other calls stay.
std::string builderCalls(StringRef expression) {
  std::string result;
  while (!expression.empty()) {
    size_t open = expression.find('(');
    StringRef head = expression.substr(0, open);
    result += head;
    if (open == StringRef::npos) break;
    expression = expression.substr(open + 1);
    if (!head.ends_with("Op")) {
      result += "(";
      continue;
    }
    size_t start = result.find_last_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") + 1;
    result.insert(start, "mlir::");
    result += expression.starts_with(")") ? "::create(s.builder, s.loc" : "::create(s.builder, s.loc, ";
  }
  return result;
}

StringRef condition(StringRef dtypeClass) {
  return StringSwitch<StringRef>(dtypeClass)
      .Case("float", "is_floating(s.dtype)")
      .Case("int", "is_integer(s.dtype)")
      .Case("signed", "is_integer(s.dtype) && is_signed(s.dtype)")
      .Case("unsigned", "is_integer(s.dtype) && !is_signed(s.dtype)")
      .Case("bool", "s.dtype == Dtype::boolean")
      .Default("true");
}

} // namespace

void emitScalarBodies(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("elementwise ops on scalars, from the `lowering` expressions")
     << "// Included once, by compiler/ops/ScalarOps.cpp, within an anonymous namespace of burin::ir. `s.dtype` is "
        "the\n"
        "// operands' dtype T; bf16 operands come as f32 and the result is rounded by the caller.\n\n";
  for (const OpDef &op : ops) {
    if (!op.lowering.scalar) continue;
    os << "mlir::Value emitScalar_" << op.mnemonic << "(const ScalarContext &s, mlir::ValueRange operands) {\n";
    for (auto [i, operand] : enumerate(op.operands))
      os << "  [[maybe_unused]] mlir::Value " << operand.name << " = operands[" << i << "];\n";
    for (auto &[dtypeClass, expression] : op.lowering.formulas)
      os << "  if (" << condition(dtypeClass) << ")\n    return " << builderCalls(expression) << ";\n";
    os << "  return {};\n}\n\n";
  }
  os << "/// By OpKind; null where an op is not elementwise.\n"
        "constexpr ScalarEmitter scalarEmitters[] = {\n";
  for (const OpDef &op : ops)
    os << "    " << (op.lowering.scalar ? "emitScalar_" + op.mnemonic : std::string("nullptr")) << ", // "
       << op.mnemonic << "\n";
  os << "};\n";
}

void emitLinalgLowerings(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("ops whose lowering is `linalg` and not generated, each a function `lower_<mnemonic>`");
  for (const OpDef &op : ops)
    if (op.lowering.kind == "linalg" && !op.lowering.scalar)
      os << "BURIN_LINALG_LOWERING(" << op.enumerator << ", lower_" << op.mnemonic << ")\n";
}

void emitLibraryLowerings(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("ops whose lowering is `library: name`, each planned by a function `plan_<name>`");
  for (const OpDef &op : ops)
    if (op.lowering.kind == "library")
      os << "BURIN_LIBRARY_LOWERING(" << op.enumerator << ", plan_" << op.lowering.library << ")\n";
}

void emitRegisterLowerings(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("ops that kernels in registers hold and that are not elementwise, each a function `write_<mnemonic>`");
  for (const OpDef &op : ops)
    if (op.registers && !op.elementwise())
      os << "BURIN_REGISTER_LOWERING(" << op.enumerator << ", write_" << op.mnemonic << ")\n";
}

void emitLoopLowerings(ArrayRef<OpDef> ops, raw_ostream &os) {
  os << banner("ops whose lowering is `loops`, each a function `lower_<mnemonic>`");
  for (const OpDef &op : ops)
    if (op.lowering.kind == "loops")
      os << "BURIN_LOOP_LOWERING(" << op.enumerator << ", lower_" << op.mnemonic << ")\n";
}

} // namespace burin::tblgen
