// The safetensors format (8-byte header length, JSON header, data): named tensors in one piece of memory.
// The reader takes nothing on trust: every offset is checked, and no tensor is allocated, only pointed into the memory.
#pragma once
#include "runtime/ops/buffer.h"

#include <burin/error.h>

#include <span>
#include <string>
#include <vector>

namespace burin {

struct NamedTensor {
  std::string name;
  HostTensor value;
};

/// Names must differ. Tensors are laid out by falling element size, the data at a multiple of 64 bytes.
std::vector<std::uint8_t> write_safetensors(std::span<const NamedTensor>);
/// Tensors that share `memory` (kept alive by them) where aligned, in the order of the names. `bytes` lies in `memory`.
/// Refused is what the format forbids: a name that stands there twice, bytes of two tensors or of none.
Result<std::vector<NamedTensor>> read_safetensors(std::span<const std::uint8_t> bytes, const Buffer& memory);

/// A file of the format by itself. What is written is complete or not there.
Result<void> write_tensor_file(std::span<const NamedTensor>, const std::string& path);
Result<std::vector<NamedTensor>> read_tensor_file(const std::string& path);

}  // namespace burin
