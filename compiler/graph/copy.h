// GraphCopy: copies ops of one Graph to another, regions included, op by op as the caller asks. Cuts, single regions and
// inlined graphs are made with it, and the last form of a trace; prune, which leaves out operands and results as it goes,
// copies by itself.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

/// Maps values of `from` to values of `to` while ops are copied in order. Sizes keep their names, but for those that are bound;
/// the bindings outlive this.
class GraphCopy {
 public:
  GraphCopy(const Graph& from, Graph& to, std::span<const DimBinding> bindings = {})
      : from_(from),
        to_(to),
        bindings_(bindings),
        map_(from.num_values(), ValueId::none),
        lines_(from.num_lines()) {}
  virtual ~GraphCopy() = default;

  void map(ValueId from, ValueId to) { map_[index(from)] = to; }
  virtual ValueId mapped(ValueId v) const { return map_[index(v)]; }

  ValueId add_input(const Input& in) {
    map(in.value, to_.add_input(in.kind, from_.type(in.value), in.name));
    return mapped(in.value);
  }
  void add_output(const Output& out) { to_.add_output(out.kind, mapped(out.value), out.name, out.overwrites); }

  virtual void op(const Op& op, BlockId to);
  void ops(BlockId from, BlockId to);
  BlockId block(BlockId from, BlockId parent);

 protected:
  virtual TensorType type(ValueId v) const;
  virtual std::span<const ValueId> arguments(BlockId b) const { return from_.block(b).arguments; }

 private:
  std::uint32_t line(std::uint32_t i) {
    if (i != 0 && lines_[i] == 0) lines_[i] = to_.intern_line_copy(from_.line(i));
    return lines_[i];
  }

  const Graph& from_;
  Graph& to_;
  std::span<const DimBinding> bindings_;
  std::vector<ValueId> map_;
  std::vector<std::uint32_t> lines_;
};

}  // namespace burin
