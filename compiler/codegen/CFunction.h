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

  /// Variables that the object owns: NAME takes the arguments but these, NAME_init and its kin go beside it. `state.h`.
  std::vector<std::int64_t> StateRecords; ///< BURIN_RT_STATE_RECORD words for each
  std::string StateValues;                ///< their first values, placed as the records say
};

/// What NAME is followed by in the names of these functions.
inline constexpr const char *stateFunctions[] = {"_init", "_get", "_save", "_load"};

} // namespace burin::codegen
