// The views as text.
#include "tools/burin-inspect/Inspect.h"

#include "compiler/graph/print.h"

#include <cstdio>
#include <map>

namespace burin::inspect {
namespace {

std::string bytesText(std::int64_t n) {
  char buffer[32];
  if (n < 1024)
    std::snprintf(buffer, sizeof buffer, "%lld B", static_cast<long long>(n));
  else if (n < 1024 * 1024)
    std::snprintf(buffer, sizeof buffer, "%.1f KiB", static_cast<double>(n) / 1024);
  else
    std::snprintf(buffer, sizeof buffer, "%.1f MiB", static_cast<double>(n) / (1024 * 1024));
  return buffer;
}

std::string leafText(const SavedLeaf &leaf) {
  switch (leaf.kind) {
  case SavedLeaf::Kind::tensor:
    return leaf.path;
  case SavedLeaf::Kind::host:
    return leaf.path + " = " + leaf.text + (leaf.type.empty() ? "" : " (static, " + leaf.type + ")");
  case SavedLeaf::Kind::length:
    return leaf.path + ": " + leaf.text;
  }
  return "";
}

std::string signatureText(const SavedTrace &t) {
  std::string s = "arguments\n";
  std::vector<const Input *> tensors;
  const std::vector<SavedTrace::Source> sources = t.sources();
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == SavedTrace::Source::argument) tensors.push_back(&t.graph.inputs()[i]);
  std::size_t next = 0;
  for (const SavedLeaf &leaf : t.arguments) {
    s += "  " + leafText(leaf);
    if (leaf.kind == SavedLeaf::Kind::tensor) {
      const Input &in = *tensors[next++];
      s += ": " + to_string(t.graph.type(in.value));
      if (in.kind != InputKind::argument) s += " (" + std::string(name(in.kind)) + ")";
      if (leaf.weak) s += " (a number)";
    }
    s += "\n";
  }
  bool captures = false;
  for (const Input &in : t.graph.inputs())
    if (in.kind == InputKind::capture) {
      s += (captures ? "" : "captures\n") + ("  " + in.name) + ": " + to_string(t.graph.type(in.value)) + "\n";
      captures = true;
    }
  for (const SavedBinding &b : t.variables) {
    const Input &in = t.graph.inputs()[b.input];
    s += (&b == t.variables.data() ? "variables\n" : "") + ("  " + in.name) + ": " + to_string(t.graph.type(in.value)) +
         "\n";
  }
  s += "results\n";
  for (const Output &out : t.graph.outputs()) {
    s += "  " + (out.kind == OutputKind::state ? t.graph.inputs()[*out.overwrites].name + " (updated)"
                 : out.name.empty()            ? "result"
                                               : out.name);
    s += ": " + to_string(t.graph.type(out.value)) + "\n";
  }
  return s;
}

std::string sizesText(const Graph &graph) {
  std::string s;
  for (const SizeInfo &size : sizes(graph)) s += size.name + ": " + size.source + "\n";
  for (const Guard &g : graph.guards()) s += "requires " + to_string(g) + "\n";
  return s.empty() ? "none: every size is a number\n" : s;
}

std::string constantsText(const SavedTrace &t) {
  std::string s;
  std::int64_t total = 0;
  auto list = constants(t);
  for (const ConstantInfo &c : list) {
    s += c.digest.substr(0, 12) + "  " + to_string(c.type) + "  " + bytesText(c.bytes) +
         (c.name.empty() ? "" : "  capture '" + c.name + "'") + "\n";
    total += c.bytes;
  }
  return s + std::to_string(list.size()) + " in all, " + bytesText(total) + "\n";
}

std::string linesText(const Graph &graph) {
  std::string s;
  for (const LineInfo &l : sourceLines(graph)) {
    std::map<std::string_view, int> count;
    for (std::string_view op : l.ops) ++count[op];
    s += to_string(l.line) + " ";
    for (auto [op, n] : count) s += " " + std::string(op) + (n > 1 ? "×" + std::to_string(n) : "");
    s += "\n";
  }
  return s.empty() ? "no op has a source line\n" : s;
}

std::string stagesText(const compiler::Report &report) {
  std::string s;
  for (const auto &stage : report.stages) {
    char time[32];
    std::snprintf(time, sizeof time, "%.2f ms", stage.milliseconds);
    s += "// -- " + stage.name + " (" + time + ")\n" + stage.text + "\n";
  }
  return s;
}

std::string viewText(View view, const Subject &subject, const Options &options) {
  const Graph &graph = subject.trace.graph;
  switch (view) {
  case View::Signature:
    return signatureText(subject.trace);
  case View::Sizes:
    return sizesText(graph);
  case View::Constants:
    return constantsText(subject.trace);
  case View::Lines:
    return linesText(graph);
  case View::Graph:
    return to_string(graph, options.lines);
  case View::Stages:
    return stagesText(*subject.report);
  case View::Remarks: {
    std::string s;
    for (const auto &r : subject.report->remarks)
      s += (r.line.file.empty() ? "" : to_string(r.line) + ": ") + r.message + " [" + r.pass + "]\n";
    return s;
  }
  case View::Kernels: {
    std::string s;
    for (const auto &k : subject.report->kernels)
      s += k.name + ": " + k.description + " (" + bytesText(k.code_bytes) + " of code)\n";
    return s;
  }
  case View::Memory:
    return subject.report->memory_plan + "\n";
  case View::Host:
    return subject.report->host_program + "\n";
  }
  return "";
}

} // namespace

std::string text(const SavedFunction &function, const Options &options, const std::vector<Subject> &subjects) {
  std::string s = function.name + ": " + std::to_string(function.traces.size()) +
                  (function.traces.size() == 1 ? " trace" : " traces") + ", saved by " + function.producer + "\n";
  for (const Subject &subject : subjects)
    for (const ViewInfo &info : views)
      if (options.shows(info.view))
        s += "\n== trace " + std::to_string(subject.number) + ": " + info.option + "\n" +
             viewText(info.view, subject, options);
  return s;
}

} // namespace burin::inspect
