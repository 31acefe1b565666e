// How many bytes a value takes, in exact arithmetic, and how it is said that there are not so many.
#pragma once
#include <burin/dim.h>
#include <burin/error.h>

#include "runtime/core/allocator.h"

namespace burin {

using rt::max_bytes;

/// Whether so many bytes (num_bytes of a type) are known, and no more than some memory may have (max_bytes).
constexpr bool fits_memory(Dim bytes) { return bytes.is_known() && bytes.value() <= max_bytes; }
std::string byte_text(std::int64_t bytes);  ///< `64 bytes`; `more than 2^62 bytes` for -1, which stands for too many

/// That what `maker` makes, of known sizes, has no memory: `cumsum: no memory for the result f32[8] (32 bytes)`.
Error no_memory(std::string_view maker, const TensorType&);

}  // namespace burin
