// MLIR's diagnostics as values.
#include "compiler/driver/Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"

#include "llvm/ADT/StringSet.h"

#include <mutex>

using namespace mlir;

namespace burin::compiler {

std::string_view keepText(StringRef text) {
  static std::mutex mutex;
  static llvm::StringSet<> texts;
  std::lock_guard lock(mutex);
  StringRef kept = texts.insert(text).first->getKey();
  return {kept.data(), kept.size()};
}

SourceLine sourceLine(Location loc) {
  SourceLine line;
  loc->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part); name && line.function.empty() && isa<FileLineColLoc>(name.getChildLoc()))
      line.function = keepText(name.getName());
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file) return WalkResult::advance();
    line.file = keepText(file.getFilename());
    line.line = file.getLine();
    line.column = file.getColumn();
    return WalkResult::interrupt();
  });
  return line;
}

DiagnosticCollector::DiagnosticCollector(MLIRContext *context, Report *report)
    : Handler(context,
              [this](Diagnostic &diagnostic) {
                if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
                  if (Message.empty()) { // the first says most; later ones follow from it
                    Message = diagnostic.str();
                    Line = sourceLine(diagnostic.getLocation());
                  }
                } else if (diagnostic.getSeverity() == DiagnosticSeverity::Remark && Into) {
                  Into->remarks.push_back({Stage, diagnostic.str(), sourceLine(diagnostic.getLocation())});
                }
                return success();
              }),
      Into(report) {}

Error DiagnosticCollector::error(ErrorCode code) const {
  Error error;
  // A pass that refuses the user's program, not its own input, ends with a label: `…: no memory for …, line break, place
  // [too-large]`.
  if (StringRef text = Message; text.ends_with("]") && text.contains(" [")) {
    auto [said, label] = text.drop_back().rsplit(" [");
    auto [what, where] = said.split('\n');
    return {ErrorCode::invalid_argument, what.str(), label.str(), where.str(), ""};
  }
  error.code = code;
  error.message = Stage + ": " + (Message.empty() ? "failed without saying why" : Message);
  error.tag = code == ErrorCode::unsupported ? "unsupported-code" : "internal";
  if (Line.line) error.where = "at " + std::string(Line.file) + ":" + std::to_string(Line.line);
  return error;
}

} // namespace burin::compiler
