// A plan transform: a reduction that leaves few results becomes two nests, one over chunks, whose partial results stand in
// workspace, and one over the partial results. A target calls it with its own numbers. How a reduction is split depends on
// sizes only, never on the number of threads, so results do not either.
#pragma once
#include "compiler/codegen/plan/KernelPlan.h"

namespace burin::codegen {

/// When a reduction is worth splitting, and into how many chunks.
struct SplitPolicy {
  int64_t MaxResults;       ///< reductions with more are parallel as they are
  int64_t MinElements;      ///< known to be fewer: left alone
  int64_t MinChunkElements; ///< read for each chunk
  int64_t ChunkAlignment;   ///< elements, where a chunk is one row
  int64_t FewResults;       ///< up to as many take MaxChunks, others MaxChunksOfMany
  int64_t MaxChunks, MaxChunksOfMany;
};
void splitReductions(KernelPlan &Plan, const SplitPolicy &Policy);

} // namespace burin::codegen
