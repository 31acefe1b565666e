// cut: divides a Graph in two at what depends on its last inputs. A derivative's graph is cut so into the part that runs
// forward and the part that waits for cotangents. Must not know what the parts are for.
#pragma once
#include "compiler/graph/graph.h"

namespace burin {

struct CutOptions {
  std::uint32_t early_inputs = 0;   ///< the inputs before are known early, the others late
  std::uint32_t early_outputs = 0;  ///< the outputs before belong to the early part, the others to the late one
  std::vector<bool> kept;           ///< by early input: the late part may read it without its being handed on
  bool recompute_kept = false;      ///< what is made of kept inputs alone is made again rather than handed on
};

/// A graph in two parts. `early` takes the early inputs and gives the early outputs, then what it hands on. `late` takes the
/// early inputs named by `reads`, what was handed on, then the late inputs, and gives the late outputs.
struct CutGraph {
  Graph early, late;
  std::vector<std::uint32_t> reads;  ///< indices of early inputs
  std::vector<TensorType> handed_on;
};

/// Cuts. Every op that depends on a late input is late; an early op that is cheaper to repeat than to keep (a constant, a
/// view, a broadcast) runs in both parts where the late one needs it; effects stay early.
/// Precondition: early outputs do not depend on late inputs.
CutGraph cut(const Graph&, const CutOptions&);

}  // namespace burin
