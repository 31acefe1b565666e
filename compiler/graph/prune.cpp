// Marks what is needed from the outputs and effects backwards, then copies that. Marking is the least fixpoint, so a loop's
// value that only feeds itself stays unmarked, through any nesting.
#include "compiler/graph/prune.h"

namespace burin {
namespace {

class Marker {
 private:
  const Graph& graph_;

 public:
  explicit Marker(const Graph& graph)
      : graph_(graph),
        values(graph.num_values()),
        ops(graph.num_ops()),
        owner_(graph.num_blocks()),
        place_(graph.num_values()) {
    collect(BlockId::top);
    for (const Output& o : graph.outputs()) need(o.value);
    while (!work_.empty()) {
      const ValueId v = work_.back();
      work_.pop_back();
      follow(v);
    }
  }

  std::vector<bool> values, ops;  // needed

 private:
  void collect(BlockId b, bool effects = true) {
    const Block& block = graph_.block(b);
    for (std::uint32_t i = 0; i < block.arguments.size(); ++i) place_[index(block.arguments[i])] = i;
    for (OpId id : block.ops) {
      const Op& op = graph_.op(id);
      for (BlockId r : op.regions) {
        owner_[index(r)] = id;
        if (region_kind(op.kind) != RegionKind::scope || r == op.regions[0]) collect(r, effects);
        else collect(r, false);  // a derivative does not run here, so nothing is needed for its effects
      }
      if (effects && own_effects(op) != 0) need(id);
    }
  }
  void need(ValueId v) {
    if (values[index(v)]) return;
    values[index(v)] = true;
    work_.push_back(v);
  }
  void need(OpId id) {
    if (ops[index(id)]) return;
    ops[index(id)] = true;
    const Op& op = graph_.op(id);
    if (op.block != BlockId::top) need(owner_[index(op.block)]);
    switch (region_kind(op.kind)) {
      case RegionKind::none:
      case RegionKind::branch:
        for (ValueId v : graph_.operands(op)) need(v);
        break;
      case RegionKind::loop: need(graph_.block(op.regions[0]).yields[0]); break;
      case RegionKind::scope:  // whole: its regions' signatures follow each other
        for (ValueId v : graph_.operands(op)) need(v);
        for (BlockId r : op.regions) {
          for (ValueId v : graph_.block(r).yields) need(v);
          need_effects(r);
        }
        break;
    }
  }
  void need_effects(BlockId b) {
    for (OpId id : graph_.block(b).ops) {
      const Op& op = graph_.op(id);
      if (own_effects(op) != 0) need(id);
      if (region_kind(op.kind) == RegionKind::scope) need_effects(op.regions[0]);
      else
        for (BlockId r : op.regions) need_effects(r);
    }
  }
  void follow(ValueId v) {
    if (graph_.is_op_result(v)) {
      const OpId id = graph_.defining_op(v);
      const Op& op = graph_.op(id);
      need(id);
      const std::uint32_t i = index(v) - op.first_result;
      if (region_kind(op.kind) == RegionKind::branch)
        for (BlockId r : op.regions) need(graph_.block(r).yields[i]);
      if (region_kind(op.kind) == RegionKind::loop) need(graph_.block(op.regions[0]).yields[i + 1]);
      return;
    }
    const BlockId b = graph_.block_of(v);
    if (b == BlockId::top) return;
    const OpId id = owner_[index(b)];
    const Op& op = graph_.op(id);
    need(id);
    if (region_kind(op.kind) == RegionKind::scope) return;
    const std::uint32_t i = place_[index(v)];
    if (b == op.regions[0]) {  // carried into the test
      need(graph_.operands(op)[i]);
      need(graph_.block(op.regions[1]).yields[i]);
    } else {  // handed on to the body
      need(graph_.block(op.regions[0]).yields[i + 1]);
    }
  }

