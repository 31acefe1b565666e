// How many bytes a value takes, in exact arithmetic, and how it is said that there are not so many.
#pragma once
#include <burin/dim.h>
#include <burin/error.h>

#include "runtime/core/allocator.h"

namespace burin {

using rt::max_bytes;

/// Bytes of a value of that type. Nothing where they are more than any memory has (max_bytes), or where a size is not known
/// or has left 64 bits.
std::optional<std::int64_t> byte_count(const TensorType&);
std::string byte_text(std::int64_t bytes);  ///< `64 bytes`; `more than 2^62 bytes` for -1, which stands for too many

/// That what `maker` makes, of known sizes, has no memory: `cumsum: no memory for the result f32[8] (32 bytes)`.
Error no_memory(std::string_view maker, const TensorType&);

}  // namespace burin
