// MLIR's diagnostics as values: errors become an Error, remarks go to the report. Locations are turned back into the
// user's source lines.
#pragma once
#include "compiler/driver/Compiler.h"

#include "mlir/IR/Diagnostics.h"

namespace burin::compiler {

/// The user's line of a location: the first with a file and a line, else unknown. `file` lives as long as the context.
SourceLine sourceLine(mlir::Location);

/// Listens to a context while it lives.
class DiagnosticCollector {
public:
  /// Remarks are kept only where `report` is given.
  DiagnosticCollector(mlir::MLIRContext *, Report *report);

  /// The stage that is running: the pass of remarks, and what errors say.
  void stage(std::string name) { Stage = std::move(name); }
  bool said() const { return !Message.empty(); }
  /// What was reported, as a bug of ours (`internal`) or as a thing that is not there (`unsupported`).
  Error error(ErrorCode code) const;

private:
  mlir::ScopedDiagnosticHandler Handler;
  Report *Into;
  std::string Stage = "import", Message;
  SourceLine Line;
};

/// Strings in `Report` must not die with the context: this keeps file names for the life of the process, each once.
std::string_view keepText(llvm::StringRef);

} // namespace burin::compiler
