// See in_region.h.
#include "runtime/ops/in_region.h"

#include <algorithm>

namespace burin {

Result<std::vector<TensorType>> infer_types_in_region(OpKind kind, const ShapeQuery& q) {
  if (kind != OpKind::gather && kind != OpKind::scatter && kind != OpKind::scatter_add) return infer_types(kind, q);
  const std::size_t known = q.guards ? q.guards->size() : 0;
  auto types = infer_types(kind, q);
  const auto axis = static_cast<std::size_t>(std::get<std::int64_t>(q.attributes[0]));
  if (types) {
    const Guard not_empty{Guard::Kind::at_least, q.operands[0].shape[axis], 1};
    if (q.guards)
      q.guards->erase(std::remove(q.guards->begin() + static_cast<std::ptrdiff_t>(known), q.guards->end(), not_empty),
                      q.guards->end());
    return types;
  }
  if (types.error().tag != "empty-axis") return types;
  // The same of an axis with something along it; a scatter's result is of the operand's type.
  std::vector<TensorType> operands(q.operands.begin(), q.operands.end());
  operands[0].shape[axis] = 1;
  ShapeQuery other = q;
  other.operands = operands;
  types = infer_types(kind, other);
  if (types && kind != OpKind::gather) (*types)[0] = q.operands[0];
  return types;
}

}  // namespace burin
