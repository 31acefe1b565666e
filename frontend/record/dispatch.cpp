// The dispatch: promotion, then the referee (eager) or the innermost trace, then the tapes. See dispatch.h.
#include "frontend/record/dispatch.h"

#include "frontend/record/eager.h"
#include "frontend/record/recorder.h"
#include "runtime/ops/few.h"
#include "runtime/ops/in_region.h"
#include "runtime/ops/scalar.h"

#include <burin/promotion.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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

// Two operands that no dtype holds both of.
[[noreturn]] void no_meeting(OpKind kind, std::span<const Arg> operands, const Attributes& attributes,
                             std::span<const Operand> values, std::size_t i, std::size_t j,
                             const std::source_location& where) {
  const OpInfo& info = op_info(kind);
  auto said = [&](std::size_t k) { return operand_name(info, attributes, k); };
  auto dtype = [&](std::size_t k) {
    return values[k].node ? type_of(*values[k].node).dtype : operands[k].number().dtype;
  };
  auto type = [&](std::size_t k) {
    return values[k].node ? to_string(type_of(*values[k].node)) : std::string(name(dtype(k)));
  };
  auto cast_to = [&](std::size_t k, std::size_t other) {
    return "cast(" + said(k) + ", " + std::string(name(dtype(other))) + ")";
  };
  fail({ErrorCode::invalid_argument,
        std::string(info.mnemonic) + ": " + said(i) + " is " + type(i) + ", " + said(j) + " is " + type(j) +
            ": no integer dtype holds the values of both",
        "dtype-mismatch", "", "say which: " + cast_to(i, j) + " or " + cast_to(j, i)},
       where);
}

// The dtype that the masked operands meet in; nullopt where none is masked. Those of the highest category decide.
std::optional<Dtype> meeting_dtype(OpKind kind, std::span<const Arg> operands, const Attributes& attributes,
                                   std::span<const Operand> values, PromotionMask mask,
                                   const std::source_location& where) {
  struct Met {
    std::optional<Dtype> dtype;
    std::size_t by = 0;
    Category highest = Category::boolean;
  } strong_type, weak_type;
  auto each = [&](auto f) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
      bool number = !values[i].node;
      f(i, number ? operands[i].number().dtype : type_of(*values[i].node).dtype,
        number || values[i].weak ? weak_type : strong_type);
    }
  };
  each([](std::size_t, Dtype d, Met& met) { met.highest = std::max(met.highest, category(d)); });
  each([&](std::size_t i, Dtype d, Met& met) {
    if (met.dtype == d || category(d) != met.highest) return;
    auto both = met.dtype ? promote(*met.dtype, d) : std::optional(d);
    if (!both) no_meeting(kind, operands, attributes, values, met.by, i, where);
    if (both != met.dtype) met.dtype = both, met.by = i;
  });
  if (!strong_type.dtype || !weak_type.dtype) return strong_type.dtype ? strong_type.dtype : weak_type.dtype;
  return promote_weak(*strong_type.dtype, *weak_type.dtype);
}

ValueId literal_constant(Trace& t, const Literal& n, Dtype d, std::uint32_t line) {
  HostTensor value = literal_value(n, d);
  TensorType type = value.type;
  OpId op = t.graph.append(t.current, OpKind::constant, {}, Attributes{make_constant(std::move(value))},
                           std::span(&type, 1), line);
  return t.graph.result(t.graph.op(op));
}

// The number that a value of no axes is.
std::optional<Literal> number_in(const HostTensor& t) {
  if (!t.type.shape.empty()) return std::nullopt;
  return visit(t.type.dtype, [&]<class T>(std::type_identity<T>) -> Literal {
    const auto x = scalar::load<T>(*static_cast<const scalar::Stored<T>*>(t.buffer.data()));
    if constexpr (is_floating(dtype_of<T>)) return {dtype_of<T>, x, 0};
    else if constexpr (std::is_same_v<T, bool>) return Literal::of(x);
    else return Literal::of(x.value);
  });
}

