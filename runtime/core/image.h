// Image: a compiled function as bytes, the same in the memory cache, the disk cache and what the compiler returns. A header
// that says what the code needs, then an x86-64 ELF relocatable object. Depends on the standard library and xxHash.
//
//   ImageHeader | cpu features, "avx2,fma" | entry symbol | padding to 64 | ELF
//
// All numbers are little-endian. A reader trusts nothing: the checksum finds accidents, the checks the rest.
#pragma once
#include "runtime/core/elf_loader.h"
#include "runtime/core/hash.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin::rt {

inline constexpr std::uint32_t image_version = 1;  ///< of the container; raised when ImageHeader changes

struct ImageHeader {
  char magic[8];                ///< "BURINIMG"
  std::uint32_t version;        ///< image_version
  std::uint32_t abi_version;    ///< BURIN_RT_ABI_VERSION of the code
  std::uint64_t size;           ///< of the whole image
  std::int64_t arena_bytes;     ///< -1: depends on named sizes
  std::uint32_t features_size;  ///< right behind the header
  std::uint32_t entry_size;     ///< behind the features
  std::uint64_t elf_offset;
  std::uint64_t elf_size;  ///< to the end of the image
  Digest checksum;         ///< of the whole image with this field zero
};
static_assert(sizeof(ImageHeader) == 72);

/// What an image says of its code.
struct ImageInfo {
  std::string cpu_features;  ///< `avx2,fma`: LLVM's names, each checked before the code is mapped
  std::string entry;         ///< symbol of the burin_rt_entry; empty: kernels only
  std::int64_t arena_bytes = -1;
  std::uint32_t abi_version = BURIN_RT_ABI_VERSION;
};

BURIN_RT_API std::vector<std::uint8_t> write_image(const ImageInfo& info, std::span<const std::uint8_t> elf);

/// The parts of an image after every check but the ELF's own; views into `bytes`. CPU features and ABI are not yet compared
/// with this machine's: an inspector may look at any image.
struct ImageView {
  ImageInfo info;
  std::span<const std::uint8_t> elf;
};
BURIN_RT_API LoadError read_image(std::span<const std::uint8_t> bytes, ImageView& view);

}  // namespace burin::rt
