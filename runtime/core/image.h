// Image: a compiled function as bytes, the same in the memory cache, the disk cache and what the compiler returns. A header
// that says what the code needs, then named sections: a machine's code in the form that its loader takes. A CPU's has one,
// `elf`, a relocatable object. Depends on the standard library and xxHash.
//
//   ImageHeader | architecture, "x86-64" | features, "avx2,fma" | entry symbol | padding to 8 | ImageSection... | contents,
//   each padded to 64
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

inline constexpr std::uint32_t image_version = 2;  ///< of the container; raised when what follows changes

struct ImageHeader {
  char magic[8];                    ///< "BURINIMG", and the next two, in each version
  std::uint32_t version;            ///< image_version
  std::uint32_t abi_version;        ///< BURIN_RT_ABI_VERSION of the code
  std::uint64_t size;               ///< of the whole image
  std::int64_t arena_bytes;         ///< -1: depends on named sizes
  std::uint32_t functions_version;  ///< the least BURIN_RT_FUNCTIONS_VERSION that the code runs with
  std::uint32_t num_sections;
  std::uint32_t architecture_size;  ///< right behind the header
  std::uint32_t features_size;      ///< behind the architecture
  std::uint32_t entry_size;         ///< behind the features
  std::uint32_t unused;             ///< 0
  Digest checksum;                  ///< of the whole image with this field zero
};
static_assert(sizeof(ImageHeader) == 72);

struct ImageSection {
  char name[16];  ///< padded with zeros, no other name in the image is the same
  std::uint64_t offset;
  std::uint64_t size;
};
static_assert(sizeof(ImageSection) == 32);

/// What an image says of its code.
struct ImageInfo {
  std::string architecture;  ///< `x86-64`: what runs the code
  std::string cpu_features;  ///< `avx2,fma`: LLVM's names, each checked before the code is mapped
  std::string entry;         ///< symbol of the burin_rt_entry; empty: kernels only
  std::int64_t arena_bytes = -1;
  std::uint32_t abi_version = BURIN_RT_ABI_VERSION;
  std::uint32_t functions_version = BURIN_RT_FUNCTIONS_VERSION;
};

/// A part of an image; `contents` belong to somebody else.
struct NamedSection {
  std::string_view name;  ///< 1 to 16 characters
  std::span<const std::uint8_t> contents;
};

BURIN_RT_API std::vector<std::uint8_t> write_image(const ImageInfo& info, std::span<const NamedSection> sections);

/// The parts of an image after every check but those of a section's own; views into `bytes`. What the code needs is not yet
/// compared with this machine: an inspector may look at any image.
struct ImageView {
  ImageInfo info;
  std::vector<NamedSection> sections;

  /// The section of that name; a line that says so where there is none.
  BURIN_RT_API LoadError section(std::string_view name, std::span<const std::uint8_t>& contents) const;
};
BURIN_RT_API LoadError read_image(std::span<const std::uint8_t> bytes, ImageView& view);

}  // namespace burin::rt
