// Appending one Graph to another.
#include "compiler/graph/inline.h"
#include "compiler/graph/sizes.h"

namespace burin {
namespace {

class Inliner {
 public:
  Inliner(Graph& to, const Graph& from, std::span<const DimBinding> bindings)
      : to_(to),
        from_(from),
        bindings_(bindings),
        map_(from.num_values(), ValueId::none),
        lines_(from.num_lines()) {}

  void map(ValueId from, ValueId to) { map_[index(from)] = to; }
  ValueId mapped(ValueId v) const { return map_[index(v)]; }

  void ops(BlockId from, BlockId to) {
    std::vector<ValueId> operands;
    std::vector<TensorType> types;
    for (OpId id : from_.block(from).ops) {
      const Op& op = from_.op(id);
      std::vector<BlockId> regions;
      for (BlockId r : op.regions) regions.push_back(block(r, to));
      operands.clear();
      for (ValueId v : from_.operands(op)) operands.push_back(mapped(v));
      types.clear();
      for (std::uint32_t i = 0; i < op.num_results; ++i) types.push_back(type(from_.result(op, i)));
      Attributes attributes = mentions_sizes(op.attributes) ? substitute(op.attributes, bindings_) : op.attributes;
      const OpId copy =
          to_.append(to, op.kind, operands, std::move(attributes), types, line(op.line), std::move(regions));
      for (std::uint32_t i = 0; i < op.num_results; ++i) map(from_.result(op, i), to_.result(to_.op(copy), i));
    }
  }

 private:
  TensorType type(ValueId v) const { return substitute(from_.type(v), bindings_); }
  std::uint32_t line(std::uint32_t i) {
    if (i != 0 && lines_[i] == 0) lines_[i] = to_.intern_line_copy(from_.line(i));
    return lines_[i];
  }
  BlockId block(BlockId from, BlockId parent) {
    const BlockId to = to_.add_block(parent);
    for (ValueId a : from_.block(from).arguments) map(a, to_.add_argument(to, type(a)));
    ops(from, to);
    std::vector<ValueId> yields;
    for (ValueId y : from_.block(from).yields) yields.push_back(mapped(y));
    to_.set_yields(to, yields);
    return to;
  }

  Graph& to_;
  const Graph& from_;
  std::span<const DimBinding> bindings_;
  std::vector<ValueId> map_;
  std::vector<std::uint32_t> lines_;
};

}  // namespace

Result<std::vector<ValueId>> inline_graph(Graph& to, BlockId block, const Graph& from,
                                          std::span<const ValueId> arguments) {
  std::vector<TensorType> types;
  for (ValueId a : arguments) types.push_back(to.type(a));
  std::vector<Guard> open;
  auto bindings = bind_sizes(from, types, &open);
  if (!bindings) return bindings.error();
  for (const Guard& g : open) to.add_guard(g);
  Inliner inliner(to, from, *bindings);
  for (std::size_t i = 0; i < arguments.size(); ++i) inliner.map(from.inputs()[i].value, arguments[i]);
  inliner.ops(BlockId::top, block);
  std::vector<ValueId> results;
  for (const Output& out : from.outputs()) results.push_back(inliner.mapped(out.value));
  return results;
}

}  // namespace burin
