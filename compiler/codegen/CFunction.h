// A C function around a compiled graph, as data: what burin_rt_aot_call is told of it (rt.h, burin_rt_aot_function).
#pragma once
#include "runtime/ops/buffer.h"

#include <burin/dim.h>

#include <cstdint>
#include <string>
#include <vector>

namespace burin::codegen {

struct CFunction {
  std::string Symbol;
  std::vector<std::int64_t> Records; ///< BURIN_RT_AOT_RECORD words for each input, then for each output
  std::vector<std::int64_t> Guards;  ///< kind, lhs, rhs: numbers of computed sizes
  std::string Strings;
  std::vector<Dim> Computed;      ///< sizes that are expressions
  std::vector<std::string> Sizes; ///< the entry's named sizes, in order
  std::int64_t NumOutputs = 0, NumArguments = 0, NumResults = 0;
  std::vector<const HostTensor *> Constants; ///< captures, then blobs: embedded
  std::int64_t NumBlobs = 0;
};

} // namespace burin::codegen
