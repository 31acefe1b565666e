// The dispatch: promotion, then the referee (eager) or the innermost trace, then the tapes. See dispatch.h.
#include "frontend/record/dispatch.h"

#include "frontend/record/recorder.h"
#include "frontend/value/device.h"
#include "runtime/ops/few.h"

#include <burin/promotion.h>

#include <limits>

namespace burin::detail {

namespace {

std::source_location line_of(std::span<const Arg> operands, const Recorder& r) {
  if (r.scope) return *r.scope;
  for (auto& a : operands)
    if (a.where().line()) return a.where();
  return {};
}

// An operand: what its handle holds, or a value that was made for it.
struct Operand {
  const NodeRef* node = nullptr;  // null: a number that has no dtype yet
  bool weak = false;
  NodeRef own{};  // what `node` may point to: an operand stays where it is
  void set(NodeRef n) {
    own = std::move(n);
    node = &own;
  }
  Node& get() const { return *node->get(); }
};

// What an op reads of a handle.
void read(Operand& o, const Tensor& t, const std::source_location& where) {
  o.node = HandleAccess::peek(t);
  o.weak = HandleAccess::weak(t);
  if (!o.node) {  // a variable's, which another thread may assign to
    Content c = HandleAccess::read(t);
    o.weak = c.weak;
    o.set(std::move(c.node));
  }
  if (!*o.node || o.get().maybe_undefined) check_usable({*o.node, o.weak}, &t, where);
}

// The dtype that the masked operands meet in; nullopt where none is masked.
std::optional<Dtype> meeting_dtype(std::span<const Arg> operands, std::span<const Operand> values, PromotionMask mask) {
  std::optional<Dtype> strong_type, weak_type;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
    bool number = !values[i].node;
    Dtype d = number ? operands[i].number().dtype : type_of(*values[i].node).dtype;
    auto& met = number || values[i].weak ? weak_type : strong_type;
    met = met ? promote(*met, d) : d;
  }
  if (!strong_type || !weak_type) return strong_type ? strong_type : weak_type;
  return promote_weak(*strong_type, *weak_type);
}

ValueId literal_constant(Trace& t, const Literal& n, Dtype d, std::uint32_t line) {
  HostTensor value = literal_value(n, d);
  TensorType type = value.type;
  OpId op = t.graph.append(t.current, OpKind::constant, {}, Attributes{make_constant(std::move(value))},
                           std::span(&type, 1), line);
  return t.graph.result(t.graph.op(op));
}

NodeRef cast_node(const Content& c, Dtype to, const std::source_location& where) {
  Tensor from = HandleAccess::make(c.node), result;
  if (!c.node.get()->traced() && c.node.get()->literal && c.weak) {  // a constant of the right dtype, no op
    const TensorType& type = type_of(c.node);
    auto r = run_reference(OpKind::cast, std::span(&c.node.get()->value, 1), Attributes{to});
    if (r && type.shape.empty()) {
      NodeRef n = make_eager(std::move((*r)[0]), c.node.get()->where);
      n.get()->literal = true;
      return n;
    }
  }
  result = dispatch(OpKind::cast, {Arg(from, where)}, Attributes{to}, promote_none);
  return HandleAccess::node(result);
}

}  // namespace

// A number takes the tensor's dtype, which must hold it: wrapping here would be a wrong result that nobody asked for.
void check_fits(std::string_view who, const Literal& n, Dtype d, const std::source_location& where) {
  if (is_floating(d) || is_floating(n.dtype) || d == boolean) return;
  const std::int64_t low = d == i32 ? INT32_MIN : d == i64 ? INT64_MIN : 0;
  const std::int64_t high = d == i32 ? INT32_MAX : d == i64 ? INT64_MAX : d == u32 ? UINT32_MAX : UINT8_MAX;
  if (n.integer >= low && n.integer <= high) return;
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": the number " + std::to_string(n.integer) + " does not fit " + std::string(name(d)) +
            ", the dtype of the tensor beside it",
        "number-range", "", "cast the tensor to a wider dtype first"},
       where);
}

HostTensor literal_value(const Literal& n, Dtype d) {
  HostTensor t{{d, {}}, Buffer::allocate(bytes(d, 1))};
  if (!t.buffer) raise({ErrorCode::device, "out of memory", "out-of-memory", "", ""});
  void* p = t.buffer.mutable_data();
  bool real = is_floating(n.dtype);
  double x = real ? n.real : static_cast<double>(n.integer);
  std::int64_t i = n.integer;
  if (real) {  // as `cast` does: saturate, NaN is 0
    constexpr double top = 9223372036854775807.0;
    i = n.real != n.real ? 0
        : n.real >= top  ? std::numeric_limits<std::int64_t>::max()
        : n.real <= -top ? std::numeric_limits<std::int64_t>::min()
                         : static_cast<std::int64_t>(n.real);
  }
  switch (d) {
    case Dtype::boolean: *static_cast<std::uint8_t*>(p) = real ? n.real != 0 : i != 0; break;
    case Dtype::u8: *static_cast<std::uint8_t*>(p) = static_cast<std::uint8_t>(i); break;
    case Dtype::i32: *static_cast<std::int32_t*>(p) = static_cast<std::int32_t>(i); break;
    case Dtype::u32: *static_cast<std::uint32_t*>(p) = static_cast<std::uint32_t>(i); break;
    case Dtype::i64: *static_cast<std::int64_t*>(p) = i; break;
    case Dtype::bf16: *static_cast<bfloat16*>(p) = bfloat16(static_cast<float>(x)); break;
    case Dtype::f32: *static_cast<float*>(p) = static_cast<float>(x); break;
    case Dtype::f64: *static_cast<double*>(p) = x; break;
  }
  return t;
}

