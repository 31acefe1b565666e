// burin-opt: MLIR's opt driver with our dialects and passes. For tests and for looking at one pass; it takes trusted
// input only.
#include "compiler/driver/Pipeline.h"
#include "passes/Passes.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"

namespace cl = llvm::cl;

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  burin::compiler::registerDialects(registry);
  burin::passes::registerBurinPasses();
  burin::compiler::registerPipelinePasses();

  // MLIR's own parsing of the command line ends the process with 1; our tools say 2 for wrong usage, 1 for bad input.
  static cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"), cl::init("-"));
  static cl::opt<std::string> output("o", cl::desc("Output file"), cl::value_desc("file"), cl::init("-"));
  cl::SetVersionPrinter(
      [](llvm::raw_ostream &os) { os << "burin-opt " BURIN_VERSION ", LLVM " LLVM_VERSION_STRING "\n"; });
  std::string overview = mlir::registerCLIOptions("Burin's passes on textual IR\n", registry);
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &llvm::errs())) return 2;
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
