// State that ahead-of-time objects own: calls on it, and its values in files. Such a file is laid out by the variables alone, so
// that a reader knows beforehand where everything stands; it believes nothing of what it reads. Memory comes from the allocator.
#include "runtime/core/allocator.h"
#include "runtime/core/aot.h"
#include "runtime/core/file.h"
#include "runtime/core/fork.h"
#include "runtime/core/hash.h"
#include "runtime/core/no_unwind.h"

#include <burin/dtype.h>
#include <burin/rt/state.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace burin::rt {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are");

/// The first bytes of the state's memory. All zero is its first value: objects have it so before any code runs.
struct Control {
  Turn turn;
  std::atomic<std::uint32_t> ready;     ///< the values are there
  std::atomic<std::uint32_t> updating;  ///< they are being written; seen by others only in a child of fork
};
static_assert(sizeof(Control) <= BURIN_RT_STATE_CONTROL && alignof(Control) <= BURIN_RT_ALIGNMENT);

struct FileHeader {
  char magic[8];
  std::uint32_t version, num_variables;
  std::int64_t bytes;  ///< of the file
  Digest digest;       ///< of all else
  std::uint64_t zero[3];
};
struct FileRecord {
  std::int64_t dtype, rank, shape[BURIN_RT_MAX_RANK], name_at, name_size, value_at, value_size, zero[2];
};
static_assert(sizeof(FileHeader) == 64 && sizeof(FileRecord) == 128);
constexpr char magic[8] = {'b', 'u', 'r', 'i', 'n', '.', 's', 't'};
constexpr std::uint32_t file_version = 1;
constexpr std::int64_t most_looked_at = std::int64_t{1} << 20;  ///< of a file that does not fit, to say why

std::int64_t aligned(std::int64_t bytes) { return (bytes + BURIN_RT_ALIGNMENT - 1) & -BURIN_RT_ALIGNMENT; }

