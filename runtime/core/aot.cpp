// Calls of ahead-of-time functions: everything that the caller may get wrong is checked here, before any of the object's
// code runs. Memory comes from the allocator alone, which does not throw; texts are cut at fixed lengths.
#include "runtime/core/aot.h"

#include "runtime/core/allocator.h"
#include "runtime/core/cpu_features.h"
#include "runtime/core/float_mode.h"

#include <burin/dtype.h>
#include <burin/rt/rt.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

using burin::rt::aot_dtype_name;
using burin::rt::AotTypeText;

template <class... Args> int32_t fail(burin_rt_status status, const char* format, Args... args) {
  return burin::rt::aot_failure(status, format, args...);
}

// Of a thread, and its own memory: a library that is opened at run time has room for few words beside the thread pointer.
struct LastError {
  static constexpr std::size_t size = burin::rt::last_error_size;
  char* text = nullptr;
  ~LastError() { std::free(text); }
  char* make() {
    if (!text) text = static_cast<char*>(std::calloc(size, 1));
    return text;
  }
};
thread_local LastError last_error;

/// An array from the allocator; null when memory is exhausted.
template <class T> class Array {
 public:
  explicit Array(int64_t count)
      : bytes_(count * static_cast<int64_t>(sizeof(T))),
        data_(static_cast<T*>(burin::rt::allocate(bytes_))) {}
  ~Array() { burin::rt::deallocate(data_, bytes_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  explicit operator bool() const { return data_ != nullptr; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  T* begin() { return data_; }

 private:
  int64_t bytes_;
  T* data_;
};

/// Memory that the call reads or writes.
struct Range {
  std::uintptr_t begin, end;
  const char* name;
  bool written;
};

int text_size(std::string_view s) { return static_cast<int>(std::min<std::size_t>(s.size(), 200)); }

struct Call {
  const burin_rt_aot_function& f;
  const burin_rt_tensor* arguments;
  const burin_rt_tensor* results;
  const char* name;
  Array<int64_t> sizes{f.num_sizes}, computed{f.num_computed};
  Array<Range> ranges{f.num_inputs + f.num_outputs};
  Array<void*> buffers{f.num_inputs + f.num_blobs + f.num_outputs};
  int64_t num_ranges = 0;

  const int64_t* record(int64_t i) const { return f.records + i * BURIN_RT_AOT_RECORD; }
  const char* name_of(const int64_t* r) const { return f.strings + r[3]; }

  int32_t check_form(const burin_rt_tensor& t, const int64_t* r) const {
    return burin::rt::check_aot_form(name, name_of(r), t, r[0], r[1]);
  }

  bool named(int64_t word) const { return word < 0 && -1 - word < f.num_sizes; }
  int64_t expected(int64_t word) const {
    if (word >= 0) return word;
    return named(word) ? sizes[-1 - word] : computed[-1 - word - f.num_sizes];
  }
  int32_t check_sizes(const burin_rt_tensor& t, const int64_t* r, bool written) {
    int64_t bytes = burin::bytes(static_cast<burin::Dtype>(t.dtype), 1);
    bool empty = false, large = false;
    for (int32_t d = 0; d < t.rank; ++d) {
      if (expected(r[4 + d]) == burin::rt::aot_no_size)
        return fail(BURIN_RT_OUT_OF_MEMORY, "%s: size %d of '%s' is beyond 64 bits [out-of-memory]", name, d,
                    name_of(r));
      if (t.shape[d] != expected(r[4 + d]))
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' is %s; expected size %lld in dim %d [shape-mismatch]", name,
                    name_of(r), AotTypeText(t.dtype, t.rank, t.shape).chars, static_cast<long long>(expected(r[4 + d])),
                    d);
      empty |= t.shape[d] == 0;
      large |= __builtin_mul_overflow(bytes, t.shape[d], &bytes) || bytes > burin::rt::max_bytes;
    }
    if (large && !empty)
      return fail(BURIN_RT_OUT_OF_MEMORY, "%s: no memory for '%s', which is %s (more than 2^62 bytes) [out-of-memory]",
                  name, name_of(r), AotTypeText(t.dtype, t.rank, t.shape).chars);
    if (!empty && !t.data)
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has no data [null-pointer]", name, name_of(r));
    const auto begin = reinterpret_cast<std::uintptr_t>(t.data);
    if (!empty) ranges[num_ranges++] = {begin, begin + static_cast<std::uintptr_t>(bytes), name_of(r), written};
    return BURIN_RT_OK;
  }

  const burin_rt_tensor* argument(int64_t i) const {
    const int64_t* r = record(i);
    return r[2] >= 0 ? arguments + r[2] : nullptr;
  }

  /// What is written shares no memory with anything else.
  int32_t check_overlap() {
    std::sort(ranges.begin(), ranges.begin() + num_ranges,
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    const Range *last = nullptr, *last_written = nullptr;  // those that end last of all before
    for (int64_t i = 0; i < num_ranges; ++i) {
      const Range& r = ranges[i];
      const Range* other = r.written ? last : last_written;
      if (other && r.begin < other->end)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' and '%s' share memory, which the call writes [overlap]", name,
                    other->name, r.name);
      if (!last || r.end > last->end) last = &r;
      if (r.written && (!last_written || r.end > last_written->end)) last_written = &r;
    }
    return BURIN_RT_OK;
  }
  bool overwritten(int64_t argument) const {
    for (int64_t o = 0; o < f.num_outputs; ++o)
      if (record(f.num_inputs + o)[2] == -1 - argument) return true;
    return false;
  }

  int32_t check() {
    if (!sizes || !computed || !ranges || !buffers)
      return fail(BURIN_RT_OUT_OF_MEMORY, "%s: no memory for a call [out-of-memory]", name);
    if ((f.num_arguments && !arguments) || (f.num_results && !results))
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: no arguments or results were given [null-pointer]", name);
    std::fill_n(sizes.begin(), f.num_sizes, -1);
    for (int64_t i = 0; i < f.num_inputs; ++i) {
      const burin_rt_tensor* t = argument(i);
      if (!t) continue;
      if (int32_t bad = check_form(*t, record(i))) return bad;
      for (int32_t d = 0; d < t->rank; ++d) {
        int64_t word = record(i)[4 + d];
        if (named(word) && sizes[-1 - word] < 0) sizes[-1 - word] = t->shape[d];
      }
    }
    for (int64_t k = 0; k < f.num_sizes; ++k)
      if (sizes[k] < 0)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: a named size follows from no argument [unbound-size]", name);
    if (f.num_computed) f.compute(sizes.begin(), computed.begin());
    for (int64_t i = 0; i < f.num_inputs; ++i)
      if (const burin_rt_tensor* t = argument(i))
        if (int32_t bad = check_sizes(*t, record(i), overwritten(record(i)[2]))) return bad;
    for (int64_t g = 0; g < f.num_guards; ++g) {
      const int64_t* guard = f.guards + 3 * g;
      int64_t lhs = computed[guard[1]], rhs = computed[guard[2]];
      if (lhs == burin::rt::aot_no_size || rhs == burin::rt::aot_no_size)
        return fail(BURIN_RT_OUT_OF_MEMORY, "%s: a size is beyond 64 bits: %.*s [out-of-memory]", name,
                    text_size(guard_text(g)), guard_text(g).data());
      bool holds = guard[0] == 0 ? lhs == rhs : guard[0] == 1 ? rhs != 0 && lhs % rhs == 0 : lhs >= rhs;
      if (!holds)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: the sizes break what the trace relies on: %.*s [guard]", name,
                    text_size(guard_text(g)), guard_text(g).data());
    }
    for (int64_t o = 0; o < f.num_outputs; ++o) {
      const int64_t* r = record(f.num_inputs + o);
      if (r[2] < 0) continue;
      const burin_rt_tensor& t = results[r[2]];
      if (int32_t bad = check_form(t, r)) return bad;
      if (int32_t bad = check_sizes(t, r, true)) return bad;
    }
    return check_overlap();
  }

  /// The i-th of the strings that stand before the tensors' names.
  std::string_view string(int i) const {
    const char* s = f.strings;
    for (; i > 0; --i) s += std::strlen(s) + 1;
    return s;
  }
  std::string_view guard_text(int64_t i) const {
    std::string_view lines = string(3);
    for (; i > 0; --i) {
      std::size_t end = lines.find('\n');
      lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
    }
    return lines.substr(0, lines.find('\n'));
  }
  /// In the words of eager execution: the op, what was wrong, and the user's line.
  int32_t fail_at_index(const burin_rt_fault& fault) const {
    char start[16];
    const auto digits = static_cast<std::size_t>(std::snprintf(start, sizeof start, "%d ", fault.op));
    std::string_view op = "an op", place;
    for (std::string_view lines = string(2); !lines.empty();) {
      std::string_view line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
      if (line.substr(0, digits) != std::string_view(start, digits)) continue;
      line.remove_prefix(digits);
      op = line.substr(0, line.find(' '));
      place = line.substr(std::min(op.size() + 1, line.size()));
    }
    return fail(BURIN_RT_FAULT,
                "%s: %.*s: index %lld is out of range, at element %lld of the indices [index-out-of-range]%s%.*s", name,
                text_size(op), op.data(), static_cast<long long>(fault.value), static_cast<long long>(fault.index),
                place.empty() ? "" : "\n  ", text_size(place), place.data());
  }

  /// `f: cumsum: no memory for the result f32[n] (64 bytes, 128 in all) [out-of-memory]`, and the place.
  int32_t refuse(const char* what, int64_t bytes, int64_t total) const {
    const char* end = std::strchr(what, '\n');
    const int size = static_cast<int>(end ? end - what : static_cast<std::ptrdiff_t>(std::strlen(what)));
    char text[96] = "more than 2^62 bytes";
    if (bytes >= 0 && total >= 0)
      std::snprintf(text, sizeof text, "%lld bytes, %lld with all temporaries", static_cast<long long>(bytes),
                    static_cast<long long>(total));
    return fail(BURIN_RT_OUT_OF_MEMORY, "%s: %.*s (%s) [out-of-memory]%s%s", name, size, what, text, end ? "\n  " : "",
                end ? end + 1 : "");
  }

  int32_t run() {
    int64_t constant = 0, next = 0;
    for (int64_t i = 0; i < f.num_inputs; ++i) {
      const burin_rt_tensor* t = argument(i);
      buffers[next++] = t ? t->data : f.constants[constant++];
    }
    for (int64_t b = 0; b < f.num_blobs; ++b) buffers[next++] = f.constants[constant++];
    for (int64_t o = 0; o < f.num_outputs; ++o) {
      int64_t source = record(f.num_inputs + o)[2];
      buffers[next++] = source >= 0 ? results[source].data : arguments[-1 - source].data;
    }
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
    if (!ctx) return fail(BURIN_RT_OUT_OF_MEMORY, "%s: no memory for a call [out-of-memory]", name);
    ctx->functions->profile_begin(ctx, name);
    int32_t status = [&] {
      burin::rt::FloatMode mode;
      return f.entry(buffers.begin(), sizes.begin(), ctx);
    }();
    ctx->functions->profile_end(ctx);
    burin_rt_fault fault = ctx->fault;
    const char* refused = ctx->refused;
    burin_rt_ctx_release(ctx);
    if (status == BURIN_RT_OUT_OF_MEMORY && refused) return refuse(refused, fault.value, fault.index);
    if (status == BURIN_RT_OUT_OF_MEMORY)
      return fail(BURIN_RT_OUT_OF_MEMORY, "%s: memory is exhausted [out-of-memory]", name);
    if (fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE) return fail_at_index(fault);
    if (status != BURIN_RT_OK || fault.kind != BURIN_RT_FAULT_NONE)
      return fail(status == BURIN_RT_OK ? BURIN_RT_FAULT : static_cast<burin_rt_status>(status),
                  "%s: op %d failed [fault]", name, fault.op);
    return BURIN_RT_OK;
  }
};

}  // namespace

