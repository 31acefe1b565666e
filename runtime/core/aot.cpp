// Calls of ahead-of-time functions: everything that the caller may get wrong is checked here, before any of the object's
// code runs. No allocation but the context's.
#include "runtime/core/cpu_features.h"

#include <burin/dtype.h>
#include <burin/rt/rt.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

thread_local char last_error[512] = "";

template <class... Args> int32_t fail(burin_rt_status status, const char* format, Args... args) {
  std::snprintf(last_error, sizeof last_error, format, args...);
  return status;
}

const char* dtype_name(int64_t dtype) {
  return dtype >= 0 && dtype < burin::num_dtypes ? burin::name(static_cast<burin::Dtype>(dtype)).data() : "unknown";
}

/// `f32[2,?]` of what the caller gave.
std::string text(const burin_rt_tensor& t) {
  std::string s = std::string(dtype_name(t.dtype)) + "[";
  for (int32_t i = 0; i < t.rank && i < BURIN_RT_MAX_RANK; ++i) s += (i ? "," : "") + std::to_string(t.shape[i]);
  return s + "]";
}

struct Call {
  const burin_rt_aot_function& f;
  const burin_rt_tensor* arguments;
  const burin_rt_tensor* results;
  std::vector<int64_t> sizes, computed;
  const char* name;

  const int64_t* record(int64_t i) const { return f.records + i * BURIN_RT_AOT_RECORD; }
  const char* name_of(const int64_t* r) const { return f.strings + r[3]; }