/// Bytes from the allocator; null when memory is exhausted.
class Memory {
 public:
  explicit Memory(std::int64_t bytes) : bytes_(bytes), data_(static_cast<std::byte*>(allocate(bytes))) {}
  ~Memory() { deallocate(data_, bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  explicit operator bool() const { return data_ != nullptr; }
  std::byte* data() const { return data_; }
  std::span<std::byte> bytes() const { return {data_, static_cast<std::size_t>(bytes_)}; }

 private:
  std::int64_t bytes_;
  std::byte* data_;
};

Digest digest_of(std::span<const std::byte> file) {
  constexpr std::size_t at = offsetof(FileHeader, digest);
  return digest({file.first(at), file.subspan(at + sizeof(Digest))});
}

/// One line for a terminal, whatever the file says.
std::string printable_name(std::string_view name) {
  std::string text(name.substr(0, 64));
  for (char& c : text) c = c >= ' ' && c <= '~' ? c : '?';
  return text;
}

std::string type_text(const FileRecord& r) {
  return AotTypeText(r.dtype, std::clamp<std::int64_t>(r.rank, 0, BURIN_RT_MAX_RANK), r.shape).chars;
}

class State {
 public:
  explicit State(const burin_rt_state& state) : s_(state), f_(*state.function) {}

  const char* function() const { return f_.strings; }
  const burin_rt_aot_function& called() const { return f_; }
  std::int64_t size() const { return s_.num_variables; }
  const std::int64_t* record(std::int64_t v) const {
    return f_.records + s_.records[v * BURIN_RT_STATE_RECORD] * BURIN_RT_AOT_RECORD;
  }
  std::string_view name(std::int64_t v) const { return f_.strings + record(v)[3]; }
  const std::int64_t* shape(std::int64_t v) const { return record(v) + 4; }
  std::int64_t place(std::int64_t v) const { return s_.records[v * BURIN_RT_STATE_RECORD + 1]; }
  std::int64_t bytes(std::int64_t v) const {
    std::int64_t n = burin::bytes(static_cast<Dtype>(record(v)[0]), 1);
    for (std::int64_t d = 0; d < record(v)[1]; ++d) n *= shape(v)[d];
    return n;
  }
  std::byte* values() const { return static_cast<std::byte*>(s_.memory) + BURIN_RT_STATE_CONTROL; }
  Control& control() const { return *static_cast<Control*>(s_.memory); }
  burin_rt_tensor tensor(std::int64_t v) const {
    return {values() + place(v), static_cast<std::int32_t>(record(v)[0]), static_cast<std::int32_t>(record(v)[1]),
            shape(v)};
  }

  void begin() const { replace(static_cast<const std::byte*>(s_.initial)); }
  void replace(const std::byte* with) const {
    control().updating = 1;
    std::memcpy(values(), with, static_cast<std::size_t>(s_.num_bytes));
    control().ready = 1;
    control().updating = 0;
  }

  std::int64_t file_bytes() const { return aligned(names_end()) + s_.num_bytes; }
  FileRecord file_record(std::int64_t v, std::int64_t name_at) const {
    FileRecord r{};
    r.dtype = record(v)[0];
    r.rank = record(v)[1];
    std::copy_n(shape(v), r.rank, r.shape);
    r.name_at = name_at;
    r.name_size = static_cast<std::int64_t>(name(v).size());
    r.value_at = aligned(names_end()) + place(v);
    r.value_size = bytes(v);
    return r;
  }
  std::int64_t names_begin() const {
    return static_cast<std::int64_t>(sizeof(FileHeader)) + size() * static_cast<std::int64_t>(sizeof(FileRecord));
  }
  std::int64_t num_bytes() const { return s_.num_bytes; }

 private:
  std::int64_t names_end() const {
    std::int64_t end = names_begin();
    for (std::int64_t v = 0; v < size(); ++v) end += static_cast<std::int64_t>(name(v).size());
    return end;
  }
  const burin_rt_state& s_;
  const burin_rt_aot_function& f_;
};

/// The state for one thread alone, with its values; or why not.
class Held {
 public:
  /// `whole`: the values are used, not only replaced.
  Held(const State& state, bool whole) : control_(state.control()) {
    clear_last_error();
    status = check_aot_version(state.called());
    if (status != BURIN_RT_OK) return;
    if (control_.turn.mine()) {
      status = aot_failure(BURIN_RT_INVALID_ARGUMENT,
                           "%s: the state is in use by the call that this one is made from [state]", state.function());
      return;
    }
    control_.turn.lock();
    holds_ = true;
    if (whole && control_.updating)
      status = aot_failure(BURIN_RT_CORRUPT,
                           "%s: this process was forked while another thread updated the state; %s_init or %s_load "
                           "gives it values [state]",
                           state.function(), state.function(), state.function());
    else if (!control_.ready) state.begin();
  }
  ~Held() { release(); }
  void release() {
    if (holds_) control_.turn.unlock();
    holds_ = false;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  std::int32_t status = BURIN_RT_OK;

 private:
  Control& control_;
  bool holds_ = false;
};

std::int32_t no_memory(const State& state) {
  return aot_failure(BURIN_RT_OUT_OF_MEMORY, "%s: no memory for a call [out-of-memory]", state.function());
}
std::int32_t cannot(const State& state, const char* what, const char* path, const char* why) {
  return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: cannot %s '%.200s': %s [file]", state.function(), what, path, why);
}
std::int32_t corrupt(const State& state, const char* path, const char* why) {
  return aot_failure(BURIN_RT_CORRUPT, "%s: '%.200s' %s [corrupt-file]", state.function(), path, why);
}

/// Reads a file of state and compares all of it but the values with what the state's own file would hold.
class Reader {
 public:
  Reader(const State& state, const char* path) : state_(state), path_(path) {}

  /// OK where `memory`, of the size of the state's own file, holds one that was written whole.
  std::int32_t read(const Memory& memory) {
    struct stat status;
    File file = open_regular(path_, /*follow=*/true, status);
    if (!file && errno) return cannot(state_, "read", path_, std::strerror(errno));
    if (!file) return cannot(state_, "read", path_, (std::string("it is ") + kind_of_file(status.st_mode)).c_str());
    FileHeader header;
    if (status.st_size < static_cast<off_t>(sizeof header) || !file.read(&header, sizeof header) ||
        std::memcmp(header.magic, magic, sizeof magic) != 0)
      return corrupt(state_, path_, "is no saved state");
    if (header.version != file_version)
      return aot_failure(BURIN_RT_UNSUPPORTED,
                         "%s: '%.200s' has version %u of the format; this burin_rt reads %u [version]",
                         state_.function(), path_, header.version, file_version);
    if (header.bytes != status.st_size) return corrupt(state_, path_, "is cut off, or something follows it");
    if (header.bytes != state_.file_bytes()) return explain(file, header);
    std::memcpy(memory.data(), &header, sizeof header);
    if (!file.read(memory.data() + sizeof header, memory.bytes().size() - sizeof header))
      return corrupt(state_, path_, "cannot be read to its end");
    if (digest_of(memory.bytes()) != header.digest) return corrupt(state_, path_, "is damaged");
    if (std::int32_t bad = compare(header, memory.bytes())) return bad;
    return check_bools(memory.bytes());
  }

 private:
  /// Why a file of another size is not this state's.
  std::int32_t explain(File& file, const FileHeader& header) {
    Memory start(std::min<std::int64_t>(header.bytes, most_looked_at));
    if (!start) return no_memory(state_);
    std::memcpy(start.data(), &header, sizeof header);
    if (!file.read(start.data() + sizeof header, start.bytes().size() - sizeof header))
      return corrupt(state_, path_, "cannot be read to its end");
    if (std::int32_t bad = compare(header, start.bytes())) return bad;
    return corrupt(state_, path_, "is damaged");
  }

  /// The first difference between the variables of the file, as far as it was read, and ours.
  std::int32_t compare(const FileHeader& header, std::span<const std::byte> bytes) {
    if (header.num_variables != static_cast<std::uint64_t>(state_.size()))
      return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: '%.200s' holds %u variables; expected %lld [state-mismatch]",
                         state_.function(), path_, header.num_variables, static_cast<long long>(state_.size()));
    std::int64_t name_at = state_.names_begin();
    for (std::int64_t v = 0; v < state_.size(); ++v) {
      const std::size_t at = sizeof(FileHeader) + static_cast<std::size_t>(v) * sizeof(FileRecord);
      if (at + sizeof(FileRecord) > bytes.size()) return BURIN_RT_OK;
      FileRecord theirs;
      std::memcpy(&theirs, bytes.data() + at, sizeof theirs);
      const FileRecord ours = state_.file_record(v, name_at);
      name_at += ours.name_size;
      const std::string_view name = name_in(theirs, bytes);
      if (name == state_.name(v) && std::memcmp(&theirs, &ours, sizeof ours) == 0) continue;
      if (name.data() && (name != state_.name(v) || !same_type(theirs, ours))) return differs(v, name, theirs, ours);
      return corrupt(state_, path_, "is damaged");
    }
    return BURIN_RT_OK;
  }
  static bool same_type(const FileRecord& a, const FileRecord& b) {
    return a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + BURIN_RT_MAX_RANK, b.shape);
  }
  /// Without data where it stands outside of what was read.
  static std::string_view name_in(const FileRecord& r, std::span<const std::byte> bytes) {
    const auto end = static_cast<std::int64_t>(bytes.size());
    if (r.name_at < 0 || r.name_size < 0 || r.name_at > end || r.name_size > end - r.name_at) return {};
    return {reinterpret_cast<const char*>(bytes.data()) + r.name_at, static_cast<std::size_t>(r.name_size)};
  }
  std::int32_t differs(std::int64_t v, std::string_view name, const FileRecord& theirs, const FileRecord& ours) {
    return aot_failure(BURIN_RT_INVALID_ARGUMENT,
                       "%s: '%.100s': variable %lld is '%s', which is %s; expected '%s', which is %s [state-mismatch]",
                       state_.function(), path_, static_cast<long long>(v), printable_name(name).c_str(),
                       type_text(theirs).c_str(), printable_name(state_.name(v)).c_str(), type_text(ours).c_str());
  }
  /// Compiled code relies on a bool's being 0 or 1.
  std::int32_t check_bools(std::span<const std::byte> bytes) {
    const std::byte* values = bytes.data() + bytes.size() - state_.num_bytes();
    for (std::int64_t v = 0; v < state_.size(); ++v) {
      if (state_.record(v)[0] != BURIN_RT_BOOL) continue;
      const std::span value(values + state_.place(v), static_cast<std::size_t>(state_.bytes(v)));
      if (std::any_of(value.begin(), value.end(), [](std::byte b) { return b > std::byte{1}; }))
        return corrupt(state_, path_, "holds a bool that is neither 0 nor 1");
    }
    return BURIN_RT_OK;
  }

  const State& state_;
  const char* path_;
};

/// The file of values that are still to be copied to its end.
void lay_out(const State& state, const Memory& file) {
  std::memset(file.data(), 0, file.bytes().size() - static_cast<std::size_t>(state.num_bytes()));
  FileHeader header{};
  std::memcpy(header.magic, magic, sizeof magic);
  header.version = file_version;
  header.num_variables = static_cast<std::uint32_t>(state.size());
  header.bytes = state.file_bytes();
  std::memcpy(file.data(), &header, sizeof header);
  std::byte* record = file.data() + sizeof header;
  std::int64_t name_at = state.names_begin();
  for (std::int64_t v = 0; v < state.size(); ++v, record += sizeof(FileRecord)) {
    const FileRecord r = state.file_record(v, name_at);
    std::memcpy(record, &r, sizeof r);
    std::memcpy(file.data() + name_at, state.name(v).data(), state.name(v).size());
    name_at += r.name_size;
  }
}

}  // namespace
}  // namespace burin::rt

