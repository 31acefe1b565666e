// Writing, checking and loading images; see image.h.
#include "runtime/core/image.h"

#include "runtime/core/cpu_features.h"
#include "runtime/core/no_unwind.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

static_assert(std::endian::native == std::endian::little, "images are read and written as the machine's numbers");

struct burin_rt_image {
  burin::rt::LoadedObject object;
  burin_rt_entry entry = nullptr;
  std::int64_t arena_bytes = -1;
};

namespace burin::rt {
namespace {

constexpr char magic[8] = {'B', 'U', 'R', 'I', 'N', 'I', 'M', 'G'};
constexpr std::size_t alignment = 64;
constexpr std::uint32_t most_sections = 64;

constexpr std::size_t align(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

Digest checksum_of(ImageHeader header, std::span<const std::uint8_t> rest) {
  header.checksum = {};
  return digest({std::as_bytes(std::span(&header, 1)), std::as_bytes(rest)});
}

LoadError corrupt(std::string what) { return {BURIN_RT_CORRUPT, "image: " + std::move(what)}; }
LoadError unsupported(std::string what) { return {BURIN_RT_UNSUPPORTED, "image: " + std::move(what)}; }

std::string wrong_abi(std::uint32_t version) {
  return "made for runtime ABI " + std::to_string(version) + ", this is " + std::to_string(BURIN_RT_ABI_VERSION);
}

/// Of an image that may be anybody's: one short line.
std::string printable(std::string_view text) {
  std::string s(text.substr(0, 40));
  for (char& c : s)
    if (c < 0x20 || c > 0x7e) c = '?';
  return s;
}

LoadError load(std::span<const std::uint8_t> bytes, burin_rt_image& image) {
  ImageView view;
  if (LoadError e = read_image(bytes, view)) return e;
  const ImageInfo& info = view.info;
  if (info.abi_version != BURIN_RT_ABI_VERSION) return unsupported(wrong_abi(info.abi_version));
  if (info.functions_version < 1 || info.functions_version > BURIN_RT_FUNCTIONS_VERSION)
    return unsupported("its code calls version " + std::to_string(info.functions_version) +
                       " of the runtime's functions, this has " + std::to_string(BURIN_RT_FUNCTIONS_VERSION));
  if (info.architecture != architecture())
    return unsupported("its code is for " + printable(info.architecture) + ", this machine is " +
                       std::string(architecture()));
  if (std::string missing = missing_cpu_features(info.cpu_features); !missing.empty())
    return unsupported("this CPU lacks " + missing);
  std::span<const std::uint8_t> elf;
  if (LoadError e = view.section("elf", elf)) return e;
  if (LoadError e = LoadedObject::load(elf, image.object)) return e;
  if (!info.entry.empty()) {
    image.entry = reinterpret_cast<burin_rt_entry>(image.object.symbol(info.entry));
    if (!image.entry) return corrupt("its entry \"" + info.entry + "\" is not in its object");
  }
  image.arena_bytes = info.arena_bytes;
  return {};
}

}  // namespace

std::vector<std::uint8_t> write_image(const ImageInfo& info, std::span<const NamedSection> sections) {
  ImageHeader h{};
  std::memcpy(h.magic, magic, sizeof magic);
  h.version = image_version;
  h.abi_version = info.abi_version;
  h.arena_bytes = info.arena_bytes;
  h.functions_version = info.functions_version;
  h.num_sections = static_cast<std::uint32_t>(sections.size());
  h.architecture_size = static_cast<std::uint32_t>(info.architecture.size());
  h.features_size = static_cast<std::uint32_t>(info.cpu_features.size());
  h.entry_size = static_cast<std::uint32_t>(info.entry.size());
  const std::string names = info.architecture + info.cpu_features + info.entry;
  const std::size_t table = align(sizeof h + names.size(), alignof(ImageSection));
  std::vector<ImageSection> entries;
  std::size_t end = table + sections.size() * sizeof(ImageSection);
  for (const NamedSection& s : sections) {
    ImageSection entry{{}, align(end, alignment), s.contents.size()};
    std::memcpy(entry.name, s.name.data(), std::min(s.name.size(), sizeof entry.name));
    entries.push_back(entry);
    end = entry.offset + entry.size;
  }
  h.size = end;

  std::vector<std::uint8_t> bytes(h.size);
  std::copy(names.begin(), names.end(), bytes.begin() + sizeof h);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::memcpy(bytes.data() + table + i * sizeof(ImageSection), &entries[i], sizeof(ImageSection));
    std::copy(sections[i].contents.begin(), sections[i].contents.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(entries[i].offset));
  }
  h.checksum = checksum_of(h, std::span(bytes).subspan(sizeof h));
  std::memcpy(bytes.data(), &h, sizeof h);
  return bytes;
}

LoadError read_image(std::span<const std::uint8_t> bytes, ImageView& view) {
  ImageHeader h;
  if (bytes.size() < sizeof h) return corrupt("shorter than its header");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (std::memcmp(h.magic, magic, sizeof magic) != 0) return corrupt("not a burin image");
  if (h.version != image_version)  // nothing else of it is known
    return unsupported("container version " + std::to_string(h.version) + ", this reads " +
                       std::to_string(image_version) +
                       (h.abi_version != BURIN_RT_ABI_VERSION ? "; " + wrong_abi(h.abi_version) : ""));
  if (h.size != bytes.size())
    return corrupt("its header says " + std::to_string(h.size) + " bytes, there are " + std::to_string(bytes.size()));
  const std::uint64_t names = sizeof h + std::uint64_t{h.architecture_size} + h.features_size + h.entry_size;
  const std::uint64_t table = align(names, alignof(ImageSection));
  if (h.num_sections > most_sections || table + h.num_sections * sizeof(ImageSection) > h.size)
    return corrupt("its parts do not lie within it");
  if (h.arena_bytes < -1) return corrupt("negative arena size");
  auto rest = bytes.subspan(sizeof h);
  if (checksum_of(h, rest) != h.checksum) return corrupt("its checksum does not match");
  auto text = [&, from = std::size_t{0}](std::size_t size) mutable {
    return std::string(reinterpret_cast<const char*>(rest.data()) + std::exchange(from, from + size), size);
  };
  view.info.architecture = text(h.architecture_size);
  view.info.cpu_features = text(h.features_size);
  view.info.entry = text(h.entry_size);
  view.info.arena_bytes = h.arena_bytes;
  view.info.abi_version = h.abi_version;
  view.info.functions_version = h.functions_version;
  view.sections.clear();
  std::uint64_t end = table + h.num_sections * sizeof(ImageSection);
  for (std::uint32_t i = 0; i < h.num_sections; ++i) {
    const std::uint8_t* at = bytes.data() + table + i * sizeof(ImageSection);
    ImageSection s;
    std::memcpy(&s, at, sizeof s);
    const auto* name = reinterpret_cast<const char*>(at);
    const std::string_view called(name, ::strnlen(name, sizeof s.name));
    for (const NamedSection& other : view.sections)
      if (other.name == called) return corrupt("two sections are named \"" + printable(called) + "\"");
    if (s.offset % alignment != 0 || s.offset < end || s.offset > h.size || s.size > h.size - s.offset)
      return corrupt("its section \"" + printable(called) + "\" does not lie within it");
    end = s.offset + s.size;
    view.sections.push_back({called, bytes.subspan(s.offset, s.size)});
  }
  return end == h.size || h.num_sections == 0 ? LoadError{} : corrupt("bytes that belong to no section");
}

LoadError ImageView::section(std::string_view name, std::span<const std::uint8_t>& contents) const {
  for (const NamedSection& s : sections)
    if (s.name == name) {
      contents = s.contents;
      return {};
    }
  std::string there;
  for (const NamedSection& s : sections) there += (there.empty() ? "" : ", ") + printable(s.name);
  return corrupt("it has no section \"" + std::string(name) + "\"; there " +
                 (there.empty() ? "is none" : "is: " + there));
}

}  // namespace burin::rt

