// The dispatch: promotion, then the referee (eager) or the innermost trace, then the tapes. See dispatch.h.
#include "frontend/trace/dispatch.h"

#include "frontend/trace/device.h"
#include "frontend/trace/recorder.h"

#include <burin/promotion.h>

#include <array>
#include <limits>

namespace burin::detail {

namespace {

constexpr std::size_t inline_operands = 4;

// Operands on the stack for all but very variadic ops.
template <class T> class Few {
 public:
  explicit Few(std::size_t n) : size_(n) {
    if (n > inline_operands) more_.resize(n);
  }
  T& operator[](std::size_t i) { return data()[i]; }
  T* data() { return size_ > inline_operands ? more_.data() : few_.data(); }
  std::span<T> span() { return {data(), size_}; }

 private:
  std::size_t size_;
  std::array<T, inline_operands> few_;
  std::vector<T> more_;
};

std::source_location line_of(std::span<const Arg> operands, const Recorder& r) {
  if (r.scope) return *r.scope;
  for (auto& a : operands)
    if (a.where().line()) return a.where();
  return {};
}

// The dtype that the masked operands meet in; nullopt where none is masked.
std::optional<Dtype> meeting_dtype(std::span<const Arg> operands, std::span<const Content> contents,
                                   PromotionMask mask) {
  std::optional<Dtype> strong_type, weak_type;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
    bool number = !contents[i].defined();
    Dtype d = number ? operands[i].number().dtype : type_of(contents[i].node).dtype;
    auto& met = number || contents[i].weak ? weak_type : strong_type;
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
  HostTensor t{{d, {}}, Buffer::allocate(byte_size(d))};
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

// The results of an op, without an allocation for one.
struct Results {
  NodeRef first;
  std::vector<NodeRef> rest;
  std::size_t count = 0;
  void add(NodeRef n) {
    if (count++ == 0) first = std::move(n);
    else rest.push_back(std::move(n));
  }
  std::vector<Tensor> handles() const {
    std::vector<Tensor> list;
    list.reserve(count);
    if (count) list.push_back(HandleAccess::make(first));
    for (auto& n : rest) list.push_back(HandleAccess::make(n));
    return list;
  }
};

Results carry_out(OpKind kind, std::span<const Arg> operands, Attributes attributes, PromotionMask mask) {
  Recorder& r = context();
  std::source_location where = line_of(operands, r);
  const std::size_t n = operands.size();
  Few<Content> contents(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!operands[i].tensor()) {
      if (operands[i].size() != Dim()) contents[i] = {number_node(operands[i], i64), true};
      continue;
    }
    contents[i] = HandleAccess::read(*operands[i].tensor());
    const Content& c = contents[i];
    if (!c.node || c.node.get()->maybe_undefined) check_usable(c, operands[i].tensor(), where);
  }
  if (mask && n) {
    if (auto d = meeting_dtype(operands, contents.span(), mask))
      for (std::size_t i = 0; i < n; ++i) {
        if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
        if (!contents[i].defined()) {
          check_fits(op_info(kind).mnemonic, operands[i].number(), *d, where);
          if (!r.trace || r.tapes) contents[i].node = make_eager(literal_value(operands[i].number(), *d), where);
          else
            contents[i].node =
                make_traced(*r.trace, literal_constant(*r.trace, operands[i].number(), *d, r.line_in(*r.trace, where)),
                            {*d, {}}, where);
          if (r.trace) contents[i].node.get()->literal = !contents[i].node.get()->traced();
        } else if (type_of(contents[i].node).dtype != *d) {
          contents[i].node = cast_node(contents[i], *d, where);
        }
      }
  }
  for (std::size_t i = 0; i < n; ++i)
    if (!contents[i].defined()) {
      contents[i].node = make_eager(literal_value(operands[i].number(), operands[i].number().dtype), where);
      contents[i].node.get()->literal = r.trace != nullptr;
    }

  Results results;
  Trace* t = r.trace;
  Attributes noted;
  bool listen = r.tapes && tapes_listen();
  if (listen) noted = attributes;
  if (!t) {
    Few<HostTensor> values(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (contents[i].node.get()->traced()) foreign_value(*contents[i].node.get(), where);
      values[i] = contents[i].node.get()->value;
    }
    auto made = eager_device().run(kind, values.span(), attributes);
    if (!made) fail(std::move(made.error()), where);
    for (auto& m : *made) results.add(make_eager(std::move(m), where));
  } else {
    Few<TensorType> types(n);
    Few<ValueId> ids(n);
    for (std::size_t i = 0; i < n; ++i) {
      types[i] = type_of(contents[i].node);
      ids[i] = lower(contents[i], *t);
    }
    std::vector<Guard> guards;
    auto inferred = infer_types(kind, {types.span(), attributes, &guards});
    if (!inferred) fail(std::move(inferred.error()), where);
    for (auto& g : guards) t->graph.add_guard(g);
    OpId op = t->graph.append(t->current, kind, ids.span(), std::move(attributes), *inferred, r.line_in(*t, where));
    for (std::uint32_t i = 0; i < inferred->size(); ++i)
      results.add(make_traced(*t, t->graph.result(t->graph.op(op), i), (*inferred)[i], where));
  }
  if (listen) {
    Untracked untracked;
    std::vector<Tensor> seen, made = results.handles();
    for (std::size_t i = 0; i < n; ++i) seen.push_back(HandleAccess::make(contents[i].node));
    tell_tapes({kind, seen, noted, made, where});
    seen.clear();
    made.clear();
  }
  return results;
}

}  // namespace

std::vector<Tensor> dispatch_all(OpKind kind, std::span<const Arg> operands, Attributes attributes,
                                 PromotionMask mask) {
  return carry_out(kind, operands, std::move(attributes), mask).handles();
}
Tensor dispatch(OpKind kind, std::span<const Arg> operands, Attributes attributes, PromotionMask mask) {
  return HandleAccess::make(std::move(carry_out(kind, operands, std::move(attributes), mask).first));
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