using namespace burin::rt;

extern "C" int32_t burin_rt_state_call(const burin_rt_state* s, const burin_rt_tensor* arguments,
                                       const burin_rt_tensor* results) {
  const State state(*s);
  Held held(state, /*whole=*/true);
  if (held.status != BURIN_RT_OK) return held.status;
  const std::int64_t count = state.called().num_arguments;
  if (count > state.size() && !arguments)
    return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: no arguments or results were given [null-pointer]",
                       state.function());
  Memory memory(count * static_cast<std::int64_t>(sizeof(burin_rt_tensor)));
  if (!memory) return no_memory(state);
  auto* all = reinterpret_cast<burin_rt_tensor*>(memory.data());
  for (std::int64_t i = 0, v = 0; i < count; ++i) {
    const bool owned = v < state.size() && state.record(v)[2] == i;
    all[i] = owned ? state.tensor(v) : arguments[i - v];
    v += owned;
  }
  state.control().updating = 1;
  const std::int32_t status = burin_rt_aot_call(&state.called(), all, results);
  state.control().updating = 0;  // a call that fails has written nothing
  return status;
}

extern "C" int32_t burin_rt_state_init(const burin_rt_state* s) {
  const State state(*s);
  Held held(state, /*whole=*/false);
  if (held.status == BURIN_RT_OK) state.begin();
  return held.status;
}

