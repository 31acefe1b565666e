// Building and reading a Graph. Appending must stay cheap: it is paid for every op of every trace.
#include "compiler/graph/graph.h"

#include <algorithm>

namespace burin {

Graph::Graph() {
  ops_.reserve(32);
  types_.reserve(64);
  definitions_.reserve(64);
  operands_.reserve(64);
  blocks_.emplace_back();
}

ValueId Graph::add_value(const TensorType& type, std::uint32_t definition) {
  types_.push_back(type);
  definitions_.push_back(definition);
  return ValueId{static_cast<std::uint32_t>(types_.size() - 1)};
}

ValueId Graph::add_input(InputKind kind, const TensorType& type, std::string name) {
  const ValueId v = add_value(type, not_an_op | index(BlockId::top));
  inputs_.push_back({kind, v, std::move(name)});
  return v;
}

void Graph::add_output(OutputKind kind, ValueId value, std::string name, std::optional<std::uint32_t> overwrites) {
  outputs_.push_back({kind, value, overwrites, std::move(name)});
}

Graph Graph::copy(std::span<const std::size_t> outputs) const {
  Graph g(*this);
  g.outputs_.clear();
  for (std::size_t i : outputs) g.outputs_.push_back(outputs_[i]);
  return g;
}

BlockId Graph::add_block(BlockId parent) {
  blocks_.emplace_back().parent = parent;
  return BlockId{static_cast<std::uint32_t>(blocks_.size() - 1)};
}

ValueId Graph::add_argument(BlockId block, const TensorType& type) {
  const ValueId v = add_value(type, not_an_op | index(block));
  blocks_[index(block)].arguments.push_back(v);
  return v;
}

OpId Graph::append(BlockId block, OpKind kind, std::span<const ValueId> operands, Attributes attributes,
                   std::span<const TensorType> result_types, std::uint32_t line, std::vector<BlockId> regions) {
  const OpId id{static_cast<std::uint32_t>(ops_.size())};
  Op& op = ops_.emplace_back();
  op.kind = kind;
  op.first_operand = static_cast<std::uint32_t>(operands_.size());
  op.num_operands = static_cast<std::uint32_t>(operands.size());
  op.first_result = static_cast<std::uint32_t>(types_.size());
  op.num_results = static_cast<std::uint32_t>(result_types.size());
  op.attributes = std::move(attributes);
  op.regions = std::move(regions);
  op.line = line;
  op.block = block;
  operands_.insert(operands_.end(), operands.begin(), operands.end());
  for (const TensorType& type : result_types) add_value(type, index(id));
  blocks_[index(block)].ops.push_back(id);
  return id;
}

void Graph::set_yields(BlockId block, std::span<const ValueId> yields) {
  blocks_[index(block)].yields.assign(yields.begin(), yields.end());
}

void Graph::add_guard(const Guard& guard) {
  if (decide(guard) == true || std::find(guards_.begin(), guards_.end(), guard) != guards_.end()) return;
  guards_.push_back(guard);
}

BlockId Graph::block_of(ValueId v) const {
  return is_op_result(v) ? op(defining_op(v)).block : BlockId{definitions_[index(v)] & ~not_an_op};
}

std::uint32_t Graph::intern_line(const SourceLine& line) {
  auto slot_of = [&](const SourceLine& l) {
    const std::uint64_t h = (std::uint64_t{l.line} << 20 ^ l.column ^ l.file.size() << 40) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(h >> 32) & (line_slots_.size() - 1);
  };
  auto same = [](const SourceLine& a, const SourceLine& b) {
    return a.line == b.line && a.column == b.column && a.file == b.file && a.function == b.function;
  };
  if (2 * lines_.size() >= line_slots_.size()) {  // a power of two, at most half full; 0 is a free slot
    line_slots_.assign(std::max<std::size_t>(16, 2 * line_slots_.size()), 0);
    for (std::uint32_t i = 1; i < lines_.size(); ++i) {
      std::size_t s = slot_of(lines_[i]);
      while (line_slots_[s] != 0) s = (s + 1) & (line_slots_.size() - 1);
      line_slots_[s] = i;
    }
  }
  std::size_t s = slot_of(line);
  for (; line_slots_[s] != 0; s = (s + 1) & (line_slots_.size() - 1))
    if (same(lines_[line_slots_[s]], line)) return line_slots_[s];
  lines_.push_back(line);
  line_slots_[s] = static_cast<std::uint32_t>(lines_.size() - 1);
  return line_slots_[s];
}

std::string_view Graph::keep_text(std::string text) {
  return *texts_.emplace_back(std::make_shared<const std::string>(std::move(text)));
}

std::uint32_t Graph::intern_line_copy(const SourceLine& line) {
  auto kept = [&](std::string_view text) -> std::string_view {
    for (const auto& t : texts_)
      if (*t == text) return *t;
    return keep_text(std::string(text));
  };
  return intern_line({kept(line.file), kept(line.function), line.line, line.column});
}

std::vector<std::string> Graph::size_names() const {
  std::vector<std::string> names;
  for (const Input& in : inputs_)
    for (Dim d : type(in.value).shape) collect_names(d, names);
  return names;
}

RegionKind region_kind(OpKind kind) {
  const OpInfo& info = op_info(kind);
  if (info.num_regions == 0) return RegionKind::none;
  switch (kind) {
    case OpKind::while_: return RegionKind::loop;
    case OpKind::if_: return RegionKind::branch;
    default: return RegionKind::scope;
  }
}

Attributes region_attributes(OpKind kind, std::optional<Dim> max_trips, bool certain) {
  if (region_kind(kind) != RegionKind::loop) return {};
  return {max_trips ? std::vector<Dim>{*max_trips} : std::vector<Dim>(), certain};
}

std::uint8_t own_effects(const Op& op) {
  std::uint8_t own = op_info(op.kind).effects;
  if (region_kind(op.kind) == RegionKind::loop && !std::get<std::vector<Dim>>(op.attributes[0]).empty() &&
      !std::get<bool>(op.attributes[1]))
    own |= static_cast<std::uint8_t>(Effect::may_fault);
  return own;
}

std::uint8_t effects(const Graph& graph, const Op& op) {
  std::uint8_t all = own_effects(op);
  for (BlockId b : op.regions) {
    for (OpId o : graph.block(b).ops) all = static_cast<std::uint8_t>(all | effects(graph, graph.op(o)));
    if (region_kind(op.kind) == RegionKind::scope) break;  // a derivative does not run here
  }
  return all;
}

}  // namespace burin
