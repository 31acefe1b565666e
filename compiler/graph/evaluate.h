// evaluate: sends a Graph op by op to a handler, over any kind of value. The referee is one handler (interpret.cpp), the
// frontend's dispatch another; derivatives and batching of graphs are built on it. Must not know any handler.
#pragma once
#include "compiler/graph/sizes.h"

namespace burin {

/// One walk over a Graph. `Handler` has
///   Result<std::vector<V>> op(const Graph&, OpId, const Attributes&, std::span<const V> operands);
///   Result<std::vector<V>> region(Evaluation<V, Handler>&, OpId, std::span<const V> operands);
/// `region` gets ops with blocks and runs these by `run(block, arguments)`, as often as it likes: each run defines the
/// block's values anew. `Attributes` have the sizes of `bindings` in them. V is default-constructible and cheap to copy.
template <class V, class Handler> class Evaluation {
 public:
  Evaluation(const Graph& graph, Handler& handler, std::span<const DimBinding> bindings = {})
      : graph_(graph),
        handler_(handler),
        bindings_(bindings),
        values_(graph.num_values()) {}

  Result<std::vector<V>> run(std::span<const V> inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i) at(graph_.inputs()[i].value) = inputs[i];
    if (auto ok = run_ops(BlockId::top); !ok) return ok.error();
    std::vector<V> outputs;
    outputs.reserve(graph_.outputs().size());
    for (const Output& out : graph_.outputs()) outputs.push_back(at(out.value));
    return outputs;
  }
  /// A region's block: what it yields.
  Result<std::vector<V>> run(BlockId block, std::span<const V> arguments) {
    const Block& b = graph_.block(block);
    for (std::size_t i = 0; i < arguments.size(); ++i) at(b.arguments[i]) = arguments[i];
    if (auto ok = run_ops(block); !ok) return ok.error();
    std::vector<V> yields;
    yields.reserve(b.yields.size());
    for (ValueId v : b.yields) yields.push_back(at(v));
    return yields;
  }

  const Graph& graph() const { return graph_; }
  std::span<const DimBinding> bindings() const { return bindings_; }
  /// The value now held for `v`, which has been defined.
  const V& value(ValueId v) const { return values_[index(v)]; }

 private:
  V& at(ValueId v) { return values_[index(v)]; }

  Result<void> run_ops(BlockId block) {
    std::vector<V> operands;
    for (OpId id : graph_.block(block).ops) {
      const Op& op = graph_.op(id);
      operands.clear();
      for (ValueId v : graph_.operands(op)) operands.push_back(at(v));
      auto results = !op.regions.empty() ? handler_.region(*this, id, operands)
                     : !bindings_.empty() && mentions_sizes(op.attributes)
                         ? handler_.op(graph_, id, substitute(op.attributes, bindings_), operands)
                         : handler_.op(graph_, id, op.attributes, operands);
      if (!results) return results.error();
      for (std::uint32_t i = 0; i < op.num_results; ++i) at(graph_.result(op, i)) = std::move((*results)[i]);
    }
    return {};
  }

  const Graph& graph_;
  Handler& handler_;
  std::span<const DimBinding> bindings_;
  std::vector<V> values_;
};

/// What the graph gives for `arguments`, each op carried out by `handler`. Sizes bound by the caller (bind_sizes).
template <class V, class Handler>
Result<std::vector<V>> evaluate(const Graph& graph, std::span<const V> arguments, Handler& handler,
                                std::span<const DimBinding> bindings = {}) {
  return Evaluation<V, Handler>(graph, handler, bindings).run(arguments);
}

}  // namespace burin