namespace burin::rt {

char* last_error_memory() noexcept { return last_error.make(); }
void clear_last_error() noexcept {
  if (last_error.text) last_error.text[0] = 0;
}

const char* aot_dtype_name(std::int64_t dtype) noexcept {
  const auto known = numbered_dtype(dtype);
  if (known) return burin::name(*known).data();
  for (const ReservedDtype& reserved : reserved_dtypes)
    if (reserved.number == dtype) return reserved.name.data();
  return "unknown";
}

AotTypeText::AotTypeText(std::int64_t dtype, std::int64_t rank, const std::int64_t* shape) {
  int at = std::snprintf(chars, sizeof chars, "%s[", aot_dtype_name(dtype));
  for (std::int64_t i = 0; i < rank && i < BURIN_RT_MAX_RANK; ++i)
    at += std::snprintf(chars + at, sizeof chars - static_cast<std::size_t>(at), i ? ",%lld" : "%lld",
                        static_cast<long long>(shape[i]));
  std::snprintf(chars + at, sizeof chars - static_cast<std::size_t>(at), "]");
}

std::int32_t check_aot_form(const char* function, const char* name, const burin_rt_tensor& t, std::int64_t dtype,
                            std::int64_t rank) {
  if (t.dtype != dtype)
    return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' is %s; expected dtype %s [dtype]", function, name,
                aot_dtype_name(t.dtype), aot_dtype_name(dtype));
  if (t.rank != rank)
    return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has rank %d; expected %d [rank]", function, name, t.rank,
                static_cast<int>(rank));
  if (t.rank && !t.shape)
    return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has no shape [null-pointer]", function, name);
  for (std::int32_t d = 0; d < t.rank; ++d)
    if (t.shape[d] < 0)
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has a negative size [shape-mismatch]", function, name);
  return BURIN_RT_OK;
}

