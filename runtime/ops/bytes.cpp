// Bytes of values; see bytes.h.
#include "runtime/ops/bytes.h"

namespace burin {

std::string byte_text(std::int64_t bytes) {
  return bytes < 0 ? "more than 2^62 bytes" : std::to_string(bytes) + " bytes";
}

Error no_memory(std::string_view maker, const TensorType& type) {
  const Dim bytes = num_bytes(type);
  return {ErrorCode::device,
          std::string(maker) + ": no memory for the result " + to_string(type) + " (" +
              byte_text(fits_memory(bytes) ? bytes.value() : -1) + ")",
          "out-of-memory", "", ""};
}

}  // namespace burin
