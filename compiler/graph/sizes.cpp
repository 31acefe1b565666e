// Binding a graph's named sizes to what its inputs are given.
#include "compiler/graph/sizes.h"

#include "compiler/graph/interpret.h"
#include "runtime/ops/bytes.h"

#include <algorithm>

namespace burin {
namespace {

Error misfit(const Graph& graph, std::size_t i, const TensorType& given, std::string why, std::string tag) {
  const Input& in = graph.inputs()[i];
  Error e;
  e.message = "argument '" + in.name + "': " + std::move(why) + ": it is " + to_string(given) + "; expected " +
              to_string(graph.type(in.value));
  e.tag = std::move(tag);
  return e;
}

}  // namespace

TensorType substitute(const TensorType& type, std::span<const DimBinding> bindings) {
  TensorType r{type.dtype, {}};
  for (Dim d : type.shape) r.shape.push_back(substitute(d, bindings));
  return r;
}

bool mentions_sizes(const Attributes& attributes) {
  for (const Attribute& a : attributes)
    if (const auto* dims = std::get_if<std::vector<Dim>>(&a))
      if (std::any_of(dims->begin(), dims->end(), [](Dim d) { return !d.is_known(); })) return true;
  return false;
}

Attributes substitute(const Attributes& attributes, std::span<const DimBinding> bindings) {
  Attributes r = attributes;
  for (Attribute& a : r)
    if (auto* dims = std::get_if<std::vector<Dim>>(&a))
      for (Dim& d : *dims) d = substitute(d, bindings);
  return r;
}

Result<std::vector<DimBinding>> bind_sizes(const Graph& graph, std::span<const TensorType> given,
                                           std::vector<Guard>* open) {
  const auto inputs = graph.inputs();
  if (given.size() != inputs.size())
    return Error{ErrorCode::invalid_argument,
                 "\"" + graph.name + "\" takes " + std::to_string(inputs.size()) +
                     (inputs.size() == 1 ? " tensor, " : " tensors, ") + std::to_string(given.size()) +
                     (given.size() == 1 ? " was given" : " were given"),
                 "argument-count", "", ""};
  std::vector<DimBinding> bindings;
  auto bound = [&](std::string_view name) {
    return std::any_of(bindings.begin(), bindings.end(), [&](const DimBinding& b) { return b.name == name; });
  };
  // First the sizes that stand alone in a shape, then everything is compared.
  std::vector<std::string> names;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& want = graph.type(inputs[i].value);
    if (want.dtype != given[i].dtype) return misfit(graph, i, given[i], "another dtype", "dtype-mismatch");
    if (want.shape.rank() != given[i].shape.rank()) return misfit(graph, i, given[i], "another rank", "rank-mismatch");
    for (std::size_t k = 0; k < want.shape.size(); ++k) {
      auto name = lone_name(want.shape[k]);
      if (name && !bound(*name)) bindings.push_back({*name, given[i].shape[k]});
    }
  }
  auto require = [&](const Guard& g, auto error) -> Result<void> {
    auto holds = decide(g);
    if (holds == true) return {};
    if (holds == false || !open) return error();
    open->push_back(g);
    return {};
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& want = graph.type(inputs[i].value);
    for (std::size_t k = 0; k < want.shape.size(); ++k) {
      const Dim d = substitute(want.shape[k], bindings);
      auto ok = require({Guard::Kind::equal, d, given[i].shape[k]}, [&] {
        std::string why = "dim " + std::to_string(k) + " should be " + to_string(d);
        if (!want.shape[k].is_known()) why += " (" + to_string(want.shape[k]) + ")";
        return misfit(graph, i, given[i], std::move(why), "shape-mismatch");
      });
      if (!ok) return ok.error();
    }
  }
  for (const Guard& g : graph.guards()) {
    const Guard here{g.kind, substitute(g.lhs, bindings), substitute(g.rhs, bindings)};
    auto ok = require(here, [&] {
      return Error{ErrorCode::invalid_argument,
                   "\"" + graph.name + "\" needs " + to_string(g) + "; the arguments make it " + to_string(here),
                   "guard", "", ""};
    });
    if (!ok) return ok.error();
  }
  return bindings;
}

bool may_go_unneeded(const Graph& graph, const Guard& guard) {
  bool needed = false, in_region = false;
  auto relies = [&](const Op& op) {
    std::vector<TensorType> operands;
    for (ValueId v : graph.operands(op)) operands.push_back(graph.type(v));
    std::vector<Guard> guards;
    (void)infer_types(op.kind, {operands, op.attributes, &guards});
    return std::find(guards.begin(), guards.end(), guard) != guards.end();
  };
  auto visit = [&](auto& self, BlockId b, bool certain) -> void {
    for (OpId id : graph.block(b).ops) {
      const Op& op = graph.op(id);
      if (op.regions.empty() && relies(op)) (certain ? needed : in_region) = true;
      const RegionKind kind = region_kind(op.kind);
      for (std::size_t i = 0; i < op.regions.size(); ++i)  // a scope runs, and a loop's test once
        self(self, op.regions[i], certain && i == 0 && kind != RegionKind::branch);
    }
  };
  visit(visit, BlockId::top, true);
  return in_region && !needed;
}

Result<void> check_sizes(const Graph& graph, std::span<const DimBinding> bindings) {
  if (bindings.empty()) return {};  // what is static was refused where it was recorded
  for (std::uint32_t i = 0; i < graph.num_ops(); ++i) {
    const Op& op = graph.op(OpId{i});
    for (std::uint32_t r = 0; r < op.num_results; ++r) {
      const TensorType type = substitute(graph.type(graph.result(op, r)), bindings);
      if (fits_memory(num_bytes(type))) continue;
      Error e = no_memory(op_info(op.kind).mnemonic, type);
      e.where = place_of(graph, OpId{i});
      return e;
    }
  }
  return {};
}

}  // namespace burin
