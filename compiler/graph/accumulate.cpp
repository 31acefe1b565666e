// See accumulate.h. An output is taken apart where it is a sum that holds scattered slices; what nobody else reads of it is
// not copied.
#include "compiler/graph/accumulate.h"

#include "compiler/graph/copy.h"

#include <algorithm>

namespace burin {
namespace {

class Accumulator {
 public:
  explicit Accumulator(const Graph& from) : from_(from), copy_(from, to_), uses_(from.num_values()) {
    auto use = [&](ValueId v) { ++uses_[index(v)]; };
    for (std::uint32_t o = 0; o < from.num_ops(); ++o)
      for (ValueId v : from.operands(from.op(OpId{o}))) use(v);
    for (std::uint32_t b = 0; b < from.num_blocks(); ++b)
      for (ValueId v : from.block(BlockId{b}).yields) use(v);
    for (const Output& out : from.outputs()) use(out.value);
  }

  Graph run(std::span<const std::uint32_t> summed) {
    const auto outputs = from_.outputs();
    std::vector<std::vector<ValueId>> terms(outputs.size());
    for (std::uint32_t i : summed) take_apart(outputs[i].value, terms[i]);
    to_.name = from_.name;
    for (const Input& in : from_.inputs()) copy_.add_input(in);
    for (const Guard& g : from_.guards()) to_.add_guard(g);
    for (OpId id : from_.block(BlockId::top).ops)
      if (std::find(left_out_.begin(), left_out_.end(), id) == left_out_.end()) copy_.op(from_.op(id), BlockId::top);
    for (std::uint32_t i : summed) {
      ValueId sum =
          to_.add_input(InputKind::argument, sum_type(from_.type(outputs[i].value)), "sum" + std::to_string(i));
      for (ValueId term : terms[i]) sum = add(sum, term);
      terms[i].assign(1, sum);
    }
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (terms[i].empty()) copy_.add_output(outputs[i]);
      else to_.add_output(outputs[i].kind, terms[i][0], outputs[i].name, outputs[i].overwrites);
    return std::move(to_);
  }

 private:
  const Op* op_of(ValueId v, OpKind kind) const {
    if (!from_.is_op_result(v)) return nullptr;
    const Op& op = from_.op(from_.defining_op(v));
    return op.kind == kind && op.block == BlockId::top ? &op : nullptr;
  }
  bool is_zeros(ValueId v) const {
    for (OpKind kind : {OpKind::broadcast_to, OpKind::cast})
      if (const Op* op = op_of(v, kind)) v = from_.operands(*op)[0];
    const Op* op = op_of(v, OpKind::constant);
    if (!op) return false;
    const HostTensor& value = std::get<std::shared_ptr<const Constant>>(op->attributes[0])->value;
    const auto* bytes = value.data<std::uint8_t>();
    return std::all_of(bytes, bytes + value.num_bytes(), [](std::uint8_t b) { return b == 0; });
  }
  const Op* slices(ValueId v) const {
    const Op* op = op_of(v, OpKind::scatter_add);
    return op && is_zeros(from_.operands(*op)[0]) ? op : nullptr;
  }
  /// A sum of that type, read here only, whose terms hold slices.
  const Op* sum_with_slices(ValueId v) const {
    const Op* op = uses_[index(v)] == 1 ? op_of(v, OpKind::add) : nullptr;
    if (!op) return nullptr;
    bool found = false;
    for (ValueId term : from_.operands(*op)) {
      if (from_.type(term) != from_.type(v)) return nullptr;
      const ValueId inner = uncast(term);
      found = found || slices(inner) || sum_with_slices(inner);
    }
    return found ? op : nullptr;
  }
  /// A cast between a type and that of its sums, read here only.
  const Op* sum_cast(ValueId v) const {
    const Op* op = uses_[index(v)] == 1 ? op_of(v, OpKind::cast) : nullptr;
    if (!op) return nullptr;
    const TensorType from = from_.type(from_.operands(*op)[0]), to = from_.type(v);
    return sum_type(from) == sum_type(to) ? op : nullptr;
  }
  /// What such casts were made of.
  ValueId uncast(ValueId v) const {
    while (const Op* op = sum_cast(v)) v = from_.operands(*op)[0];
    return v;
  }

  void take_apart(ValueId v, std::vector<ValueId>& terms) {
    for (const Op* op = sum_cast(v); op; op = sum_cast(v)) {
      left_out_.push_back(from_.defining_op(v));
      v = from_.operands(*op)[0];
    }
    if (const Op* op = sum_with_slices(v)) {
      left_out_.push_back(from_.defining_op(v));
      for (ValueId term : from_.operands(*op)) take_apart(term, terms);
      return;
    }
    if (slices(v) && uses_[index(v)] == 1) left_out_.push_back(from_.defining_op(v));
    terms.push_back(v);
  }

  ValueId add(ValueId sum, ValueId term) {
    const TensorType type = sum_type(from_.type(term));
    const Op* op = slices(term);
    const std::uint32_t line = from_.is_op_result(term) && from_.op(from_.defining_op(term)).line
                                   ? to_.intern_line_copy(from_.line(from_.op(from_.defining_op(term)).line))
                                   : 0;
    std::vector<ValueId> operands{sum};
    if (op) operands.push_back(copy_.mapped(from_.operands(*op)[1]));
    const ValueId added = op ? from_.operands(*op)[2] : term;
    operands.push_back(copy_.mapped(added));
    if (const TensorType wide = sum_type(from_.type(added)); wide != from_.type(added)) {
      const OpId cast = to_.append(BlockId::top, OpKind::cast, std::span(&operands.back(), 1), Attributes{wide.dtype},
                                   std::span(&wide, 1), line);
      operands.back() = to_.result(to_.op(cast));
    }
    const OpId made = to_.append(BlockId::top, op ? OpKind::scatter_add : OpKind::add, operands,
                                 op ? op->attributes : Attributes{}, std::span(&type, 1), line);
    return to_.result(to_.op(made));
  }

  const Graph& from_;
  Graph to_;
  GraphCopy copy_;
  std::vector<int> uses_;
  std::vector<OpId> left_out_;
};

}  // namespace

TensorType sum_type(TensorType type) {
  type.dtype = compute_dtype(type.dtype);
  return type;
}

Graph accumulate(const Graph& graph, std::span<const std::uint32_t> outputs) { return Accumulator(graph).run(outputs); }

}  // namespace burin
