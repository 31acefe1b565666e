// Appending one Graph to another.
#include "compiler/graph/inline.h"

#include "compiler/graph/copy.h"
#include "compiler/graph/sizes.h"

namespace burin {

Result<std::vector<ValueId>> inline_graph(Graph& to, BlockId block, const Graph& from,
                                          std::span<const ValueId> arguments) {
  std::vector<TensorType> types;
  for (ValueId a : arguments) types.push_back(to.type(a));
  std::vector<Guard> open;
  auto bindings = bind_sizes(from, types, &open);
  if (!bindings) return bindings.error();
  for (const Guard& g : open) to.add_guard(g);
  GraphCopy copy(from, to, *bindings);
  for (std::size_t i = 0; i < arguments.size(); ++i) copy.map(from.inputs()[i].value, arguments[i]);
  for (OpId id : from.block(BlockId::top).ops) copy.op(from.op(id), block);
  std::vector<ValueId> results;
  for (const Output& out : from.outputs()) results.push_back(copy.mapped(out.value));
  return results;
}

}  // namespace burin