extern "C" int32_t burin_rt_state_get(const burin_rt_state* s, int64_t v, const burin_rt_tensor* value) {
  const State state(*s);
  Held held(state, /*whole=*/true);
  if (held.status != BURIN_RT_OK) return held.status;
  if (v < 0 || v >= state.size())
    return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: there is no variable %lld; expected 0 to %lld [variable]",
                       state.function(), static_cast<long long>(v), static_cast<long long>(state.size() - 1));
  const burin_rt_tensor ours = state.tensor(v);
  if (!value || (!value->data && state.bytes(v) > 0))
    return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' has no data [null-pointer]", state.function(),
                       state.name(v).data());
  if (std::int32_t bad = check_aot_form(state.function(), state.name(v).data(), *value, ours.dtype, ours.rank))
    return bad;
  if (!std::equal(ours.shape, ours.shape + ours.rank, value->shape))
    return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: '%s' is %s; expected %s [shape-mismatch]", state.function(),
                       state.name(v).data(), AotTypeText(value->dtype, value->rank, value->shape).chars,
                       AotTypeText(ours.dtype, ours.rank, ours.shape).chars);
  if (value->data) std::memcpy(value->data, ours.data, static_cast<std::size_t>(state.bytes(v)));
  return BURIN_RT_OK;
}

static int32_t save(const State& state, const char* path) {
  Held held(state, /*whole=*/true);
  if (held.status != BURIN_RT_OK) return held.status;
  if (!path) return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: no path was given [null-pointer]", state.function());
  Memory memory(state.file_bytes());
  if (!memory) return no_memory(state);
  lay_out(state, memory);
  std::memcpy(memory.data() + memory.bytes().size() - state.num_bytes(), state.values(),
              static_cast<std::size_t>(state.num_bytes()));
  held.release();  // calls need not wait for the disk
  const Digest digest = digest_of(memory.bytes());
  std::memcpy(memory.data() + offsetof(FileHeader, digest), &digest, sizeof digest);
  Replacement file(path);
  if (!file.write(memory.bytes()) || !file.commit()) return cannot(state, "write", path, file.why().c_str());
  return BURIN_RT_OK;
}

static int32_t load(const State& state, const char* path) {
  clear_last_error();
  if (std::int32_t bad = check_aot_version(state.called())) return bad;
  if (!path) return aot_failure(BURIN_RT_INVALID_ARGUMENT, "%s: no path was given [null-pointer]", state.function());
  Memory memory(state.file_bytes());
  if (!memory) return no_memory(state);
  if (std::int32_t bad = Reader(state, path).read(memory)) return bad;
  Held held(state, /*whole=*/false);  // calls need not wait for the disk
  if (held.status != BURIN_RT_OK) return held.status;
  state.replace(memory.data() + memory.bytes().size() - state.num_bytes());
  return BURIN_RT_OK;
}

extern "C" int32_t burin_rt_state_save(const burin_rt_state* s, const char* path) {
  const State state(*s);
  const int32_t status = no_unwind<int32_t>(-1, [&] { return save(state, path); });
  return status < 0 ? no_memory(state) : status;
}

extern "C" int32_t burin_rt_state_load(const burin_rt_state* s, const char* path) {
  const State state(*s);
  const int32_t status = no_unwind<int32_t>(-1, [&] { return load(state, path); });
  return status < 0 ? no_memory(state) : status;
}
