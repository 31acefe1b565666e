// A Shape of more than max_rank sizes: user code may ask for one, and a constructor returns no Result. The frontend, which
// raises, sets what is called then; below it callers check ranks first. Must not depend on anything above runtime/ops.
#pragma once
#include <burin/dim.h>

#include <cstddef>

namespace burin::detail {

/// Called with the number of sizes; does not return. Set once, while libburin is loaded; null in programs without it.
extern void (*shape_refused)(std::size_t rank);

}  // namespace burin::detail
