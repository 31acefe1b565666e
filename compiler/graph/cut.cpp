// Marks what is late, decides what the late part repeats and what it is handed, then copies both parts.
#include "compiler/graph/cut.h"

#include "compiler/graph/copy.h"

namespace burin {
namespace {

// Ops whose result takes no work worth a buffer that lives until the late part runs.
bool cheap(OpKind kind) {
  switch (kind) {
#define BURIN_OP_FACTS(kind, registers, cheap, inplace) \
  case OpKind::kind: return cheap;
#include "compiler/graph/OpFacts.inc"  // generated
#undef BURIN_OP_FACTS
  }
  return false;
}

class Cutter {
 public:
  Cutter(const Graph& graph, const CutOptions& options)
      : graph_(graph),
        options_(options),
        late_(graph.num_values()),
        late_op_(graph.num_ops()),
        kept_(graph.num_values()),
        input_(graph.num_values(), -1),
        needed_(graph.num_values()),
        repeated_(graph.num_ops()) {}

  CutGraph run() {
    const auto inputs = graph_.inputs();
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      const bool late = i >= options_.early_inputs;
      late_[index(inputs[i].value)] = late;
      if (!late) input_[index(inputs[i].value)] = static_cast<std::int32_t>(i);
      kept_[index(inputs[i].value)] = !late && options_.kept[i];
    }
    mark(BlockId::top);
    for (std::size_t i = options_.early_outputs; i < graph_.outputs().size(); ++i) need(graph_.outputs()[i].value);
    for (OpId id : graph_.block(BlockId::top).ops)
      if (late_op_[index(id)]) need_reads(graph_.op(id));
    return copy();
  }

 private:
  // Ops of the top block only: a region op is early or late as a whole.
  void mark(BlockId top) {
    for (OpId id : graph_.block(top).ops) {
      const Op& op = graph_.op(id);
      bool late = false, kept = op_effects(op) == 0;
      visit_reads(op, [&](ValueId v) {
        late = late || late_[index(v)];
        kept = kept && kept_[index(v)];
      });
      late_op_[index(id)] = late;
      for (std::uint32_t i = 0; i < op.num_results; ++i) {
        late_[index(graph_.result(op, i))] = late;
        kept_[index(graph_.result(op, i))] = kept && !late;
      }
    }
  }
  std::uint8_t op_effects(const Op& op) const { return effects(graph_, op); }

  // Values of the top block that the op, or a block in it, reads.
  template <class F> void visit_reads(const Op& op, F f) const {
    for (ValueId v : graph_.operands(op)) f(v);
    for (BlockId r : op.regions) visit_block(r, f);
  }
  template <class F> void visit_block(BlockId b, F& f) const {
    auto outer = [&](ValueId v) {
      if (graph_.block_of(v) == BlockId::top) f(v);
    };
    for (OpId id : graph_.block(b).ops) {
      const Op& op = graph_.op(id);
      for (ValueId v : graph_.operands(op)) outer(v);
      for (BlockId r : op.regions) visit_block(r, f);
    }
    for (ValueId v : graph_.block(b).yields) outer(v);
  }
  void need_reads(const Op& op) {
    visit_reads(op, [&](ValueId v) { need(v); });
  }

  // The late part reads an early value: it repeats the op, or is handed the value.
  void need(ValueId v) {
    if (late_[index(v)] || needed_[index(v)]) return;
    needed_[index(v)] = true;
    if (!graph_.is_op_result(v)) return;
    const OpId id = graph_.defining_op(v);
    const Op& op = graph_.op(id);
    if (op_effects(op) != 0 || !(cheap(op.kind) || (options_.recompute_kept && kept_[index(v)]))) return;
    if (repeated_[index(id)]) return;
    repeated_[index(id)] = true;
    need_reads(op);
  }

  CutGraph copy() {
    CutGraph r;
    GraphCopy early(graph_, r.early), late(graph_, r.late);
    r.early.name = r.late.name = graph_.name;
    const auto inputs = graph_.inputs();
    const auto outputs = graph_.outputs();
    for (std::uint32_t i = 0; i < options_.early_inputs; ++i) {
      early.add_input(inputs[i]);
      if (!needed_[index(inputs[i].value)] || !options_.kept[i]) continue;
      late.add_input(inputs[i]);
      r.reads.push_back(i);
    }
    std::vector<ValueId> handed;
    for (std::uint32_t v = 0; v < needed_.size(); ++v) {
      const ValueId id{v};
      if (!needed_[v]) continue;
      if (graph_.is_op_result(id) ? repeated_[index(graph_.defining_op(id))] : options_.kept[input_index(id)]) continue;
      handed.push_back(id);
      r.handed_on.push_back(graph_.type(id));
      late.map(id, r.late.add_input(InputKind::argument, graph_.type(id), "saved" + std::to_string(handed.size() - 1)));
    }
    for (std::size_t i = options_.early_inputs; i < inputs.size(); ++i) late.add_input(inputs[i]);
    for (const Guard& g : graph_.guards()) {
      r.early.add_guard(g);
      r.late.add_guard(g);
    }
    for (OpId id : graph_.block(BlockId::top).ops) {
      if (!late_op_[index(id)]) early.op(graph_.op(id), BlockId::top);
      if (late_op_[index(id)] || repeated_[index(id)]) late.op(graph_.op(id), BlockId::top);
    }
    for (std::uint32_t i = 0; i < outputs.size(); ++i)
      (i < options_.early_outputs ? early : late).add_output(outputs[i]);
    for (std::size_t i = 0; i < handed.size(); ++i)
      r.early.add_output(OutputKind::result, early.mapped(handed[i]), "saved" + std::to_string(i));
    return r;
  }
  std::size_t input_index(ValueId v) const { return static_cast<std::size_t>(input_[index(v)]); }

  const Graph& graph_;
  const CutOptions& options_;
  std::vector<bool> late_, late_op_;
  std::vector<bool> kept_;           // made of kept inputs alone
  std::vector<std::int32_t> input_;  // by value: which early input
  std::vector<bool> needed_, repeated_;
};

}  // namespace

CutGraph cut(const Graph& graph, const CutOptions& options) { return Cutter(graph, options).run(); }

}  // namespace burin
