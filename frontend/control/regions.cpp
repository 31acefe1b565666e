// See regions.h.
#include "frontend/control/regions.h"

#include <algorithm>

namespace burin::detail {

void settle_type(const Content& c, const TensorType& type, Trace& t) {
  if (!c.defined() || !c.node.get()->untyped) return;
  Node& n = *c.node.get();
  n.untyped = false;
  n.value.type = type;
  t.types[index(n.id)] = type;
}

ValueId value_in(const Content& c, const TensorType& type, Trace& t, BlockId b) {
  InBlock in(t, b);
  if (c.defined()) return lower(c, t);
  // Nobody reads it (an op that would is an error), so zeros serve.
  TensorType scalar{type.dtype, {}};
  OpId zero = t.graph.append(b, OpKind::constant, {}, Attributes{make_constant(literal_value(Literal{}, type.dtype))},
                             std::span(&scalar, 1));
  ValueId v = t.graph.result(t.graph.op(zero));
  if (type.shape.empty()) return v;
  OpId op = t.graph.append(b, OpKind::broadcast_to, std::span(&v, 1),
                           Attributes{std::vector<Dim>(type.shape.begin(), type.shape.end())}, std::span(&type, 1));
  return t.graph.result(t.graph.op(op));
}

std::string made_at(const Content& c) {
  if (!c.defined() || !c.node.get()->where.line()) return "";
  return " (made at " + place(c.node.get()->where) + ")";
}

namespace {

// The outer values that the blocks use, each once.
std::vector<ValueId> outer_values(Trace& t, std::span<const BlockId> blocks) {
  std::vector<bool> inside(t.graph.num_values());
  std::vector<ValueId> used;
  auto visit = [&](auto& self, BlockId b) -> void {
    const Block& block = t.graph.block(b);
    for (ValueId a : block.arguments) inside[index(a)] = true;
    for (OpId o : block.ops) {
      const Op& op = t.graph.op(o);
      for (ValueId v : t.graph.operands(op)) used.push_back(v);
      for (BlockId r : op.regions) self(self, r);
      for (std::uint32_t i = 0; i < op.num_results; ++i) inside[index(t.graph.result(op, i))] = true;
    }
    for (ValueId y : block.yields) used.push_back(y);
  };
  for (BlockId b : blocks) visit(visit, b);
  std::vector<ValueId> outer;
  std::vector<bool> seen(t.graph.num_values());
  for (ValueId v : used) {
    for (auto f = t.forward.find(index(v)); f != t.forward.end(); f = t.forward.find(index(v))) v = f->second;
    if (inside[index(v)] || seen[index(v)]) continue;
    seen[index(v)] = true;
    outer.push_back(v);
  }
  return outer;
}

}  // namespace

std::optional<Contents> carried_out_by_tape(OpKind kind, Trace& t, std::span<const BlockId> blocks, Contents operands,
                                            LoopBound bound, const std::source_location& where) {
  if (!tapes_listen()) return std::nullopt;
  RegionOp op{kind, where, std::move(operands), {}, {}, bound, {}};
  const std::vector<ValueId> outer = outer_values(t, blocks);
  for (ValueId v : outer) {
    auto c = std::find_if(t.captures.begin(), t.captures.end(), [&](const Capture& x) { return x.value == v; });
    op.captures.push_back({c != t.captures.end() ? c->node : make_traced(t, v, t.type(v), {}), false});
  }
  Tape* tape = taker(op);
  if (!tape) return std::nullopt;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    op.regions[i] = std::make_shared<const Graph>(t.region(blocks[i], outer));
  t.rewritten = true;
  Mute mute(*tape);
  return tape->carry_out(op);
}

std::string listed(std::span<const TypeChange> changes, const char* where_before, const char* where_after) {
  std::string text;
  for (const TypeChange& c : changes)
    text += (text.empty() ? "" : "; ") + c.name + " is " + to_string(type_of(c.before.node)) + where_before +
            made_at(c.before) + " and " + to_string(type_of(c.after.node)) + where_after + made_at(c.after);
  return text;
}

void carried_types_changed(std::span<const TypeChange> changes, const char* who, const std::source_location& where) {
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": " + listed(changes, " before the loop", " after a trip") +
            "; a carried tensor keeps its type",
        "carried-type", "", "cast or reshape before the loop or at the end of the body"},
       where);
}

void check_condition(const Content& c, const char* what, const std::source_location& where) {
  const TensorType& type = type_of(c.node);
  if (type.dtype != boolean || type.shape.rank() != 0) {
    const std::string truth = type.dtype == boolean ? "x" : "x != 0";
    fail({ErrorCode::invalid_argument,
          std::string(what) + ": the condition is " + to_string(type) + "; expected bool[]", "condition", "",
          type.shape.rank() == 0 ? "compare, for example " + truth
                                 : "say of how many: any(" + truth + ") or all(" + truth + ")"},
         where);
  }
}

bool condition_value(const Content& c) { return *read_value(*c.node.get()).data<std::uint8_t>() != 0; }

}  // namespace burin::detail
