// Printing of values by compiled code; see print.h.
#include "runtime/core/print.h"

#include "runtime/core/fork.h"
#include "runtime/core/no_unwind.h"

#include <burin/dtype.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <span>

namespace burin::rt {
namespace {

struct Sink {
  Turn turn;  // a sink may print, which then goes to stdout, and remove itself
  bool inside = false;
  burin_rt_print_sink function = nullptr;
  void* user = nullptr;
};
Sink& sink() {
  static constinit Sink s;  // nothing is made, and nothing destroyed
  return s;
}

template <class T> void append_number(std::string& out, T v) {
  char text[32];
  auto [end, status] = std::to_chars(text, text + sizeof text, v);
  out.append(text, status == std::errc{} ? end : text);
}

template <class T> T load(const void* data, std::int64_t i) {
  T v;
  std::memcpy(&v, static_cast<const char*>(data) + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return v;
}

void append_element(std::string& out, Dtype t, const void* data, std::int64_t i) {
  visit(t, [&]<class T>(std::type_identity<T>) {
    if constexpr (std::is_same_v<T, bool>) out += load<std::uint8_t>(data, i) ? "true" : "false";
    else if constexpr (is_narrow_float(dtype_of<T>)) append_number(out, static_cast<float>(load<T>(data, i)));
    else append_number(out, load<T>(data, i));
  });
}

struct Formatter {
  std::string& out;
  Dtype dtype;
  std::span<const std::int64_t> shape;
  const void* data;
  bool abridged;

  // The sub-array at `axis` whose first element is `at`, `stride` elements long.
  void array(std::size_t axis, std::int64_t at, std::int64_t stride) {
    if (axis == shape.size()) return append_element(out, dtype, data, at);
    constexpr std::int64_t edge = 3;
    std::int64_t n = shape[axis], step = n ? stride / n : 0;
    out += '[';
    for (std::int64_t i = 0; i < n; ++i) {
      if (i) out += ", ";
      if (abridged && n > 2 * edge && i == edge) {
        out += "..., ";
        i = n - edge;
      }
      array(axis + 1, at + i * step, step);
    }
    out += ']';
  }
};

}  // namespace

std::string format_value(std::string_view label, std::int32_t dtype, std::int32_t rank, const std::int64_t* shape,
                         const void* data) {
  std::span<const std::int64_t> sizes(shape, static_cast<std::size_t>(rank));
  std::string out;
  if (!label.empty()) out.append(label).append(": ");
  out += name(static_cast<Dtype>(dtype));
  out += '[';
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i) out += ',';
    append_number(out, sizes[i]);
  }
  out += "] ";
  const bool empty = std::count(sizes.begin(), sizes.end(), 0) > 0;
  std::int64_t count = empty ? 0 : 1, rows = 1;  // rows of an empty array: its brackets may be many
  for (std::int64_t n : sizes) {
    if (n == 0) break;
    if (!empty) count *= n;
    else if (__builtin_mul_overflow(rows, n, &rows)) rows = INT64_MAX;
  }
  Formatter{out, static_cast<Dtype>(dtype), sizes, data, count > 1000 || rows > 1000}.array(0, 0, count);
  return out;
}

void print_value(const char* label, std::int64_t label_size, std::int32_t dtype, std::int32_t rank,
                 const std::int64_t* shape, const void* data) noexcept {
  Sink& s = sink();
  std::lock_guard lock(s.turn);
  if (s.function && !s.inside) {
    s.inside = true;
    s.function(s.user, label, label_size, dtype, rank, shape, data);
    s.inside = false;
    return;
  }
  const bool printed = no_unwind(false, [&] {
    std::string text = format_value({label, static_cast<std::size_t>(label_size)}, dtype, rank, shape, data);
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), stdout);
    return true;
  });
  if (!printed)
    std::printf("%.*s: memory is exhausted, the value is not printed\n", static_cast<int>(label_size), label);
  std::fflush(stdout);
}

}  // namespace burin::rt

extern "C" void burin_rt_set_print_sink(burin_rt_print_sink function, void* user) {
  burin::rt::Sink& s = burin::rt::sink();
  std::lock_guard lock(s.turn);
  s.function = function;
  s.user = user;
}
