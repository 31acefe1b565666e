// What burin-inspect shows of a saved function: one function a view, as text for people or JSON for programs.
#pragma once
#include "compiler/driver/Compiler.h"
#include "compiler/graph/saved.h"

#include <optional>
#include <string>
#include <vector>

namespace burin::inspect {

/// The views that --VIEW options choose, in the order in which they are shown.
enum class View { Signature, Sizes, Constants, Lines, Graph, Stages, Remarks, Kernels, Memory, Host };
struct ViewInfo {
  View view;
  const char *option;
  bool compiles; ///< needs the compiler's report
  const char *help;
};
inline constexpr ViewInfo views[] = {
    {View::Signature, "signature", false, "arguments, captures, state and results with their types"},
    {View::Sizes, "sizes", false, "named sizes, where they come from, and what is required of them"},
    {View::Constants, "constants", false, "constants and captured weights with their digests"},
    {View::Lines, "lines", false, "source lines and the ops that each gave"},
    {View::Graph, "graph", false, "the recorded graph"},
    {View::Stages, "stages", true, "the IR after each stage of the compiler"},
    {View::Remarks, "remarks", true, "what passes decided and why"},
    {View::Kernels, "kernels", true, "the kernels and the ops that each holds"},
    {View::Memory, "memory", true, "the memory plan"},
    {View::Host, "host", true, "the host program"},
};

struct Options {
  std::string file;
  std::vector<View> shown;
  std::optional<std::size_t> trace;
  bool json = false;
  bool lines = true; ///< with source lines in the graph
  compiler::Options compile;
  bool shows(View v) const;
};

/// One trace with the compiler's report where a view needs it.
struct Subject {
  const SavedTrace &trace;
  std::size_t number;
  const compiler::Report *report;
};

std::string text(const SavedFunction &, const Options &, const std::vector<Subject> &);
std::string json(const SavedFunction &, const Options &, const std::vector<Subject> &);

/// Compiles a graph with libburin_compiler.so, which is opened at the first call.
Result<compiler::Report> compile(const Graph &, const compiler::Options &);

// -- Facts that both forms show -------------------------------------------------------------------------------------
struct ConstantInfo {
  std::string name; ///< of a capture; empty for a constant of the graph
  TensorType type;
  std::string digest;
  std::int64_t bytes;
};
std::vector<ConstantInfo> constants(const SavedTrace &);
struct LineInfo {
  SourceLine line;
  std::vector<std::string_view> ops;
};
std::vector<LineInfo> sourceLines(const Graph &);
struct SizeInfo {
  std::string name;
  std::string source; ///< `arg0 axis 1`
};
std::vector<SizeInfo> sizes(const Graph &);

} // namespace burin::inspect