extern "C" int32_t burin_rt_image_load(const void* bytes, size_t size, burin_rt_image** image, char* message,
                                       size_t message_size) {
  using namespace burin::rt;
  if (!image) return BURIN_RT_INVALID_ARGUMENT;
  *image = nullptr;
  auto say = [&](const char* text) {
    if (message && message_size > 0) std::snprintf(message, message_size, "%s", text);
  };
  say("image: memory is exhausted");
  return no_unwind<int32_t>(BURIN_RT_OUT_OF_MEMORY, [&] {
    LoadError error;
    if (!bytes && size != 0) {
      error = {BURIN_RT_INVALID_ARGUMENT, "image: null"};
    } else {
      auto made = std::make_unique<burin_rt_image>();
      error = load({static_cast<const std::uint8_t*>(bytes), size}, *made);
      if (!error) *image = made.release();
    }
    say(error.message.c_str());
    return error.status;
  });
}

extern "C" burin_rt_entry burin_rt_image_entry(const burin_rt_image* image) { return image->entry; }
extern "C" int64_t burin_rt_image_arena_bytes(const burin_rt_image* image) { return image->arena_bytes; }
extern "C" void* burin_rt_image_symbol(const burin_rt_image* image, const char* name) {
  return image->object.symbol(name);
}
extern "C" void burin_rt_image_unload(burin_rt_image* image) { std::unique_ptr<burin_rt_image> gone(image); }
