// Executable: something that runs a Graph on values. One at level `graph` (the referee), one for compiled images.
#pragma once
#include <burin/arg.h>

#include "compiler/graph/graph.h"

#include <memory>

namespace burin::detail {

class Executable {
 public:
  virtual ~Executable() = default;
  /// Inputs in the Graph's order; `outputs` have their types and memory already: a state's may be that of the input that
  /// it overwrites, anything else's is its own. After an error no input has changed. `sizes`: the named sizes' values.
  virtual Result<void> run(std::span<const DeviceTensor* const> inputs, std::span<DeviceTensor* const> outputs,
                           std::span<const std::int64_t> sizes) const = 0;
  virtual std::size_t bytes() const { return 0; }
  /// What a call takes beside its arguments and results, as FunctionStats says it.
  virtual std::int64_t planned_bytes() const { return 0; }
};

struct ExecutableStats {
  bool compiled = false, memory_hit = false, disk_hit = false;
};
/// Level `graph`. `check`: in check mode.
std::shared_ptr<Executable> interpreted(std::shared_ptr<const Graph>, bool check = false);
/// The referee once, where sizes break guards that the call may do without (may_go_unneeded): it refuses what it comes to.
Result<std::vector<HostTensor>> run_unguarded(const Graph&, std::span<const DeviceTensor* const> inputs,
                                              std::span<const DimBinding>, bool check);
/// Levels `no_fuse` and `full`: from the caches, or compiled now.
BURIN_API Result<std::shared_ptr<Executable>> compiled(std::shared_ptr<const Graph>, bool fuse, ExecutableStats&,
                                                       bool check = false);

/// Memory for an output of known sizes; the words of the referee where there is none.
Result<DeviceTensor> output_memory(const Graph&, ValueId, const TensorType&);

}  // namespace burin::detail
