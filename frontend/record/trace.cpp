// From handles to values of a graph: captures, constants, region checks; and the graph's last form once recording ends.
#include "frontend/record/recorder.h"

#include "compiler/graph/composite.h"
#include "compiler/graph/copy.h"

#include <burin/promotion.h>

#include <cstring>

namespace burin::detail {

std::uint32_t Trace::line(const std::source_location& w, const char* composite) {
  if (!w.line()) return 0;
  std::uint64_t key = reinterpret_cast<std::uintptr_t>(w.file_name()) * 0x9e3779b97f4a7c15u ^
                      (std::uint64_t{w.line()} << 20 | w.column()) ^
                      reinterpret_cast<std::uintptr_t>(composite) * 0xc2b2ae3d27d4eb4fu;
  if (key == last_line) return last_line_number;  // a host loop, or a composite of many ops
  auto [it, fresh] = lines.try_emplace(key, 0);
  if (fresh && composite)
    it->second =
        graph.intern_line_copy({w.file_name(), in_composite(w.function_name(), composite), w.line(), w.column()});
  else if (fresh) it->second = graph.intern_line({w.file_name(), w.function_name(), w.line(), w.column()});
  last_line = key;
  return last_line_number = it->second;
}

BlockId Trace::add_block(BlockId parent) {
  BlockId b = graph.add_block(parent);
  if (open.size() <= index(b)) open.resize(index(b) + 1u);
  open[index(b)] = true;
  return b;
}

TensorType Trace::type(ValueId v) const {
  auto it = types.find(index(v));
  return it == types.end() ? graph.type(v) : it->second;
}

NodeRef make_traced(Trace& t, ValueId v, const TensorType& type, const std::source_location& where) {
  Node* n = make_node();
  n->trace = t.number;
  n->id = v;
  n->block = t.current;
  n->value.type = type;
  n->device = t.device;
  n->where = where;
  return NodeRef(n);
}

namespace {

ValueId append_constant(Trace& t, HostTensor value, const std::source_location& where) {
  TensorType type = value.type;
  OpId op = t.graph.append(t.current, OpKind::constant, {}, Attributes{make_constant(std::move(value))},
                           std::span(&type, 1), context().line_in(t, where));
  return t.graph.result(t.graph.op(op));
}

// Whether `number` is the trace of some layer below the innermost.
Trace* enclosing(std::uint64_t number) {
  for (auto& l : context().layers)
    if (l.trace && l.trace->number == number) return l.trace;
  return nullptr;
}

}  // namespace

ValueId lower(const NodeRef& node, Trace& t) {
  const Node& n = *node.get();
  if (n.traced()) {
    Trace* own = n.trace == t.number ? &t : enclosing(n.trace);
    if (!own) foreign_value(n, n.where);
    if (!own->open[index(n.block)])
      fail({ErrorCode::trace, "a tensor made inside a branch or loop is used after that region ended", "outside-region",
            "", "return it from the branch, or assign it to a Tensor declared before it"},
           n.where);
    if (own == &t) return n.id;
    t.captures_traced = true;
  } else if (n.literal) {
    return append_constant(t, read_value(n), n.where);
  } else if (n.device != t.device && !n.number) {
    if (t.device != any_device) fail(mixed_devices("\"" + t.name + "\"", n.device, t.device), n.where);
    t.device = n.device;
  }
  auto [it, fresh] = t.capture_of.try_emplace(&n, static_cast<std::uint32_t>(t.captures.size()));
  if (fresh) {
    ValueId v = t.graph.add_input(InputKind::capture, n.value.type, "capture" + std::to_string(t.captures.size()));
    t.captures.push_back({node, v});
  }
  return t.captures[it->second].value;
}

Content strong(Content c) {
  c.weak = false;
  return c;
}

Content adapt(const Content& c, Dtype target, std::string_view who) {
  if (!c.weak || !c.defined()) return c;
  Dtype own = type_of(c.node).dtype;
  if (own == target || promote_weak(target, own) != target) return strong(c);
  const Node& n = *c.node.get();
  check_fits(who, c, target, n.where, "the dtype of what it takes the place of");
  Tensor t = HandleAccess::make(c.node);
  return strong(HandleAccess::raw(dispatch(OpKind::cast, {Arg(t, n.where)}, Attributes{target}, promote_none)));
}

// -- the last form ---------------------------------------------------------------------------------------------------
// Invariant loop arguments give way to the values they stand for, arguments take the order of the carried values, and
// values that were untyped while their region was open get their types. Traces without loops are left as they are.

namespace {

class Finisher final : public GraphCopy {
 public:
  Finisher(const Trace& t, Graph& to) : GraphCopy(t.graph, to), t_(t), from_(t.graph), to_(to) {}

  void whole() {
    to_.name = from_.name;
    for (auto& in : from_.inputs()) add_input(in);
    for (auto& g : from_.guards()) to_.add_guard(g);
    ops(BlockId::top, BlockId::top);
    for (auto& out : from_.outputs()) add_output(out);
  }

  // A block by itself.
  void region(BlockId block, std::span<const ValueId> outer) {
    to_.name = t_.name;
    for (ValueId a : arguments(block)) map(a, to_.add_input(InputKind::argument, type(a), "carried"));
    for (ValueId v : outer) map(v, to_.add_input(InputKind::argument, type(v), "captured"));
    ops(block, BlockId::top);
    for (ValueId y : from_.block(block).yields) to_.add_output(OutputKind::result, mapped(y), "");
  }

  ValueId mapped(ValueId v) const override {
    for (auto it = t_.forward.find(index(v)); it != t_.forward.end(); it = t_.forward.find(index(v))) v = it->second;
    return GraphCopy::mapped(v);
  }

  // Leaves out casts to their own dtype, which gave a value an identity for a tape.
  void op(const Op& op, BlockId to) override {
    if (op.kind == OpKind::cast && type(from_.result(op)).dtype == type(from_.operands(op)[0]).dtype)
      map(from_.result(op), mapped(from_.operands(op)[0]));
    else GraphCopy::op(op, to);
  }

 private:
  TensorType type(ValueId v) const override { return t_.type(v); }
  std::span<const ValueId> arguments(BlockId b) const override {
    auto it = t_.arguments.find(index(b));
    return it == t_.arguments.end() ? GraphCopy::arguments(b) : it->second;
  }

  const Trace& t_;
  const Graph& from_;
  Graph& to_;
};

}  // namespace

Graph Trace::finish() {
  if (forward.empty() && types.empty() && arguments.empty() && !rewritten) return std::move(graph);
  Graph finished;
  Finisher(*this, finished).whole();
  return finished;
}

Graph Trace::region(BlockId block, std::span<const ValueId> outer) const {
  Graph alone;
  Finisher(*this, alone).region(block, outer);
  return alone;
}

}  // namespace burin::detail
