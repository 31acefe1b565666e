//===- main.cpp - burin-tblgen: generates what the catalogue says ------------------------------------------------===//
// One run reads BurinOps.td and prints one generated file. Options are those of any TableGen tool: -I, -o, -d, and one
// of the generators below.
#include "tools/burin-tblgen/Catalogue.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/TableGen/Main.h"
#include "llvm/TableGen/TableGenBackend.h"

using namespace llvm;
using namespace burin::tblgen;

namespace {

using Emitter = void (*)(ArrayRef<OpDef>, raw_ostream &);

/// Mistakes are printed by readCatalogue, and TableGenMain fails when one was.
template <Emitter emitter> void generate(const RecordKeeper &records, raw_ostream &os) {
  if (auto ops = readCatalogue(records)) emitter(*ops, os);
}

const TableGen::Emitter::Opt generators[] = {
    {"gen-op-kinds", generate<emitOpKinds>, "runtime/ops/OpKinds.inc: one BURIN_OP(kind) an op"},
    {"gen-op-tables", generate<emitOpTables>, "runtime/ops/OpTables.inc: the OpInfo table"},
    {"gen-reference", generate<emitReferenceKernels>,
     "runtime/ops/ElementwiseKernels.inc: the referee's elementwise loops"},
    {"gen-scalar-bodies", generate<emitScalarBodies>, "compiler/ops/ElementwiseBodies.inc: MLIR builder code"},
    {"gen-loop-lowerings", generate<emitLoopLowerings>, "compiler/codegen/LoopLowerings.inc: ops written as loops"},
    {"gen-linalg-lowerings", generate<emitLinalgLowerings>,
     "compiler/codegen/LinalgLowerings.inc: ops written in linalg"},
    {"gen-library-lowerings", generate<emitLibraryLowerings>,
     "compiler/codegen/LibraryLowerings.inc: ops that library kernels compute"},
    {"gen-register-lowerings", generate<emitRegisterLowerings>,
     "compiler/codegen/RegisterLowerings.inc: ops written on registers"},
    {"gen-op-facts", generate<emitOpFacts>, "compiler/graph/OpFacts.inc: fields for an X macro"},
    {"gen-ops-header", generate<emitOpsHeader>, "frontend/include/burin/ops.h: the public functions"},
    {"gen-ops-source", generate<emitOpsSource>, "frontend/ops.inc: their bodies"},
    {"gen-rules", generate<emitRules>, "frontend/rules/Formulas.inc: derivatives from formulas"},
    {"gen-examples", generate<emitExamples>, "tests/frontend/op_examples.inc: every example as a test case"},
    {"gen-docs", generate<emitDocs>, "docs/ops.md"},
};

} // namespace

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Generates Burin's code and documentation from its catalogue of ops.\n");
  return TableGenMain(argv[0], TableGenMainFn());
}
