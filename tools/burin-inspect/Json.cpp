// The views as one JSON object; docs/saved-function.md lists its fields. Fields are only added.
#include "tools/burin-inspect/Inspect.h"

#include "compiler/graph/print.h"

#include <nlohmann/json.hpp>

namespace burin::inspect {
namespace {

using Json = nlohmann::ordered_json;

Json leafJson(const SavedLeaf &leaf) {
  constexpr const char *kinds[] = {"tensor", "static", "length"};
  Json j{{"kind", kinds[static_cast<int>(leaf.kind)]}, {"path", leaf.path}};
  if (leaf.kind != SavedLeaf::Kind::tensor) j["value"] = leaf.text;
  if (leaf.kind == SavedLeaf::Kind::host) j["type"] = leaf.type;
  return j;
}

Json viewJson(View view, const Subject &subject, const Options &options) {
  const SavedTrace &t = subject.trace;
  const Graph &graph = t.graph;
  Json j = Json::array();
  switch (view) {
  case View::Signature: {
    Json inputs = Json::array(), outputs = Json::array(), arguments = Json::array();
    for (const Input &in : graph.inputs())
      inputs.push_back({{"kind", name(in.kind)}, {"name", in.name}, {"type", to_string(graph.type(in.value))}});
    for (const Output &out : graph.outputs()) {
      outputs.push_back({{"kind", out.kind == OutputKind::state ? "state" : "result"},
                         {"name", out.name},
                         {"type", to_string(graph.type(out.value))}});
      if (out.kind == OutputKind::state) outputs.back()["input"] = *out.overwrites;
    }
    for (const SavedLeaf &leaf : t.arguments) arguments.push_back(leafJson(leaf));
    return {{"arguments", arguments}, {"inputs", inputs}, {"outputs", outputs}};
  }
  case View::Sizes: {
    Json guards = Json::array();
    for (const SizeInfo &s : sizes(graph)) j.push_back({{"name", s.name}, {"from", s.source}});
    for (const Guard &g : graph.guards()) guards.push_back(to_string(g));
    return {{"names", j}, {"guards", guards}};
  }
  case View::Constants:
    for (const ConstantInfo &c : constants(t))
      j.push_back({{"capture", c.name}, {"type", to_string(c.type)}, {"digest", c.digest}, {"bytes", c.bytes}});
    return j;
  case View::Lines:
    for (const LineInfo &l : sourceLines(graph))
      j.push_back({{"file", l.line.file},
                   {"line", l.line.line},
                   {"column", l.line.column},
                   {"function", l.line.function},
                   {"ops", l.ops}});
    return j;
  case View::Graph:
    return {{"digest", hex(hash(graph))}, {"ops", graph.num_ops()}, {"text", to_string(graph, options.lines)}};
  case View::Stages:
    for (const auto &s : subject.report->stages)
      j.push_back({{"name", s.name}, {"milliseconds", s.milliseconds}, {"text", s.text}});
    return j;
  case View::Remarks:
    for (const auto &r : subject.report->remarks)
      j.push_back({{"pass", r.pass}, {"message", r.message}, {"file", r.line.file}, {"line", r.line.line}});
    return j;
  case View::Kernels:
    for (const auto &k : subject.report->kernels)
      j.push_back({{"name", k.name}, {"description", k.description}, {"code_bytes", k.code_bytes}});
    return j;
  case View::Memory:
    return {{"arena_bytes", subject.report->arena_bytes}, {"text", subject.report->memory_plan}};
  case View::Host:
    return subject.report->host_program;
  }
  return j;
}

} // namespace

std::string json(const SavedFunction &function, const Options &options, const std::vector<Subject> &subjects) {
  Json traces = Json::array();
  for (const Subject &subject : subjects) {
    Json trace{{"number", subject.number}};
    for (const ViewInfo &info : views)
      if (options.shows(info.view)) trace[info.option] = viewJson(info.view, subject, options);
    traces.push_back(std::move(trace));
  }
  Json all{{"name", function.name}, {"producer", function.producer}, {"traces", std::move(traces)}};
  // Names are the user's bytes: what is no UTF-8 is replaced.
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace burin::inspect
