// Reading and writing safetensors. Format: https://github.com/huggingface/safetensors (public specification).
#include "compiler/graph/safetensors.h"

#include "compiler/graph/saved.h"
#include "runtime/core/file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <set>

namespace burin {
namespace {

static_assert(std::endian::native == std::endian::little, "files hold little-endian elements");

constexpr std::size_t alignment = 64;

Error bad(std::string what) {
  return {ErrorCode::invalid_argument, "weights: " + std::move(what), "corrupt-file", "", ""};
}

std::optional<Dtype> dtype_named(const std::string& s) {
  for (int i = 0; i < num_dtypes; ++i)
    if (auto t = static_cast<Dtype>(i); dtype_info(t).file_name == s) return t;
  return std::nullopt;
}

bool is_count(const nlohmann::json& j) { return j.is_number_unsigned() && j.get<std::uint64_t>() <= INT64_MAX; }

Result<HostTensor> tensor_of(const std::string& name, const nlohmann::json& entry, std::span<const std::uint8_t> data,
                             const Buffer& memory) {
  const std::string whose = "tensor '" + name + "' ";
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
    return bad(whose + "lacks dtype, shape or data_offsets");
  const auto &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  if (!dtype.is_string()) return bad(whose + "has no dtype");
  const auto known = dtype_named(dtype.get_ref<const std::string&>());
  if (!known)
    return Error{ErrorCode::unsupported,
                 "weights: " + whose + "has dtype " + dtype.get<std::string>() + ", which burin does not have" +
                     (is_reserved_dtype(dtype.get_ref<const std::string&>()) ? " yet" : ""),
                 "dtype", "", ""};
  HostTensor t{{*known, {}}, {}};
  if (!shape.is_array() || shape.size() > static_cast<std::size_t>(max_rank))
    return bad(whose + "has no shape of rank 8 or less");
  for (const auto& d : shape) {
    if (!is_count(d)) return bad(whose + "has a size that is none");
    t.type.shape.push_back(d.get<std::int64_t>());
  }
  if (num_bytes(t.type).is_overflow()) return bad(whose + "has a size that is none");
  const std::int64_t bytes = num_bytes(t.type).value();
  if (!offsets.is_array() || offsets.size() != 2 || !is_count(offsets[0]) || !is_count(offsets[1]))
    return bad(whose + "has no data_offsets");
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > data.size() || end - begin != static_cast<std::uint64_t>(bytes))
    return bad(whose + "lies outside the data, or its shape does not fit its bytes");
  const std::uint8_t* p = data.data() + begin;
  if (*known == Dtype::boolean && std::any_of(p, p + bytes, [](std::uint8_t b) { return b > 1; }))
    return bad(whose + "has a bool that is neither 0 nor 1");
  if (reinterpret_cast<std::uintptr_t>(p) % static_cast<std::uintptr_t>(element_alignment(*known)) == 0) {
    t.buffer = Buffer::adopt(p, bytes, [memory] {});
  } else {
    t.buffer = Buffer::allocate(bytes);
    if (t.buffer && bytes > 0) std::memcpy(t.buffer.mutable_data(), p, static_cast<std::size_t>(bytes));
  }
  if (!t.buffer) return Error{ErrorCode::device, "weights: no memory for " + whose, "out-of-memory", "", ""};
  return t;
}

}  // namespace

std::vector<std::uint8_t> write_safetensors(std::span<const NamedTensor> tensors) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return element_alignment(tensors[a].value.type.dtype) > element_alignment(tensors[b].value.type.dtype);
  });
  nlohmann::json header = nlohmann::json::object();
  std::uint64_t offset = 0;
  for (std::size_t i : order) {
    const HostTensor& t = tensors[i].value;
    auto shape = nlohmann::json::array();
    for (Dim d : t.type.shape) shape.push_back(static_cast<std::uint64_t>(d.value()));
    const auto end = offset + static_cast<std::uint64_t>(t.num_bytes());
    header[tensors[i].name] = {
        {"dtype", dtype_info(t.type.dtype).file_name}, {"shape", shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  // Names are the user's: bytes that are no UTF-8 are replaced rather than refused.
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.resize((text.size() + 8 + alignment - 1) / alignment * alignment - 8, ' ');
  std::vector<std::uint8_t> out(8 + text.size() + offset);
  const std::uint64_t size = text.size();
  std::memcpy(out.data(), &size, 8);
  std::memcpy(out.data() + 8, text.data(), text.size());
  std::uint8_t* p = out.data() + 8 + text.size();
  for (std::size_t i : order) {
    const auto n = static_cast<std::size_t>(tensors[i].value.num_bytes());
    if (n > 0) std::memcpy(p, tensors[i].value.buffer.data(), n);
    p += n;
  }
  return out;
}

Result<std::vector<NamedTensor>> read_safetensors(std::span<const std::uint8_t> bytes, const Buffer& memory) {
  std::uint64_t size = 0;
  if (bytes.size() < 8) return bad("shorter than its header's length");
  std::memcpy(&size, bytes.data(), 8);
  if (size > bytes.size() - 8) return bad("the header is longer than the file");
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  std::set<std::string> names;
  std::string doubled;
  const auto note_names = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth == 1 && event == nlohmann::json::parse_event_t::key && !names.insert(parsed.get<std::string>()).second)
      doubled = parsed.get<std::string>();
    return true;
  };
  const auto header = nlohmann::json::parse(text, text + size, note_names, /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object()) return bad("the header is not a JSON object");
  if (!doubled.empty()) return bad("the name '" + doubled + "' stands there twice");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    auto t = tensor_of(name, entry, bytes.subspan(8 + size), memory);
    if (!t) return t.error();
    places.emplace_back(entry["data_offsets"][0].get<std::uint64_t>(), entry["data_offsets"][1].get<std::uint64_t>());
    tensors.push_back({name, std::move(*t)});
  }
  std::sort(places.begin(), places.end());
  std::uint64_t end = 0;
  for (const auto& [from, to] : places) {
    if (from != end) return bad(from < end ? "two tensors have the same bytes" : "there are bytes of no tensor");
    end = to;
  }
  if (end != bytes.size() - 8 - size) return bad("there are bytes of no tensor");
  return tensors;
}

Result<void> write_tensor_file(std::span<const NamedTensor> tensors, const std::string& path) {
  const std::vector<std::uint8_t> bytes = write_safetensors(tensors);
  rt::Replacement file(path);
  if (!file.write(std::as_bytes(std::span(bytes))) || !file.commit())
    return Error{ErrorCode::invalid_argument, "cannot write '" + path + "': " + file.why(), "file", "", ""};
  return {};
}

Result<std::vector<NamedTensor>> read_tensor_file(const std::string& path) {
  auto memory = detail::read_bytes(path);
  if (!memory) return memory.error();
  auto tensors = read_safetensors(
      {static_cast<const std::uint8_t*>(memory->data()), static_cast<std::size_t>(memory->size())}, *memory);
  if (!tensors) tensors.error().where = "in file '" + path + "'";
  return tensors;
}

}  // namespace burin