  std::vector<OpId> owner_;           // by block
  std::vector<std::uint32_t> place_;  // of a region's argument
  std::vector<ValueId> work_;
};

class Copier {
 public:
  explicit Copier(const Graph& from)
      : from_(from),
        needed_(from),
        map_(from.num_values(), ValueId::none),
        lines_(from.num_lines()) {}

  Graph run() {
    to_.name = from_.name;
    for (const Input& in : from_.inputs()) at(in.value) = to_.add_input(in.kind, from_.type(in.value), in.name);
    for (const Guard& g : from_.guards()) to_.add_guard(g);
    ops(BlockId::top, BlockId::top);
    for (const Output& o : from_.outputs()) to_.add_output(o.kind, at(o.value), o.name, o.overwrites);
    return std::move(to_);
  }

 private:
  ValueId& at(ValueId v) { return map_[index(v)]; }
  bool live(ValueId v) const { return needed_.values[index(v)]; }
  std::uint32_t line(std::uint32_t i) {
    if (i != 0 && lines_[i] == 0) lines_[i] = to_.intern_line_copy(from_.line(i));
    return lines_[i];
  }

  void ops(BlockId from, BlockId to) {
    for (OpId id : from_.block(from).ops)
      if (needed_.ops[index(id)]) op(from_.op(id), to);
  }

  void op(const Op& op, BlockId to) {
    const bool loop = region_kind(op.kind) == RegionKind::loop;
    const bool plain = op.regions.empty() || region_kind(op.kind) == RegionKind::scope;
    std::vector<ValueId> operands;
    for (std::uint32_t i = 0; i < op.num_operands; ++i)
      if (!loop || live(from_.block(op.regions[0]).arguments[i])) operands.push_back(at(from_.operands(op)[i]));
    // Which results stay: of a loop, what is handed on, whether read after it or by its body.
    std::vector<bool> kept(op.num_results);
    std::vector<TensorType> types;
    for (std::uint32_t i = 0; i < op.num_results; ++i) {
      kept[i] = plain || live(from_.result(op, i)) || (loop && live(from_.block(op.regions[1]).arguments[i]));
      if (kept[i]) types.push_back(from_.type(from_.result(op, i)));
    }
    std::vector<BlockId> regions;
    for (BlockId r : op.regions) regions.push_back(region(op, r, to, kept));
    const OpId copy = to_.append(to, op.kind, operands, op.attributes, types, line(op.line), std::move(regions));
    for (std::uint32_t i = 0, next = 0; i < op.num_results; ++i)
      if (kept[i]) at(from_.result(op, i)) = to_.result(to_.op(copy), next++);
  }

  BlockId region(const Op& op, BlockId r, BlockId parent, const std::vector<bool>& kept) {
    const bool loop = region_kind(op.kind) == RegionKind::loop, test = loop && r == op.regions[0];
    const bool whole = region_kind(op.kind) == RegionKind::scope;
    const BlockId to = to_.add_block(parent);
    const Block& block = from_.block(r);
    for (std::size_t i = 0; i < block.arguments.size(); ++i)
      if (whole || (test ? live(block.arguments[i]) : kept[i]))
        at(block.arguments[i]) = to_.add_argument(to, from_.type(block.arguments[i]));
    ops(r, to);
    std::vector<ValueId> yields;
    for (std::size_t i = 0; i < block.yields.size(); ++i) {
      const bool stays = whole  ? true
                         : test ? i == 0 || kept[i - 1]
                         : loop ? live(from_.block(op.regions[0]).arguments[i])
                                : kept[i];
      if (stays) yields.push_back(at(block.yields[i]));
    }
    to_.set_yields(to, yields);
    return to;
  }

  const Graph& from_;
  Marker needed_;
  Graph to_;
  std::vector<ValueId> map_;
  std::vector<std::uint32_t> lines_;
};

}  // namespace

Graph prune(const Graph& graph) { return Copier(graph).run(); }

}  // namespace burin
