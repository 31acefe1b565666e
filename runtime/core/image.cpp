// Writing, checking and loading images; see image.h.
#include "runtime/core/image.h"

#include "runtime/core/cpu_features.h"

#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

static_assert(std::endian::native == std::endian::little, "images are read and written as the machine's numbers");

struct burin_rt_image {
  burin::rt::LoadedObject object;
  burin_rt_entry entry = nullptr;
  std::int64_t arena_bytes = -1;
};

namespace burin::rt {
namespace {

constexpr char magic[8] = {'B', 'U', 'R', 'I', 'N', 'I', 'M', 'G'};
constexpr std::size_t elf_alignment = 64;

Digest checksum_of(ImageHeader header, std::span<const std::uint8_t> rest) {
  header.checksum = {};
  return digest({std::as_bytes(std::span(&header, 1)), std::as_bytes(rest)});
}

LoadError corrupt(std::string what) { return {BURIN_RT_CORRUPT, "image: " + std::move(what)}; }

LoadError load(std::span<const std::uint8_t> bytes, burin_rt_image& image) {
  ImageView view;
  if (LoadError e = read_image(bytes, view)) return e;
  if (view.info.abi_version != BURIN_RT_ABI_VERSION)
    return {BURIN_RT_UNSUPPORTED, "image: made for runtime ABI " + std::to_string(view.info.abi_version) +
                                      ", this is " + std::to_string(BURIN_RT_ABI_VERSION)};
  if (std::string missing = missing_cpu_features(view.info.cpu_features); !missing.empty())
    return {BURIN_RT_UNSUPPORTED, "image: this CPU lacks " + missing};
  if (LoadError e = LoadedObject::load(view.elf, image.object)) return e;
  if (!view.info.entry.empty()) {
    image.entry = reinterpret_cast<burin_rt_entry>(image.object.symbol(view.info.entry));
    if (!image.entry) return corrupt("its entry \"" + view.info.entry + "\" is not in its object");
  }
  image.arena_bytes = view.info.arena_bytes;
  return {};
}

}  // namespace

std::vector<std::uint8_t> write_image(const ImageInfo& info, std::span<const std::uint8_t> elf) {
  ImageHeader h{};
  std::memcpy(h.magic, magic, sizeof magic);
  h.version = image_version;
  h.abi_version = info.abi_version;
  h.arena_bytes = info.arena_bytes;
  h.features_size = static_cast<std::uint32_t>(info.cpu_features.size());
  h.entry_size = static_cast<std::uint32_t>(info.entry.size());
  std::size_t names = sizeof h + info.cpu_features.size() + info.entry.size();
  h.elf_offset = (names + elf_alignment - 1) / elf_alignment * elf_alignment;
  h.elf_size = elf.size();
  h.size = h.elf_offset + h.elf_size;

  std::vector<std::uint8_t> bytes(h.size);
  std::uint8_t* p = bytes.data() + sizeof h;
  p = std::copy(info.cpu_features.begin(), info.cpu_features.end(), p);
  std::copy(info.entry.begin(), info.entry.end(), p);
  std::copy(elf.begin(), elf.end(), bytes.begin() + static_cast<std::ptrdiff_t>(h.elf_offset));
  h.checksum = checksum_of(h, std::span(bytes).subspan(sizeof h));
  std::memcpy(bytes.data(), &h, sizeof h);
  return bytes;
}

LoadError read_image(std::span<const std::uint8_t> bytes, ImageView& view) {
  ImageHeader h;
  if (bytes.size() < sizeof h) return corrupt("shorter than its header");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (std::memcmp(h.magic, magic, sizeof magic) != 0) return corrupt("not a burin image");
  if (h.version != image_version)
    return {BURIN_RT_UNSUPPORTED,
            "image: container version " + std::to_string(h.version) + ", this reads " + std::to_string(image_version)};
  if (h.size != bytes.size())
    return corrupt("its header says " + std::to_string(h.size) + " bytes, there are " + std::to_string(bytes.size()));
  std::uint64_t names = sizeof h + std::uint64_t{h.features_size} + h.entry_size;
  if (h.elf_offset % elf_alignment != 0 || h.elf_offset < names || h.elf_offset > h.size ||
      h.elf_size != h.size - h.elf_offset)
    return corrupt("its parts do not lie within it");
  if (h.arena_bytes < -1) return corrupt("negative arena size");
  auto rest = bytes.subspan(sizeof h);
  if (checksum_of(h, rest) != h.checksum) return corrupt("its checksum does not match");
  auto text = [&](std::size_t from, std::size_t size) {
    return std::string(reinterpret_cast<const char*>(rest.data()) + from, size);
  };
  view.info = {text(0, h.features_size), text(h.features_size, h.entry_size), h.arena_bytes, h.abi_version};
  view.elf = bytes.subspan(h.elf_offset);
  return {};
}

}  // namespace burin::rt

extern "C" int32_t burin_rt_image_load(const void* bytes, size_t size, burin_rt_image** image, char* message,
                                       size_t message_size) {
  using namespace burin::rt;
  if (!image) return BURIN_RT_INVALID_ARGUMENT;
  *image = nullptr;
  LoadError error;
  if (!bytes && size != 0) {
    error = {BURIN_RT_INVALID_ARGUMENT, "image: null"};
  } else {
    auto made = std::make_unique<burin_rt_image>();
    error = load({static_cast<const std::uint8_t*>(bytes), size}, *made);
    if (!error) *image = made.release();
  }
  if (message && message_size > 0) std::snprintf(message, message_size, "%s", error.message.c_str());
  return error.status;
}

extern "C" burin_rt_entry burin_rt_image_entry(const burin_rt_image* image) { return image->entry; }
extern "C" int64_t burin_rt_image_arena_bytes(const burin_rt_image* image) { return image->arena_bytes; }
extern "C" void* burin_rt_image_symbol(const burin_rt_image* image, const char* name) {
  return image->object.symbol(name);
}
extern "C" void burin_rt_image_unload(burin_rt_image* image) { std::unique_ptr<burin_rt_image> gone(image); }
