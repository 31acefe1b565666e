// The container of a saved function: named sections with sizes and checksums, and the file around it.
//   8 bytes magic · u32 format version · u32 number of sections · per section: 16 bytes name (zero-padded), u64 offset,
//   u64 size, u64 XXH3 of its bytes · u64 XXH3 of all that comes before · sections at multiples of 64. Little-endian.
#include "compiler/graph/saved.h"

#include "runtime/core/file.h"

#include <xxhash.h>

#include <cerrno>
#include <cstring>

namespace burin {
namespace {

constexpr char magic[8] = {'B', 'U', 'R', 'I', 'N', '\r', '\n', '\x1a'};  // a text-mode copy or a missing byte shows
constexpr std::uint32_t format_version = 1;
constexpr std::uint32_t max_sections = 16;
constexpr std::size_t alignment = 64;
constexpr std::size_t name_size = 16;

struct Entry {
  char name[name_size];
  std::uint64_t offset, size, checksum;
};
static_assert(sizeof(Entry) == 40);

Error corrupt(std::string what) {
  return {ErrorCode::invalid_argument, "saved function: " + std::move(what), "corrupt-file", "", "save it again"};
}
template <class T> T read(std::span<const std::uint8_t> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

namespace detail {

std::vector<std::uint8_t> make_container(std::span<const std::uint8_t> function,
                                         std::span<const std::uint8_t> weights) {
  const std::span<const std::uint8_t> sections[] = {function, weights};
  const char* names[] = {"function", "weights"};
  const std::size_t header = 16 + 2 * sizeof(Entry) + 8;
  std::size_t at = header;
  Entry entries[2] = {};
  for (int i = 0; i < 2; ++i) {
    at = (at + alignment - 1) / alignment * alignment;
    std::strncpy(entries[i].name, names[i], name_size - 1);
    entries[i].offset = at;
    entries[i].size = sections[i].size();
    entries[i].checksum = XXH3_64bits(sections[i].data(), sections[i].size());
    at += sections[i].size();
  }
  std::vector<std::uint8_t> out(at);
  const std::uint32_t numbers[] = {format_version, 2};
  std::memcpy(out.data(), magic, 8);
  std::memcpy(out.data() + 8, numbers, 8);
  std::memcpy(out.data() + 16, entries, sizeof entries);
  const std::uint64_t checksum = XXH3_64bits(out.data(), header - 8);
  std::memcpy(out.data() + header - 8, &checksum, 8);
  for (int i = 0; i < 2; ++i)
    if (!sections[i].empty()) std::memcpy(out.data() + entries[i].offset, sections[i].data(), sections[i].size());
  return out;
}

Result<Sections> open_container(std::span<const std::uint8_t> file) {
  if (file.size() < 16 || std::memcmp(file.data(), magic, 8) != 0) return corrupt("this is not a saved function");
  const auto version = read<std::uint32_t>(file, 8), count = read<std::uint32_t>(file, 12);
  if (version != format_version)
    return Error{ErrorCode::unsupported,
                 "saved function: it has format " + std::to_string(version) + "; this burin reads format " +
                     std::to_string(format_version),
                 "format-version", "", ""};
  if (count > max_sections || file.size() < 16 + count * sizeof(Entry) + 8) return corrupt("the file is cut off");
  const std::size_t table_end = 16 + count * sizeof(Entry);
  if (read<std::uint64_t>(file, table_end) != XXH3_64bits(file.data(), table_end))
    return corrupt("the section table is damaged");
  Sections sections;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto e = read<Entry>(file, 16 + i * sizeof(Entry));
    if (e.offset > file.size() || e.size > file.size() - e.offset) return corrupt("the file is cut off");
    const auto bytes = file.subspan(e.offset, e.size);
    const std::string_view name(e.name, strnlen(e.name, name_size));
    if (XXH3_64bits(bytes.data(), bytes.size()) != e.checksum)
      return corrupt("the section '" + std::string(name) + "' is damaged");
    if (name == "function") sections.function = bytes;
    else if (name == "weights") sections.weights = bytes;  // others are of a later writer, and not needed
  }
  if (!sections.function.data() || !sections.weights.data()) return corrupt("a section is missing");
  return sections;
}

}  // namespace detail

Result<SavedFunction> deserialise(const Buffer& file) {
  auto sections =
      detail::open_container({static_cast<const std::uint8_t*>(file.data()), static_cast<std::size_t>(file.size())});
  if (!sections) return sections.error();
  return detail::decode_function(sections->function, sections->weights, file);
}

Result<void> write_saved(const SavedFunction& function, const std::string& path) {
  auto bytes = serialise(function);
  if (!bytes) return bytes.error();
  rt::Replacement file(path);
  if (!file.write(std::as_bytes(std::span(*bytes))) || !file.commit())
    return Error{ErrorCode::invalid_argument, "saved function: cannot write '" + path + "': " + file.why(), "file", "",
                 ""};
  return {};
}

Result<Buffer> detail::read_bytes(const std::string& path) {
  auto no_access = [&](const std::string& why) {
    return Error{ErrorCode::invalid_argument, "cannot read '" + path + "': " + why, "file", "", ""};
  };
  struct stat status{};
  errno = 0;
  rt::File file = rt::open_regular(path, /*follow=*/true, status);
  if (!file)
    return no_access(errno != 0 ? std::strerror(errno) : std::string("it is ") + rt::kind_of_file(status.st_mode));
  const std::int64_t size = status.st_size;
  Buffer memory = Buffer::allocate(size);
  if (!memory)
    return Error{ErrorCode::device, "no memory for the " + std::to_string(size) + " bytes of '" + path + "'",
                 "out-of-memory", "", ""};
  if (!file.read(memory.mutable_data(), static_cast<std::size_t>(size)))
    return no_access(errno != 0 ? std::strerror(errno) : "it became shorter while it was read");
  return memory;
}

Result<SavedFunction> read_saved(const std::string& path) {
  auto memory = detail::read_bytes(path);
  if (!memory) {
    memory.error().message.insert(0, "saved function: ");
    return memory.error();
  }
  auto function = deserialise(*memory);
  if (!function) function.error().where = "in file '" + path + "'";
  return function;
}

}  // namespace burin
