// What user code may ask of a Shape or a Dim in vain, where no Result is returned: more than max_rank sizes, the number of a
// size that is not known. The frontend, which raises, sets what is called then; below it callers check first. Must not
// depend on anything above runtime/ops.
#pragma once
#include <burin/dim.h>

#include <cstddef>

namespace burin::detail {

/// Called with the number of sizes; does not return. Set once, while libburin is loaded; null in programs without it.
extern void (*shape_refused)(std::size_t rank);
/// Called with a Dim that is no number; does not return. Likewise.
extern void (*value_refused)(Dim);

}  // namespace burin::detail