// As `cast` converts: one rounding, saturating.
template <class T> scalar::Stored<T> converted(const Literal& n) {
  const bool real = is_floating(n.dtype), beyond = n.dtype == u64;
  const auto bits = static_cast<std::uint64_t>(n.integer);
  if constexpr (std::is_same_v<T, bool>) return real ? n.real != 0 : n.integer != 0;
  else if constexpr (is_narrow_float(dtype_of<T>))
    return real     ? scalar::to_narrow<T>(n.real)
           : beyond ? scalar::to_narrow_exactly<T>(bits)
                    : scalar::to_narrow_exactly<T>(n.integer);
  else if constexpr (is_floating(dtype_of<T>))
    return real ? static_cast<T>(n.real) : beyond ? static_cast<T>(bits) : static_cast<T>(n.integer);
  else return real ? scalar::saturate<T>(n.real) : static_cast<T>(n.integer);
}

// Whether the number keeps its value in that dtype, but for one rounding of a floating one, and stays finite.
bool holds(Dtype d, const Literal& n) {
  const bool real = is_floating(n.dtype);
  if (d == boolean || d == n.dtype || (real && is_floating(d) && !std::isfinite(n.real))) return true;
  if (is_floating(d))
    return visit(d, [&]<class T>(std::type_identity<T>) {
      if constexpr (is_floating(dtype_of<T>)) return std::isfinite(scalar::load<T>(converted<T>(n)));
      else return false;
    });
  const int digits = dtype_info(d).digits;
  if (real) {
    const double top = std::ldexp(1.0, digits);
    return n.real == std::trunc(n.real) && n.real < top && n.real >= (is_signed(d) ? -top : 0);
  }
  if (n.dtype == u64) return false;  // beyond the greatest i64
  const std::int64_t high = digits < 63 ? (std::int64_t{1} << digits) - 1 : INT64_MAX;
  return n.integer <= high && n.integer >= (is_signed(d) ? -high - 1 : 0);
}

std::string number_text(const Literal& n) {
  if (n.dtype == u64) return std::to_string(static_cast<std::uint64_t>(n.integer));
  if (!is_floating(n.dtype)) return std::to_string(n.integer);
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), n.real).ptr};
}

// The number that the content is by itself: what takes the dtype of what it meets, where its value is known.
std::optional<Literal> known_number(const Content& c) {
  const Node& n = *c.node.get();
  if (!c.weak || n.traced() || n.stands_in || n.device != 0) return std::nullopt;  // a device is not waited for
  return number_in(host_view(n.value));
}

NodeRef cast_node(std::string_view who, const Content& c, Dtype to, const std::source_location& where) {
  check_fits(who, c, to, where);
  Tensor from = HandleAccess::make(c.node), result;
  if (!c.node.get()->traced() && c.node.get()->literal && c.weak) {  // a constant of the right dtype, no op
    const TensorType& type = type_of(c.node);
    auto r = run_reference(OpKind::cast, std::array{read_value(*c.node.get())}, Attributes{to});
    if (r && type.shape.empty()) {
      NodeRef n = make_eager(std::move((*r)[0]), c.node.get()->where);
      n.get()->literal = true;
      n.get()->number = c.node.get()->number;
      return n;
    }
  }
  result = dispatch(OpKind::cast, {Arg(from, where)}, Attributes{to}, promote_none);
  return HandleAccess::node(result);
}

}  // namespace

// Wrapping, or an infinity, would be a wrong result that nobody asked for.
void check_fits(std::string_view who, const Literal& n, Dtype d, const std::source_location& where,
                std::string_view whose) {
  if (holds(d, n)) return;
  const bool fraction = is_floating(n.dtype) && !is_floating(d) && n.real != std::trunc(n.real);
  fail({ErrorCode::invalid_argument,
        std::string(who) + ": the number " + number_text(n) + " does not fit " + std::string(name(d)) + ", " +
            std::string(whose),
        "number-range", "",
        fraction                 ? "round it first"
        : whose == beside_number ? "cast the tensor to a wider dtype first"
                                 : "take a wider dtype"},
       where);
}

void check_fits(std::string_view who, const Content& c, Dtype d, const std::source_location& where,
                std::string_view whose) {
  if (auto number = known_number(c)) check_fits(who, *number, d, where, whose);
}

bool keeps_value(const Content& c, Dtype d) {
  auto number = known_number(c);
  return !number || holds(d, *number);
}

