// What differs for an op in a region, which may never run, from one that certainly does.
#pragma once
#include "runtime/ops/catalogue.h"

namespace burin {

/// infer_types for an op in a region. That a position is looked up along an empty axis is no mistake there, and no guard: it is
/// a fault of the run that comes to it.
Result<std::vector<TensorType>> infer_types_in_region(OpKind, const ShapeQuery&);

}  // namespace burin
