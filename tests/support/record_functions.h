// The op records as saved functions, one an op, for tests that compile them ahead of time.
#pragma once
#include "compiler/graph/graph.h"
#include "compiler/graph/saved.h"
#include "tests/support/goldens.h"

#include <cstdlib>
#include <unistd.h>

namespace burin::test {
namespace fs = std::filesystem;

/// A folder of its own, gone with all that is in it.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "burin-records-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// The cases of one op, and the one function that computes them all: arguments and results in the order of the cases.
struct Group {
  OpKind kind;
  std::string symbol;
  std::vector<const GoldenCase*> cases;
};

inline std::vector<Group> groups() {
  std::vector<Group> list;
  for (const GoldenCase& c : all_goldens()) {
    if (list.empty() || list.back().kind != c.kind)
      list.push_back({c.kind, "op_" + std::string(op_info(c.kind).mnemonic), {}});
    list.back().cases.push_back(&c);
  }
  return list;
}

inline SavedFunction function_of(const Group& group) {
  SavedFunction saved;
  saved.name = group.symbol;
  SavedTrace trace;
  Graph& graph = trace.graph;
  graph.name = group.symbol;
  for (std::size_t k = 0; k < group.cases.size(); ++k) {
    const GoldenCase& c = *group.cases[k];
    std::vector<ValueId> operands;
    std::vector<TensorType> types;
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      std::string name = "case" + std::to_string(k) + "_arg" + std::to_string(i);
      types.push_back(c.inputs[i].type);
      operands.push_back(graph.add_input(InputKind::argument, c.inputs[i].type, name));
      trace.arguments.push_back({SavedLeaf::Kind::tensor, name, "", "", false, false});
    }
    auto results = infer_types(c.kind, {.operands = types, .attributes = c.attributes});
    if (!results) FAIL(c.title << ": " << results.error().text());
    OpId op = graph.append(BlockId::top, c.kind, operands, c.attributes, *results);
    std::string name = "result" + std::to_string(k);
    graph.add_output(OutputKind::result, graph.result(graph.op(op)), name);
    trace.results.push_back({SavedLeaf::Kind::tensor, name, "", "", false, false});
  }
  saved.traces.push_back(std::move(trace));
  return saved;
}

inline void shell(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

}  // namespace burin::test