std::int32_t check_aot_version(const burin_rt_aot_function& f) {
  if (f.abi_version != BURIN_RT_ABI_VERSION)  // of another one, nothing else is known
    return fail(
        BURIN_RT_UNSUPPORTED,
        "the function was compiled for version %lld of burin_rt's ABI, this is %d: compile it again with burinc "
        "[abi-version]",
        static_cast<long long>(f.abi_version), BURIN_RT_ABI_VERSION);
  if (f.functions_version < 1 || f.functions_version > BURIN_RT_FUNCTIONS_VERSION)
    return fail(BURIN_RT_UNSUPPORTED,
                "%s: needs version %lld of burin_rt's functions, this has %d: link a later burin_rt "
                "[abi-version]",
                f.strings, static_cast<long long>(f.functions_version), BURIN_RT_FUNCTIONS_VERSION);
  return BURIN_RT_OK;
}

}  // namespace burin::rt

extern "C" const char* burin_rt_last_error(void) { return last_error.text ? last_error.text : ""; }

extern "C" int32_t burin_rt_aot_call(const burin_rt_aot_function* f, const burin_rt_tensor* arguments,
                                     const burin_rt_tensor* results) {
  burin::rt::clear_last_error();
  const char* name = f->strings;
  if (int32_t bad = burin::rt::check_aot_version(*f)) return bad;
  for (std::string_view features = name + std::strlen(name) + 1; !features.empty();) {
    std::string_view feature = features.substr(0, features.find(','));
    features.remove_prefix(std::min(feature.size() + 1, features.size()));
    if (!burin::rt::has_cpu_feature(feature))
      return fail(BURIN_RT_UNSUPPORTED, "%s: this processor lacks %.*s [cpu-features]", name, text_size(feature),
                  feature.data());
  }
  Call call{*f, arguments, results, name};
  if (int32_t bad = call.check()) return bad;
  return call.run();
}
