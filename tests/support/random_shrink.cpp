// Making a failing case small: greedy edits, each checked by the verifier and by the predicate.
#include "tests/support/random_graph.h"

#include "compiler/graph/print.h"
#include "compiler/graph/prune.h"

#include <algorithm>
#include <optional>

namespace burin::test {
namespace {

/// One edit: an op's results become one of its operands, zeros, or what one of its regions yields.
struct Edit {
  enum class Kind { none, operand, zeros, region } kind = Kind::none;
  OpId op{};
  std::uint32_t which = 0;
  std::optional<std::size_t> drop_output{};
};

class Editor {
 public:
  Editor(const Graph& from, const Edit& edit) : from_(from), edit_(edit), map_(from.num_values(), ValueId::none) {}

  std::optional<Graph> run() {
    to_.name = from_.name;
    for (const Input& in : from_.inputs()) at(in.value) = to_.add_input(in.kind, from_.type(in.value), in.name);
    for (const Guard& g : from_.guards()) to_.add_guard(g);
    ops(BlockId::top, BlockId::top);
    for (std::size_t i = 0; i < from_.outputs().size(); ++i)
      if (const Output& o = from_.outputs()[i]; edit_.drop_output != i)
        to_.add_output(o.kind, at(o.value), "", o.overwrites);
    if (!possible_ || to_.outputs().empty()) return std::nullopt;
    Graph pruned = prune(to_);
    return verify(pruned) ? std::optional(std::move(pruned)) : std::nullopt;
  }

 private:
  ValueId& at(ValueId v) { return map_[index(v)]; }

  void ops(BlockId from, BlockId to) {
    for (OpId id : from_.block(from).ops) {
      if (edit_.kind != Edit::Kind::none && id == edit_.op) replace(from_.op(id), to);
      else copy(from_.op(id), to);
    }
  }
  void copy(const Op& op, BlockId to) {
    Values operands;
    for (ValueId v : from_.operands(op)) operands.push_back(at(v));
    std::vector<TensorType> types;
    for (std::uint32_t i = 0; i < op.num_results; ++i) types.push_back(from_.type(from_.result(op, i)));
    std::vector<BlockId> regions;
    for (BlockId r : op.regions) {
      regions.push_back(to_.add_block(to));
      for (ValueId a : from_.block(r).arguments) at(a) = to_.add_argument(regions.back(), from_.type(a));
      ops(r, regions.back());
      Values yields;
      for (ValueId y : from_.block(r).yields) yields.push_back(at(y));
      to_.set_yields(regions.back(), yields);
    }
    const std::uint32_t line = op.line != 0 ? to_.intern_line_copy(from_.line(op.line)) : 0;
    const OpId id = to_.append(to, op.kind, operands, op.attributes, types, line, std::move(regions));
    for (std::uint32_t i = 0; i < op.num_results; ++i) at(from_.result(op, i)) = to_.result(to_.op(id), i);
  }

  void replace(const Op& op, BlockId to) {
    for (std::uint32_t i = 0; i < op.num_results; ++i) {
      const ValueId result = from_.result(op, i);
      switch (edit_.kind) {
        case Edit::Kind::none: break;
        case Edit::Kind::operand: {
          const ValueId v = edit_.which < op.num_operands ? from_.operands(op)[edit_.which] : ValueId::none;
          if (v == ValueId::none || from_.type(v) != from_.type(result)) possible_ = false;
          else at(result) = at(v);
          break;
        }
        case Edit::Kind::zeros: at(result) = zeros(from_.type(result), to); break;
        case Edit::Kind::region: break;
      }
    }
    if (edit_.kind == Edit::Kind::region) unwrap(op, to);
  }
  ValueId zeros(const TensorType& type, BlockId to) {
    HostTensor zero{{type.dtype, {}}, Buffer::allocate(bytes(type.dtype, 1))};
    std::fill_n(static_cast<char*>(zero.buffer.mutable_data()), bytes(type.dtype, 1), 0);
    const TensorType scalar{type.dtype, {}};
    const OpId c = to_.append(to, OpKind::constant, {}, {make_constant(std::move(zero))}, std::span(&scalar, 1));
    const ValueId v = to_.result(to_.op(c));
    if (type.shape.empty()) return v;
    const OpId b = to_.append(to, OpKind::broadcast_to, std::span(&v, 1),
                              {std::vector<Dim>(type.shape.begin(), type.shape.end())}, std::span(&type, 1));
    return to_.result(to_.op(b));
  }
  /// A branch's side in its place; of a loop one test, with a trip before it where `which` is 1.
  void unwrap(const Op& op, BlockId to) {
    if (op.regions.empty() || edit_.which >= op.regions.size()) {
      possible_ = false;
      return;
    }
    const bool loop = region_kind(op.kind) == RegionKind::loop;
    Values given;
    for (ValueId v : from_.operands(op)) given.push_back(at(v));
    auto enter = [&](BlockId r) {
      for (std::size_t i = 0; i < from_.block(r).arguments.size(); ++i) at(from_.block(r).arguments[i]) = given[i];
      ops(r, to);
      given.clear();
      for (ValueId y : from_.block(r).yields) given.push_back(at(y));
      if (loop && r == op.regions[0]) given.erase(given.begin());
    };
    if (!loop) {
      given.clear();
      enter(op.regions[edit_.which]);
    } else {
      enter(op.regions[0]);
      if (edit_.which == 1) {
        enter(op.regions[1]);
        enter(op.regions[0]);
      }
    }
    for (std::uint32_t i = 0; i < op.num_results; ++i) at(from_.result(op, i)) = given[i];
  }