  int32_t check_form(const burin_rt_tensor& t, const int64_t* r) const {
    const char* n = name_of(r);
    if (t.dtype != r[0])
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' is %s; expected dtype %s [dtype]", name, n, dtype_name(t.dtype),
                  dtype_name(r[0]));
    if (t.rank != r[1])
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has rank %d; expected %d [rank]", name, n, t.rank,
                  static_cast<int>(r[1]));
    if (t.rank && !t.shape) return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has no shape [null-pointer]", name, n);
    for (int32_t d = 0; d < t.rank; ++d)
      if (t.shape[d] < 0)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has a negative size [shape-mismatch]", name, n);
    return BURIN_RT_OK;
  }

  int64_t expected(int64_t word) const {
    if (word >= 0) return word;
    return word > BURIN_RT_AOT_COMPUTED ? sizes[static_cast<std::size_t>(-1 - word)]
                                        : computed[static_cast<std::size_t>(BURIN_RT_AOT_COMPUTED - word)];
  }
  int32_t check_sizes(const burin_rt_tensor& t, const int64_t* r) const {
    int64_t elements = 1;
    for (int32_t d = 0; d < t.rank; ++d) {
      if (t.shape[d] != expected(r[4 + d]))
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' is %s; expected size %lld in dim %d [shape-mismatch]", name,
                    name_of(r), text(t).c_str(), static_cast<long long>(expected(r[4 + d])), d);
      elements *= t.shape[d];
    }
    if (elements && !t.data)
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has no data [null-pointer]", name, name_of(r));
    return BURIN_RT_OK;
  }

  const burin_rt_tensor* argument(int64_t i) const {
    const int64_t* r = record(i);
    return r[2] >= 0 ? arguments + r[2] : nullptr;
  }

  int32_t check() {
    if ((f.num_arguments && !arguments) || (f.num_results && !results))
      return fail(BURIN_RT_INVALID_ARGUMENT, "%s: no arguments or results were given [null-pointer]", name);
    sizes.assign(static_cast<std::size_t>(f.num_sizes), -1);
    for (int64_t i = 0; i < f.num_inputs; ++i) {
      const burin_rt_tensor* t = argument(i);
      if (!t) continue;
      if (int32_t bad = check_form(*t, record(i))) return bad;
      for (int32_t d = 0; d < t->rank; ++d) {
        int64_t word = record(i)[4 + d];
        if (word < 0 && word > BURIN_RT_AOT_COMPUTED && sizes[static_cast<std::size_t>(-1 - word)] < 0)
          sizes[static_cast<std::size_t>(-1 - word)] = t->shape[d];
      }
    }
    for (int64_t& size : sizes)
      if (size < 0)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: a named size follows from no argument [unbound-size]", name);
    computed.resize(static_cast<std::size_t>(f.num_computed));
    if (f.num_computed) f.compute(sizes.data(), computed.data());
    for (int64_t i = 0; i < f.num_inputs; ++i)
      if (const burin_rt_tensor* t = argument(i))
        if (int32_t bad = check_sizes(*t, record(i))) return bad;
    for (int64_t g = 0; g < f.num_guards; ++g) {
      const int64_t* guard = f.guards + 3 * g;
      int64_t lhs = computed[static_cast<std::size_t>(guard[1])], rhs = computed[static_cast<std::size_t>(guard[2])];
      bool holds = guard[0] == 0 ? lhs == rhs : guard[0] == 1 ? rhs != 0 && lhs % rhs == 0 : lhs >= rhs;
      if (!holds)
        return fail(BURIN_RT_INVALID_ARGUMENT, "%s: the sizes break what the trace relies on: %s [guard]", name,
                    guard_text(g).c_str());
    }
    for (int64_t o = 0; o < f.num_outputs; ++o) {
      const int64_t* r = record(f.num_inputs + o);
      if (r[2] < 0) continue;
      const burin_rt_tensor& t = results[r[2]];
      if (int32_t bad = check_form(t, r)) return bad;
      if (int32_t bad = check_sizes(t, r)) return bad;
    }
    return BURIN_RT_OK;
  }

  /// The i-th of the strings that stand before the tensors' names.
  std::string_view string(int i) const {
    const char* s = f.strings;
    for (; i > 0; --i) s += std::strlen(s) + 1;
    return s;
  }
  std::string guard_text(int64_t i) const {
    std::string_view lines = string(3);
    for (; i > 0; --i) {
      std::size_t end = lines.find('\n');
      lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
    }
    return std::string(lines.substr(0, lines.find('\n')));
  }
  /// In the words of eager execution: the op, what was wrong, and the user's line.
  int32_t fail_at_index(const burin_rt_fault& fault) const {
    std::string op = "op " + std::to_string(fault.op), place, start = std::to_string(fault.op) + " ";
    for (std::string_view lines = string(2); !lines.empty();) {
      std::string_view line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
      if (line.substr(0, start.size()) != start) continue;
      line.remove_prefix(start.size());
      op = line.substr(0, line.find(' '));
      place = "\n  " + std::string(line.substr(std::min(op.size() + 1, line.size())));
    }
    return fail(BURIN_RT_FAULT,
                "%s: %s: index %lld is out of range, at element %lld of the indices [index-out-of-range]%s", name,
                op.c_str(), static_cast<long long>(fault.value), static_cast<long long>(fault.index), place.c_str());
  }

  int32_t run() {
    std::vector<void*> buffers;
    int64_t constant = 0;
    for (int64_t i = 0; i < f.num_inputs; ++i) {
      const burin_rt_tensor* t = argument(i);
      buffers.push_back(t ? t->data : f.constants[constant++]);
    }
    for (int64_t b = 0; b < f.num_blobs; ++b) buffers.push_back(f.constants[constant++]);
    for (int64_t o = 0; o < f.num_outputs; ++o) {
      int64_t source = record(f.num_inputs + o)[2];
      buffers.push_back(source >= 0 ? results[source].data : arguments[-1 - source].data);
    }
    burin_rt_ctx* ctx = burin_rt_ctx_acquire(0);
    if (!ctx) return fail(BURIN_RT_OUT_OF_MEMORY, "%s: no memory for a call [out-of-memory]", name);
    if (ctx->profile_begin) ctx->profile_begin(ctx, name);
    int32_t status = f.entry(buffers.data(), sizes.data(), ctx);
    if (ctx->profile_end) ctx->profile_end(ctx);
    burin_rt_fault fault = ctx->fault;
    burin_rt_ctx_release(ctx);
    if (fault.kind == BURIN_RT_FAULT_OUT_OF_MEMORY || status == BURIN_RT_OUT_OF_MEMORY)
      return fail(BURIN_RT_OUT_OF_MEMORY, "%s: memory is exhausted [out-of-memory]", name);
    if (fault.kind == BURIN_RT_FAULT_INDEX_OUT_OF_RANGE) return fail_at_index(fault);
    if (status != BURIN_RT_OK || fault.kind != BURIN_RT_FAULT_NONE)
      return fail(status == BURIN_RT_OK ? BURIN_RT_FAULT : static_cast<burin_rt_status>(status),
                  "%s: op %d failed [fault]", name, fault.op);
    return BURIN_RT_OK;
  }
};

}  // namespace

extern "C" const char* burin_rt_last_error(void) { return last_error; }

extern "C" int32_t burin_rt_aot_call(const burin_rt_aot_function* f, const burin_rt_tensor* arguments,
                                     const burin_rt_tensor* results) {
  last_error[0] = 0;
  const char* name = f->strings;
  if (f->abi_version != BURIN_RT_ABI_VERSION)
    return fail(BURIN_RT_UNSUPPORTED, "%s: was compiled for version %lld of burin_rt, this is %d [abi-version]", name,
                static_cast<long long>(f->abi_version), BURIN_RT_ABI_VERSION);
  std::string missing = burin::rt::missing_cpu_features(name + std::strlen(name) + 1);
  if (!missing.empty())
    return fail(BURIN_RT_UNSUPPORTED, "%s: this processor lacks %s [cpu-features]", name, missing.c_str());
  Call call{*f, arguments, results, {}, {}, name};
  if (int32_t bad = call.check()) return bad;
  return call.run();
}
