// See copy.h.
#include "compiler/graph/copy.h"

#include "compiler/graph/sizes.h"

namespace burin {

TensorType GraphCopy::type(ValueId v) const {
  return bindings_.empty() ? from_.type(v) : substitute(from_.type(v), bindings_);
}

void GraphCopy::op(const Op& op, BlockId to) {
  std::vector<BlockId> regions;
  for (BlockId r : op.regions) regions.push_back(block(r, to));
  std::vector<ValueId> operands;
  for (ValueId v : from_.operands(op)) operands.push_back(mapped(v));
  std::vector<TensorType> types;
  for (std::uint32_t i = 0; i < op.num_results; ++i) types.push_back(type(from_.result(op, i)));
  Attributes attributes =
      !bindings_.empty() && mentions_sizes(op.attributes) ? substitute(op.attributes, bindings_) : op.attributes;
  const OpId copy = to_.append(to, op.kind, operands, std::move(attributes), types, line(op.line), std::move(regions));
  for (std::uint32_t i = 0; i < op.num_results; ++i) map(from_.result(op, i), to_.result(to_.op(copy), i));
}

void GraphCopy::ops(BlockId from, BlockId to) {
  for (OpId id : from_.block(from).ops) op(from_.op(id), to);
}

BlockId GraphCopy::block(BlockId from, BlockId parent) {
  const BlockId to = to_.add_block(parent);
  for (ValueId a : arguments(from)) map(a, to_.add_argument(to, type(a)));
  ops(from, to);
  std::vector<ValueId> yields;
  for (ValueId y : from_.block(from).yields) yields.push_back(mapped(y));
  to_.set_yields(to, yields);
  return to;
}

}  // namespace burin