HostTensor literal_value(const Literal& n, Dtype d) {
  HostTensor t{{d, {}}, Buffer::allocate(bytes(d, 1))};
  if (!t.buffer) raise({ErrorCode::device, "out of memory", "out-of-memory", "", ""});
  visit(d, [&]<class T>(std::type_identity<T>) {
    *static_cast<scalar::Stored<T>*>(t.buffer.mutable_data()) = converted<T>(n);
  });
  return t;
}

NodeRef number_value(const Literal& n, Dtype d, const std::source_location& where) {
  NodeRef node = make_eager(literal_value(n, d), where);
  node.get()->number = true;
  return node;
}

NodeRef number_node(std::string_view who, const Arg& number, Dtype d, std::string_view whose) {
  if (number.size() != Dim()) {
    const Tensor n = size_of(number.size(), number.where());
    return d == i64 ? HandleAccess::read(n).node : cast_node(who, HandleAccess::read(n), d, number.where());
  }
  check_fits(who, number.number(), d, number.where(), whose);
  NodeRef n = number_value(number.number(), d, number.where());
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
    fail({ErrorCode::invalid_argument,
          called() + " is used before anything was assigned to it, or after it was moved from", "undefined", "",
          "give it a value where it is declared; copy it instead of moving where it is used again"},
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
      values[i].set(number_node(op_info(kind).mnemonic, operands[i], i64));
      values[i].weak = true;
    }
  }
  if (mask && n) {
    if (auto d = meeting_dtype(kind, operands, attributes, values, mask, where))
      for (std::size_t i = 0; i < n; ++i) {
        Operand& o = values[i];
        if (!(mask >> (i < 31 ? i : 31) & 1)) continue;
        if (!o.node) {
          check_fits(op_info(kind).mnemonic, operands[i].number(), *d, where);
          if (!r.trace || r.tapes) o.set(number_value(operands[i].number(), *d, where));
          else
            o.set(make_traced(*r.trace,
                              literal_constant(*r.trace, operands[i].number(), *d, r.line_in(*r.trace, where)),
                              {*d, {}}, where));
          if (r.trace) o.get().literal = !o.get().traced();
        } else if (type_of(*o.node).dtype != *d) {
          o.set(cast_node(op_info(kind).mnemonic, {*o.node, o.weak}, *d, where));
        }
      }
  }
  for (std::size_t i = 0; i < n; ++i)
    if (!values[i].node) {
      values[i].set(number_value(operands[i].number(), operands[i].number().dtype, where));
      values[i].get().literal = r.trace != nullptr;
    }

  Results results;
  Trace* t = r.trace;
  const bool listen = r.tapes && tapes_listen();
  const Attributes noted = listen ? attributes : Attributes();
  if (!t) {
    const bool number = kind == OpKind::cast && values[0].get().number;  // and still is one
    std::uint8_t elsewhere = number ? 0 : scope_device;
    for (const Operand& o : values) {
      if (o.get().traced()) foreign_value(o.get(), where);
      elsewhere |= o.get().device;
    }
    if (elsewhere) {  // perhaps: the scope tells only where no operand does
      Few<const NodeRef*, 4> given;
      for (const Operand& o : values) given.push_back(o.node);
      elsewhere = common_device(given, scope_device, op_info(kind).mnemonic, where);
      if (elsewhere)
        for (auto& m : run_elsewhere(elsewhere, kind, given, attributes, where)) results.push_back(std::move(m));
    }
    if (!elsewhere) {
      Few<HostTensor, 4> given;
      for (const Operand& o : values) given.push_back(host_view(o.get().value));
      auto made = run_on_cpu(kind, given, attributes);
      if (!made) fail(std::move(made.error()), where);
      for (auto& m : *made) results.push_back(make_eager(std::move(m), where));
      if (number) results[0].get()->number = true;
    }
  } else {
    Few<TensorType, 4> types;
    Few<ValueId, 4> ids;
    for (const Operand& o : values) {
      types.push_back(type_of(*o.node));
      ids.push_back(lower(*o.node, *t));
    }
    std::vector<Guard> guards;
    const ShapeQuery query{types, attributes, &guards};
    auto inferred = t->current == BlockId::top ? infer_types(kind, query) : infer_types_in_region(kind, query);
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
