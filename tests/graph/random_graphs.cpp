// Random graphs with regions: every way to hold or run a Graph agrees. The compiled ways are tried in tests/codegen.
// A failure prints the smallest case that shows it.
#include "compiler/graph/inline.h"
#include "compiler/graph/interpret.h"
#include "compiler/graph/prune.h"
#include "compiler/graph/saved.h"

#include "tests/support/graphs.h"
#include "tests/support/random_graph.h"
#include "tests/support/seeds.h"

#include <map>

using namespace burin;
using namespace burin::test;

namespace {

/// What is wrong with interpret() of that graph on the case's inputs, or nothing.
std::string compare(const Expected& expected, const Graph& graph, const std::vector<HostTensor>& inputs) {
  auto got = interpret(graph, inputs);
  if (!got) return got.error().text();
  return difference(expected, *got);
}

SavedFunction as_function(const Case& c) {
  SavedFunction f;
  SavedTrace t;
  t.graph = c.graph.copy();
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.graph.inputs()[i].kind == InputKind::capture) t.captures.push_back(c.inputs[i]);
    else t.arguments.push_back({SavedLeaf::Kind::tensor, c.graph.inputs()[i].name});
  }
  t.results.resize(c.graph.outputs().size());
  f.traces.push_back(std::move(t));
  return f;
}

std::string problem(const Case& c) {
  if (auto ok = verify(c.graph); !ok) return ok.error().text();
  auto expected = reference(c);
  if (!expected) return expected.error().text();
  if (!expected->decided) return {};
  if (std::string s = compare(*expected, c.graph, c.inputs); !s.empty()) return "interpret: " + s;
  const Graph pruned = prune(c.graph);
  if (auto ok = verify(pruned); !ok) return "pruned: " + ok.error().text();
  if (hash(prune(pruned)) != hash(pruned)) return "prune is not idempotent";
  if (std::string s = compare(*expected, pruned, c.inputs); !s.empty()) return "pruned: " + s;

  Graph outer;
  std::vector<ValueId> arguments;
  for (const Input& in : c.graph.inputs())
    arguments.push_back(outer.add_input(in.kind, c.graph.type(in.value), in.name));
  auto results = inline_graph(outer, BlockId::top, c.graph, arguments);
  if (!results) return "inlined: " + results.error().text();
  for (ValueId v : *results) outer.add_output(OutputKind::result, v, "");
  if (auto ok = verify(outer); !ok) return "inlined: " + ok.error().text();
  if (hash(outer) != hash(c.graph)) return "inlined: another digest";
  if (std::string s = compare(*expected, outer, c.inputs); !s.empty()) return "inlined: " + s;

  auto bytes = serialise(as_function(c));
  if (!bytes) return "saved: " + bytes.error().text();
  Buffer file = Buffer::allocate(static_cast<std::int64_t>(bytes->size()));
  std::copy(bytes->begin(), bytes->end(), static_cast<std::uint8_t*>(file.mutable_data()));
  auto loaded = deserialise(file);
  if (!loaded) return "loaded: " + loaded.error().text();
  if (hash(loaded->traces[0].graph) != hash(c.graph)) return "loaded: another digest";
  if (burin::to_string(loaded->traces[0].graph) != burin::to_string(c.graph)) return "loaded: another text";
  return {};
}

}  // namespace

TEST_CASE("Random graphs run alike recorded, pruned, inlined and loaded") {
  const auto [first, last, only] = Seeds(500);
  const std::uint64_t num_graphs = last - first;
  std::size_t decided = 0, comparable = 0, outputs = 0, regions = 0;
  std::map<std::string_view, int> kinds;
  for (std::uint64_t seed = first; seed < last; ++seed) {
    const Case c = random_case(seed);
    const std::string what = problem(c);
    if (!what.empty()) {
      const Case small = shrink(c.copy(), [](const Case& x) { return !problem(x).empty(); });
      FAIL("seed " << seed << ": " << what << "\nsmallest: " << problem(small) << "\n" << to_string(small));
    }
    auto expected = reference(c);
    decided += expected->decided;
    comparable += expected->comparable();
    outputs += c.graph.outputs().size();
    for (std::uint32_t i = 0; i < c.graph.num_ops(); ++i) {
      ++kinds[op_info(c.graph.op(OpId{i}).kind).mnemonic];
      regions += !c.graph.op(OpId{i}).regions.empty();
    }
  }
  if (only) return;
  // The generator must keep asking something: most cases decided, most outputs comparable, every op met.
  INFO(decided << " of " << num_graphs << " decided, " << comparable << " of " << outputs << " outputs comparable, "
               << regions << " regions");
  CHECK(decided * 10 >= num_graphs * 8);
  CHECK(comparable * 10 >= outputs * 6);
  CHECK(regions >= num_graphs / 2);
  for (const OpInfo& info : catalogue())
    if (info.elementwise || (info.num_regions > 0 && region_kind(info.kind) != RegionKind::scope)) {
      INFO(info.mnemonic);
      CHECK(kinds[info.mnemonic] > 0);
    }
}

TEST_CASE("A seed gives the same graph each time") {
  CHECK(hash(random_case(11).graph) == hash(random_case(11).graph));
  CHECK(hash(random_case(11).graph) != hash(random_case(12).graph));
}

TEST_CASE("Shrinking keeps the failure and little else") {
  // The made-up bug: a graph with a reduce_sum in it fails.
  auto fails = [](const Case& c) {
    for (std::uint32_t i = 0; i < c.graph.num_ops(); ++i)
      if (c.graph.op(OpId{i}).kind == OpKind::reduce_sum) return true;
    return false;
  };
  int shrunk = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Case c = random_case(seed);
    c.graph = prune(c.graph);
    if (!fails(c) || c.graph.num_ops() < 6) continue;
    const Case small = shrink(c.copy(), fails);
    INFO(to_string(c) << to_string(small));
    CHECK(verify(small.graph));
    CHECK(fails(small));
    CHECK(small.graph.num_ops() <= 8);  // what may fault is not dead
    ++shrunk;
  }
  CHECK(shrunk > 5);
}

TEST_CASE("The comparison notices what is beyond the tolerance, and nothing else") {
  Expected e;
  e.outputs = {tensor<float>({2}, {1, 2})};
  e.tolerance = {1e-6};
  CHECK(difference(e, std::vector{tensor<float>({2}, {1, 2.0000005f})}).empty());
  CHECK(difference(e, std::vector{tensor<float>({2}, {1, 2.1f})}).find("output 0, element 1: 2.0999") == 0);
  CHECK(difference(e, std::vector{tensor<float>({1, 2}, {1, 2})}) == "output 0 is f32[1,2], expected f32[2]");
  CHECK(difference(e, std::vector{tensor<float>({2}, {NAN, 2})}) != "");
  e.outputs = {tensor<float>({2}, {NAN, INFINITY})};
  CHECK(difference(e, std::vector{tensor<float>({2}, {NAN, INFINITY})}).empty());
  CHECK(difference(e, std::vector{tensor<float>({2}, {NAN, -INFINITY})}) != "");
}