  using Values = std::vector<ValueId>;
  const Graph& from_;
  const Edit& edit_;
  Graph to_;
  std::vector<ValueId> map_;
  bool possible_ = true;
};

/// The edits worth trying, the ones that remove most first.
std::vector<Edit> edits(const Graph& graph) {
  std::vector<Edit> list;
  if (graph.outputs().size() > 1)
    for (std::size_t i = 0; i < graph.outputs().size(); ++i) list.push_back({Edit::Kind::none, {}, 0, i});
  for (std::uint32_t i = static_cast<std::uint32_t>(graph.num_ops()); i-- > 0;) {
    const Op& op = graph.op(OpId{i});
    const std::string_view what = op_info(op.kind).mnemonic;
    for (std::uint32_t r = 0; r < op.regions.size(); ++r) list.push_back({Edit::Kind::region, OpId{i}, r, {}});
    if (op.num_results == 0) list.push_back({Edit::Kind::zeros, OpId{i}, 0, {}});  // a print: gone
    for (std::uint32_t k = 0; k < op.num_operands; ++k) list.push_back({Edit::Kind::operand, OpId{i}, k, {}});
    if (what != "constant" && what != "broadcast_to" && op.num_results > 0)
      list.push_back({Edit::Kind::zeros, OpId{i}, 0, {}});
  }
  return list;
}

/// Without inputs that nobody reads; their names of sizes may be needed, then nothing changes.
std::optional<Case> without_input(const Case& c, std::size_t drop) {
  Case smaller;
  std::vector<ValueId> map(c.graph.num_values(), ValueId::none);
  for (std::uint32_t i = 0; i < c.graph.num_ops(); ++i)
    for (ValueId v : c.graph.operands(c.graph.op(OpId{i})))
      if (v == c.graph.inputs()[drop].value) return std::nullopt;
  for (const Output& o : c.graph.outputs())
    if (o.value == c.graph.inputs()[drop].value || (o.kind == OutputKind::state && o.overwrites == drop))
      return std::nullopt;
  for (std::uint32_t b = 0; b < c.graph.num_blocks(); ++b)
    for (ValueId y : c.graph.block(BlockId{b}).yields)
      if (y == c.graph.inputs()[drop].value) return std::nullopt;
  smaller.graph.name = c.graph.name;
  struct Copy {
    const Graph& from;
    Graph& to;
    std::vector<ValueId>& map;
    void ops(BlockId a, BlockId b) {
      for (OpId id : from.block(a).ops) {
        const Op& op = from.op(id);
        std::vector<ValueId> operands;
        std::vector<TensorType> types;
        std::vector<BlockId> regions;
        for (ValueId v : from.operands(op)) operands.push_back(map[index(v)]);
        for (std::uint32_t i = 0; i < op.num_results; ++i) types.push_back(from.type(from.result(op, i)));
        for (BlockId r : op.regions) {
          regions.push_back(to.add_block(b));
          for (ValueId v : from.block(r).arguments) map[index(v)] = to.add_argument(regions.back(), from.type(v));
          ops(r, regions.back());
          std::vector<ValueId> yields;
          for (ValueId v : from.block(r).yields) yields.push_back(map[index(v)]);
          to.set_yields(regions.back(), yields);
        }
        const OpId copy = to.append(b, op.kind, operands, op.attributes, types, 0, std::move(regions));
        for (std::uint32_t i = 0; i < op.num_results; ++i) map[index(from.result(op, i))] = to.result(to.op(copy), i);
      }
    }
  };
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (i == drop) continue;
    const Input& in = c.graph.inputs()[i];
    map[index(in.value)] = smaller.graph.add_input(in.kind, c.graph.type(in.value), in.name);
    smaller.inputs.push_back(c.inputs[i]);
  }
  for (const Guard& g : c.graph.guards()) smaller.graph.add_guard(g);
  Copy{c.graph, smaller.graph, map}.ops(BlockId::top, BlockId::top);
  for (const Output& o : c.graph.outputs())
    smaller.graph.add_output(o.kind, map[index(o.value)], o.name,
                             o.overwrites && *o.overwrites > drop ? *o.overwrites - 1 : o.overwrites);
  if (!verify(smaller.graph)) return std::nullopt;
  return smaller;
}

}  // namespace

Case shrink(Case c, const std::function<bool(const Case&)>& fails) {
  for (bool progress = true; progress;) {
    progress = false;
    for (const Edit& edit : edits(c.graph)) {
      auto graph = Editor(c.graph, edit).run();
      if (!graph) continue;
      Case smaller{std::move(*graph), c.inputs};
      // Fewer ops or outputs, or it does not count: zeros may take two ops for one.
      const bool less =
          smaller.graph.num_ops() < c.graph.num_ops() || smaller.graph.outputs().size() < c.graph.outputs().size();
      if (!less || !fails(smaller)) continue;
      c = std::move(smaller);
      progress = true;
      break;
    }
  }
  for (std::size_t i = c.inputs.size(); i-- > 0;)
    if (auto smaller = without_input(c, i); smaller && fails(*smaller)) c = std::move(*smaller);
  return c;
}

std::string to_string(const Case& c) {
  std::string s = burin::to_string(c.graph, false);
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const Attribute value = make_constant(c.inputs[i]);
    s += "input " + std::to_string(i) + ": " + burin::to_string(c.inputs[i].type) + " = " + burin::to_string(value) +
         "\n";
  }
  return s;
}

}  // namespace burin::test
