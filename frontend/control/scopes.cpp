// See scopes.h.
#include "frontend/control/scopes.h"

#include "compiler/graph/copy.h"
#include "frontend/control/evaluate.h"

#include <algorithm>

namespace burin::detail {

namespace {

/// The graph with these inputs: its own stand at `places` among them.
std::shared_ptr<const Graph> with_inputs(const Graph& from, std::span<const TensorType> types,
                                         std::span<const std::size_t> places) {
  auto to = std::make_shared<Graph>();
  to->name = from.name;
  GraphCopy copy(from, *to);
  std::vector<ValueId> inputs;
  for (const TensorType& type : types) inputs.push_back(to->add_input(InputKind::argument, type, ""));
  for (std::size_t i = 0; i < places.size(); ++i) copy.map(from.inputs()[i].value, inputs[places[i]]);
  for (const Guard& g : from.guards()) to->add_guard(g);
  for (OpId id : from.block(BlockId::top).ops) copy.op(from.op(id), BlockId::top);
  for (const Output& out : from.outputs()) to->add_output(OutputKind::result, copy.mapped(out.value), "");
  return to;
}

/// A graph of a region as a block of the trace.
BlockId block_of(Trace& t, const Graph& from) {
  const BlockId block = t.graph.add_block(t.current);
  GraphCopy copy(from, t.graph);
  for (const Input& in : from.inputs()) copy.map(in.value, t.graph.add_argument(block, from.type(in.value)));
  for (OpId id : from.block(BlockId::top).ops) copy.op(from.op(id), block);
  std::vector<ValueId> yields;
  for (const Output& out : from.outputs()) yields.push_back(copy.mapped(out.value));
  t.graph.set_yields(block, yields);
  return block;
}

}  // namespace

std::vector<TensorType> types_of(std::span<const Content> contents) {
  std::vector<TensorType> types;
  for (const Content& c : contents) types.push_back(type_of(c.node));
  return types;
}

RegionOp scope_op(OpKind kind, std::vector<Content> arguments, RecordedGraph body,
                  std::optional<RecordedGraph> backward, const std::source_location& where) {
  RegionOp op{kind, where, std::move(arguments), {}, {}, {}, {}};
  const std::size_t n = op.operands.size(), own = body.graph.outputs().size();
  auto place_of = [&](const Content& c) {  // behind the arguments, each value once
    auto at = std::find_if(op.operands.begin() + static_cast<std::ptrdiff_t>(n), op.operands.end(),
                           [&](const Content& o) { return identity(o) == identity(c); });
    if (at == op.operands.end()) at = op.operands.insert(at, c);
    return static_cast<std::size_t>(at - op.operands.begin());
  };
  std::vector<std::size_t> places, late;
  for (std::size_t i = 0; i < n; ++i) places.push_back(i);
  late = places;
  for (const Content& c : body.captures) places.push_back(place_of(c));
  std::vector<std::size_t> hidden;
  if (backward)
    for (const Content& c : backward->captures) hidden.push_back(place_of(c));
  std::vector<TensorType> types = types_of(op.operands);
  op.regions[0] = with_inputs(body.graph, types, places);
  if (!backward) return op;
  op.attributes = {static_cast<std::int64_t>(n)};
  const std::size_t all = types.size();
  for (const Output& out : body.graph.outputs()) types.push_back(body.graph.type(out.value));
  for (std::size_t i = 0; i < own; ++i)
    if (is_floating(types[all + i].dtype)) types.push_back(types[all + i]);
  for (std::size_t i = all; i < types.size(); ++i) late.push_back(i);
  late.insert(late.end(), hidden.begin(), hidden.end());
  op.regions[1] = with_inputs(backward->graph, types, late);
  return op;
}

std::vector<Content> carry_out_scope(const RegionOp& op) {
  if (tapes_listen())
    if (Tape* tape = taker(op)) {
      Mute mute(*tape);
      return tape->carry_out(op);
    }
  Recorder& r = context();
  if (!r.trace) {
    std::vector<Content> results = evaluate_region(*op.regions[0], op.operands);
    // Each under an identity of its own: a result may be an operand, or another result.
    for (Content& c : results) c = {same_value(c.node, op.where), false};
    return results;
  }
  Trace& t = *r.trace;
  std::vector<ValueId> operands;
  for (const Content& c : op.operands) operands.push_back(lower(c, t));
  std::vector<BlockId> blocks;
  std::vector<TensorType> types;
  for (const auto& region : op.regions) {
    if (!region) continue;
    blocks.push_back(block_of(t, *region));
    for (const Guard& g : region->guards()) t.graph.add_guard(g);
  }
  for (const Output& out : op.regions[0]->outputs()) types.push_back(op.regions[0]->type(out.value));
  const OpId made = t.graph.append(t.current, op.kind, operands, op.attributes, types, r.line_in(t, op.where), blocks);
  std::vector<Content> results;
  for (std::uint32_t i = 0; i < types.size(); ++i)
    results.push_back({make_traced(t, t.graph.result(t.graph.op(made), i), types[i], op.where), false});
  return results;
}

}  // namespace burin::detail
