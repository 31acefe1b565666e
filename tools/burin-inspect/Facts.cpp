// Facts about a trace that the text and the JSON form share, and the compiler's report on it.
#include "tools/burin-inspect/Inspect.h"

#include "compiler/graph/print.h"

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>
#include <tuple>

namespace burin::inspect {

std::vector<ConstantInfo> constants(const SavedTrace &trace) {
  std::vector<ConstantInfo> list;
  std::size_t next = 0;
  for (const Input &in : trace.graph.inputs()) {
    if (in.kind != InputKind::capture || next == trace.captures.size()) continue;
    auto c = make_constant(trace.captures[next++]);
    list.push_back({in.name, c->value.type, hex(c->digest), c->value.num_bytes()});
  }
  for (std::uint32_t i = 0; i < trace.graph.num_ops(); ++i)
    for (const Attribute &a : trace.graph.op(OpId{i}).attributes)
      if (const auto *c = std::get_if<std::shared_ptr<const Constant>>(&a)) {
        std::string digest = hex((*c)->digest);
        bool known = std::any_of(list.begin(), list.end(), [&](const ConstantInfo &x) { return x.digest == digest; });
        if (!known) list.push_back({"", (*c)->value.type, std::move(digest), (*c)->value.num_bytes()});
      }
  return list;
}

std::vector<LineInfo> sourceLines(const Graph &graph) {
  std::vector<LineInfo> byNumber(graph.num_lines());
  for (std::uint32_t i = 0; i < graph.num_ops(); ++i) {
    const Op &op = graph.op(OpId{i});
    byNumber[op.line].ops.push_back(op_info(op.kind).mnemonic);
  }
  std::vector<LineInfo> list;
  for (std::uint32_t i = 1; i < graph.num_lines(); ++i) {
    byNumber[i].line = graph.line(i);
    if (!byNumber[i].ops.empty()) list.push_back(std::move(byNumber[i]));
  }
  std::sort(list.begin(), list.end(), [](const LineInfo &a, const LineInfo &b) {
    return std::tie(a.line.file, a.line.line, a.line.column) < std::tie(b.line.file, b.line.line, b.line.column);
  });
  return list;
}

std::vector<SizeInfo> sizes(const Graph &graph) {
  std::vector<SizeInfo> list;
  for (const Input &in : graph.inputs()) {
    const Shape &shape = graph.type(in.value).shape;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      auto name = lone_name(shape[k]);
      if (name && std::none_of(list.begin(), list.end(), [&](const SizeInfo &s) { return s.name == *name; }))
        list.push_back({std::string(*name), in.name + " axis " + std::to_string(k)});
    }
  }
  return list;
}

Result<compiler::Report> compile(const Graph &graph, const compiler::Options &options) {
  auto missing = [](std::string why) {
    return Error{ErrorCode::unsupported, "the compiler library cannot be used: " + std::move(why), "no-compiler", "",
                 "install libburin_compiler.so in lib/ beside bin/"};
  };
  // It stands beside the library that this program links; never closed. A full path, since a sanitizer's dlopen does not
  // follow our run path.
  Dl_info here;
  std::string path = "libburin_compiler.so";
  if (dladdr(reinterpret_cast<const void *>(&burin::verify), &here) && here.dli_fname)
    path = std::filesystem::path(here.dli_fname).replace_filename(path).string();
  static void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return missing(dlerror());
  auto *entry = reinterpret_cast<const compiler::Api *(*)(std::uint32_t)>(dlsym(library, "burin_compiler_api"));
  const compiler::Api *api = entry ? entry(compiler::api_version) : nullptr;
  if (!api) return missing("it is of another version");
  compiler::Request request;
  request.graph = &graph;
  request.options = options;
  request.explain = true;
  auto image = api->compile(request);
  if (!image) return image.error();
  return std::move(image->report);
}

} // namespace burin::inspect