NodeRef number_node(const Arg& number, Dtype d) {
  if (number.size() != Dim()) {
    const Tensor n = size_of(number.size(), number.where());
    return d == i64 ? HandleAccess::read(n).node : cast_node(HandleAccess::read(n), d, number.where());
  }
  NodeRef n = make_eager(literal_value(number.number(), d), number.where());
  n.get()->literal = context().trace != nullptr;
  return n;
}

void check_usable(const Content& c, const Tensor* handle, const std::source_location& where) {
  auto called = [&] {
    auto& names = context().names;
    auto it = names.find(handle);
    return it == names.end() ? std::string("a tensor") : "'" + it->second + "'";
  };
  if (!c.defined())
    fail({ErrorCode::invalid_argument, called() + " is used before anything was assigned to it", "undefined", "",
          "give it a value where it is declared"},
         where);
  const Node& n = *c.node.get();
  if (n.maybe_undefined)
    fail({ErrorCode::trace,
          called() + " is assigned on only some paths of the branch or loop at line " + std::to_string(n.branch_line),
          "undefined", "", "give it a value before the branch or loop"},
         where);
}

namespace {

using Results = Few<NodeRef, 1>;

std::vector<Tensor> handles(const Results& results) {
  std::vector<Tensor> list;
  list.reserve(results.size());
  for (auto& n : results) list.push_back(HandleAccess::make(n));
  return list;
}

Results carry_out(OpKind kind, std::span<const Arg> operands, Attributes&& attributes, PromotionMask mask) {
  Recorder& r = context();
  std::source_location where = line_of(operands, r);
  const std::size_t n = operands.size();
  Few<Operand, 4> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (operands[i].tensor()) {
      read(values[i], *operands[i].tensor(), where);
    } else if (operands[i].size() != Dim()) {
      values[i].set(number_node(operands[i], i64));
      values[i].weak = true;
    }
  }
  if (mask && n) {
    if (auto d = meeting_dtype(operands, values, mask))
      for (std::size_t i = 0; i < n; ++i) {
        Operand& o = values[i];
        if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
        if (!o.node) {
          check_fits(op_info(kind).mnemonic, operands[i].number(), *d, where);
          if (!r.trace || r.tapes) o.set(make_eager(literal_value(operands[i].number(), *d), where));
          else
            o.set(make_traced(*r.trace,
                              literal_constant(*r.trace, operands[i].number(), *d, r.line_in(*r.trace, where)),
                              {*d, {}}, where));
          if (r.trace) o.get().literal = !o.get().traced();
        } else if (type_of(*o.node).dtype != *d) {
          o.set(cast_node({*o.node, o.weak}, *d, where));
        }
      }
  }
  for (std::size_t i = 0; i < n; ++i)
    if (!values[i].node) {
      values[i].set(make_eager(literal_value(operands[i].number(), operands[i].number().dtype), where));
      values[i].get().literal = r.trace != nullptr;
    }

  Results results;
  Trace* t = r.trace;
  const bool listen = r.tapes && tapes_listen();
  const Attributes noted = listen ? attributes : Attributes();
  if (!t) {
    Few<HostTensor, 4> given;
    for (const Operand& o : values) {
      if (o.get().traced()) foreign_value(o.get(), where);
      given.push_back(o.get().value);
    }
    auto made = eager_device().run(kind, given, attributes);
    if (!made) fail(std::move(made.error()), where);
    for (auto& m : *made) results.push_back(make_eager(std::move(m), where));
  } else {
    Few<TensorType, 4> types;
    Few<ValueId, 4> ids;
    for (const Operand& o : values) {
      types.push_back(type_of(*o.node));
      ids.push_back(lower(*o.node, *t));
    }
    std::vector<Guard> guards;
    auto inferred = infer_types(kind, {types, attributes, &guards});
    if (!inferred) fail(std::move(inferred.error()), where);
    for (auto& g : guards) t->graph.add_guard(g);
    OpId op = t->graph.append(t->current, kind, ids, std::move(attributes), *inferred, r.line_in(*t, where));
    for (std::uint32_t i = 0; i < inferred->size(); ++i)
      results.push_back(make_traced(*t, t->graph.result(t->graph.op(op), i), (*inferred)[i], where));
  }
  if (listen) {
    Untracked untracked;
    std::vector<Tensor> seen, made = handles(results);
    seen.reserve(n);
    for (const Operand& o : values) seen.push_back(HandleAccess::make(*o.node));
    tell_tapes({kind, seen, noted, made, where});
    seen.clear();
    made.clear();
  }
  return results;
}

}  // namespace

std::vector<Tensor> dispatch_all(OpKind kind, std::span<const Arg> operands, Attributes attributes,
                                 PromotionMask mask) {
  return handles(carry_out(kind, operands, std::move(attributes), mask));
}
Tensor dispatch(OpKind kind, std::span<const Arg> operands, Attributes attributes, PromotionMask mask) {
  Results results = carry_out(kind, operands, std::move(attributes), mask);
  return results.empty() ? Tensor() : HandleAccess::make(std::move(results[0]));
}

std::int64_t axis_of(const Arg& operand, Axis axis) {
  int rank = operand.rank();
  return axis < 0 && axis >= -rank ? axis + rank : axis;
}
std::vector<std::int64_t> axes_of(const Arg& operand, const Axes& axes) {
  std::vector<std::int64_t> list;
  int rank = axes.all() ? operand.rank() : 0;
  for (int i = 0; i < rank; ++i) list.push_back(axes.reversed() ? rank - 1 - i : i);
  if (!axes.all())
    for (auto a : axes.list()) list.push_back(axis_of(operand, a));
  return list;
}

}  // namespace burin::detail
