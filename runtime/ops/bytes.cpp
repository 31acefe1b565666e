// Bytes of values; see bytes.h.
#include "runtime/ops/bytes.h"

#include <algorithm>

namespace burin {

std::optional<std::int64_t> byte_count(const TensorType& type) {
  if (std::find(type.shape.begin(), type.shape.end(), Dim(0)) != type.shape.end()) return 0;
  std::int64_t bytes = byte_size(type.dtype);
  for (Dim d : type.shape)
    if (!d.is_known() || __builtin_mul_overflow(bytes, d.value(), &bytes)) return std::nullopt;
  return bytes <= max_bytes ? std::optional(bytes) : std::nullopt;
}

std::string byte_text(std::int64_t bytes) {
  return bytes < 0 ? "more than 2^62 bytes" : std::to_string(bytes) + " bytes";
}

Error no_memory(std::string_view maker, const TensorType& type) {
  return {ErrorCode::device,
          std::string(maker) + ": no memory for the result " + to_string(type) + " (" +
              byte_text(byte_count(type).value_or(-1)) + ")",
          "out-of-memory", "", ""};
}

}  // namespace burin
