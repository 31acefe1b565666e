// Compiled executables: from the memory cache, the disk cache, or the compiler library (toolchain.h), which is opened at the
// first miss only.
#include "frontend/execute/compile.h"

#include "compiler/driver/Compiler.h"
#include "compiler/graph/interpret.h"
#include "frontend/execute/executable.h"
#include "frontend/execute/log.h"
#include "frontend/execute/toolchain.h"
#include "runtime/core/cache_store.h"
#include "runtime/core/environment.h"
#include "runtime/core/float_mode.h"
#include "runtime/core/fork.h"
#include "runtime/core/image.h"
#include "runtime/core/immortal.h"
#include "runtime/core/profile.h"
#include "runtime/ops/bytes.h"
#include "runtime/ops/few.h"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>

namespace burin::detail {

namespace {

using rt::Digest;
using rt::Env;

// -- keys ------------------------------------------------------------------------------------------------------------

std::string key_text(const Graph& g, bool fuse, bool check) {
  return "graph=" + hex(secure_hash(g)) + "\nburin=" BURIN_VERSION "\nlevel=" + (fuse ? "full" : "no_fuse") +
         "\ncheck=" + (check ? "on" : "off") + "\ntarget=host\n" + toolchain_text();
}
Digest digest_of(const std::string& text) { return rt::digest({std::as_bytes(std::span(text))}); }

// -- what is cached: constants that the code is given, then the image --------------------------------------------------
// `u32 count`, then for each blob its digest and a byte: 0 = a constant of the graph, found by digest; 1 = one that the
// compiler made, stored whole (dtype, rank, sizes, bytes). The rest is the image, which checks itself.

struct Packed {
  std::vector<std::uint8_t> bytes;
  template <class T> void put(const T& x) {
    auto* p = reinterpret_cast<const std::uint8_t*>(&x);
    bytes.insert(bytes.end(), p, p + sizeof x);
  }
};

std::vector<std::shared_ptr<const Constant>> constants_of(const Graph& g) {
  std::vector<std::shared_ptr<const Constant>> list;
  for (std::uint32_t i = 0; i < g.num_ops(); ++i)
    for (auto& a : g.op(OpId{i}).attributes)
      if (auto* c = std::get_if<std::shared_ptr<const Constant>>(&a)) list.push_back(*c);
  return list;
}

std::vector<std::uint8_t> pack(const compiler::Image& image, const Graph& g) {
  auto known = constants_of(g);
  Packed out;
  out.put(static_cast<std::uint32_t>(image.blobs.size()));
  for (auto& b : image.blobs) {
    out.put(b->digest);
    bool in_graph = std::any_of(known.begin(), known.end(), [&](auto& c) { return c->digest == b->digest; });
    out.put(static_cast<std::uint8_t>(!in_graph));
    if (in_graph) continue;
    out.put(static_cast<std::uint8_t>(b->value.type.dtype));
    out.put(static_cast<std::uint8_t>(b->value.type.shape.rank()));
    for (Dim d : b->value.type.shape) out.put(d.value());
    auto* p = b->value.data<std::uint8_t>();
    out.bytes.insert(out.bytes.end(), p, p + b->value.num_bytes());
  }
  out.bytes.insert(out.bytes.end(), image.bytes.begin(), image.bytes.end());
  return std::move(out.bytes);
}

bool unpack(std::span<const std::uint8_t> bytes, const Graph& g, compiler::Image& image) {
  auto known = constants_of(g);
  std::size_t at = 0;
  auto get = [&](auto& x) {
    if (bytes.size() - at < sizeof x) return false;
    std::memcpy(&x, bytes.data() + at, sizeof x);
    at += sizeof x;
    return true;
  };
  std::uint32_t count = 0;
  if (!get(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    Digest d;
    std::uint8_t whole = 0, dtype = 0, rank = 0;
    if (!get(d) || !get(whole)) return false;
    if (!whole) {
      auto it = std::find_if(known.begin(), known.end(), [&](auto& c) { return c->digest == d; });
      if (it == known.end()) return false;
      image.blobs.push_back(*it);
      continue;
    }
    if (!get(dtype) || !get(rank) || !numbered_dtype(dtype) || rank > max_rank) return false;
    TensorType type{static_cast<Dtype>(dtype), {}};
    for (int k = 0; k < rank; ++k) {
      std::int64_t size = 0;
      if (!get(size) || size < 0) return false;
      type.shape.push_back(size);
    }
    if (num_bytes(type).is_overflow()) return false;
    const std::int64_t n = num_bytes(type).value();
    if (static_cast<std::uint64_t>(n) > bytes.size() - at) return false;
    HostTensor value{type, Buffer::allocate(n)};
    if (!value.buffer) return false;
    std::memcpy(value.buffer.mutable_data(), bytes.data() + at, static_cast<std::size_t>(n));
    at += static_cast<std::size_t>(n);
    image.blobs.push_back(make_constant(std::move(value)));
  }
  image.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  return true;
}

// -- code that is mapped -------------------------------------------------------------------------------------------------

/// Mapped code and the constants that it is given; shared by every entry with the same body.
struct Code {
  burin_rt_image* image = nullptr;
  burin_rt_entry entry = nullptr;
  std::int64_t (*planned)(const std::int64_t* sizes, std::int64_t workers) = nullptr;
  std::vector<std::shared_ptr<const Constant>> blobs;
  std::size_t bytes = 0;
  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { burin_rt_image_unload(image); }
};

// What a call takes for temporaries, in words of the log.
std::string temporaries_text(std::int64_t arena_bytes) {
  return arena_bytes < 0 ? "temporaries by its named sizes"
                         : "temporaries of " + std::to_string(arena_bytes) + " bytes";
}

Result<std::shared_ptr<const Code>> map_code(compiler::Image image) {
  auto code = std::make_shared<Code>();
  char message[256] = "";
  int status = burin_rt_image_load(image.bytes.data(), image.bytes.size(), &code->image, message, sizeof message);
  if (status != BURIN_RT_OK)
    return Error{status == BURIN_RT_UNSUPPORTED     ? ErrorCode::unsupported
                 : status == BURIN_RT_OUT_OF_MEMORY ? ErrorCode::device
                                                    : ErrorCode::internal,
                 std::string("the compiled code cannot be mapped: ") + message, "image", "", ""};
  code->entry = burin_rt_image_entry(code->image);
  code->planned = reinterpret_cast<decltype(code->planned)>(burin_rt_image_symbol(code->image, "burin_planned"));
  if (!code->planned)
    return Error{ErrorCode::internal, "the compiled code does not say what memory it takes", "image", "", ""};
  code->blobs = std::move(image.blobs);
  code->bytes = image.bytes.size();
  log_to(Log::run, Severity::debug, [&] {
    return "mapped an image of " + std::to_string(code->bytes) + " bytes with " + std::to_string(code->blobs.size()) +
           " constants and " + temporaries_text(burin_rt_image_arena_bytes(code->image));
  });
  return std::shared_ptr<const Code>(std::move(code));
}

// The process's compiled code by key, least recently used first to go. Code in use lives on in its entries.
class MemoryCache {
 public:
  std::shared_ptr<const Code> get(std::string_view key) {
    std::lock_guard lock(mutex_);
    for (auto it = items_.begin(); it != items_.end(); ++it)
      if (it->first == key) {
        items_.splice(items_.begin(), items_, it);
        return it->second;
      }
    return nullptr;
  }
  void put(std::string key, std::shared_ptr<const Code> code) {
    auto limit = static_cast<std::size_t>(rt::environment().integer(Env::memory_cache_bytes));
    std::lock_guard lock(mutex_);
    bytes_ += code->bytes;
    items_.emplace_front(std::move(key), std::move(code));
    while (!items_.empty() && bytes_ > limit) {
      bytes_ -= items_.back().second->bytes;
      items_.pop_back();
    }
  }

 private:
  rt::Mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<const Code>>> items_;  // by the whole text of the key
  std::size_t bytes_ = 0;
};
// Not destroyed: functions that are static objects may be called, and die, later than anything here would.
MemoryCache& memory_cache() {
  static constinit rt::Immortal<MemoryCache> c;
  return c.get();
}
rt::CacheStore& disk_cache() { return rt::CacheStore::process(); }

// A context for one call, given back on every way out.
class Context {
 public:
  Context() : ctx_(burin_rt_ctx_acquire(0)) {}
  ~Context() {
    if (ctx_) burin_rt_ctx_release(ctx_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  burin_rt_ctx* get() const { return ctx_; }

 private:
  burin_rt_ctx* ctx_;
};

class Compiled final : public Executable {
 public:
  Compiled(std::shared_ptr<const Graph> g, std::shared_ptr<const Code> code)
      : graph_(std::move(g)),
        code_(std::move(code)) {
    if (graph_->size_names().empty()) note_planned({}, burin_rt_num_threads());
  }

  Result<void> run(std::span<const DeviceTensor* const> inputs, std::span<DeviceTensor* const> outputs,
                   std::span<const std::int64_t> sizes) const override {
    Few<void*, 64> buffers;
    for (auto* t : inputs) buffers.push_back(t->buffer.address());
    for (auto& b : code_->blobs) buffers.push_back(b->value.buffer.address());
    for (auto* t : outputs) buffers.push_back(t->buffer.address());
    Context ctx;
    if (!ctx.get()) return Error{ErrorCode::device, "out of memory", "out-of-memory", "", ""};
    ctx.get()->functions->profile_begin(ctx.get(), graph_->name.c_str());
    if (!sizes.empty()) note_planned(sizes, ctx.get()->num_threads);
    int status = [&] {
      rt::FloatMode mode;
      return code_->entry(buffers.data(), sizes.data(), ctx.get());
    }();
    ctx.get()->functions->profile_end(ctx.get());
    if (status == BURIN_RT_OUT_OF_MEMORY) return refused(*ctx.get());
    if (ctx.get()->fault.kind != BURIN_RT_FAULT_NONE) return fault_error(*graph_, ctx.get()->fault);
    if (status == BURIN_RT_OK) return {};
    return Error{ErrorCode::internal,
                 "the compiled code of \"" + graph_->name + "\" returned status " + std::to_string(status), "status",
                 "", ""};
  }
  std::size_t bytes() const override { return code_->bytes; }
  std::int64_t planned_bytes() const override { return planned_.load(std::memory_order_relaxed); }

 private:
  void note_planned(std::span<const std::int64_t> sizes, std::uint32_t threads) const {
    const std::int64_t bytes = code_->planned(sizes.data(), threads);
    std::int64_t most = planned_.load(std::memory_order_relaxed);
    while (bytes > most && !planned_.compare_exchange_weak(most, bytes, std::memory_order_relaxed)) {}
  }
  static Error refused(const burin_rt_ctx& ctx) {
    std::string what = ctx.refused ? ctx.refused : "out of memory", where;
    if (auto end = what.find('\n'); end != what.npos) {
      where = what.substr(end + 1);
      what.resize(end);
    }
    std::string bytes = byte_text(ctx.fault.value);
    if (ctx.fault.index > ctx.fault.value) bytes += ", " + std::to_string(ctx.fault.index) + " with all temporaries";
    return {ErrorCode::device, what + (ctx.refused ? " (" + bytes + ")" : ""), "out-of-memory", where,
            "use smaller shapes"};
  }

  std::shared_ptr<const Graph> graph_;
  std::shared_ptr<const Code> code_;
  mutable std::atomic<std::int64_t> planned_{0};
};

}  // namespace

namespace {

// What the log says of a compile: its time, then by stage; what the passes decided.
void log_report(const std::string& name, const compiler::Image& image) {
  const compiler::Report& report = image.report;
  auto milliseconds = [](double ms) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", ms);
    return std::string(text);
  };
  log_to(Log::compile, Severity::info, [&] {
    return "compiled " + name + " in " + milliseconds(report.milliseconds) + ": an image of " +
           std::to_string(image.bytes.size()) + " bytes, " + temporaries_text(report.arena_bytes);
  });
  log_to(Log::compile, Severity::debug, [&] {
    std::string text = "stages of " + name + ":";
    for (auto& s : report.stages) text += " " + s.name + " " + milliseconds(s.milliseconds) + ",";
    text.back() = '.';
    return text;
  });
  for (auto& r : report.remarks)
    log_to(Log::passes, Severity::debug, [&] {
      std::string line = r.line.line ? std::string(r.line.file) + ":" + std::to_string(r.line.line) + ": " : "";
      return r.pass + ": " + line + r.message;
    });
  for (auto& s : report.stages)
    log_to(Log::passes, Severity::trace, [&] { return name + " after " + s.name + "\n" + s.text; });
}

}  // namespace

Result<std::shared_ptr<Executable>> compiled(std::shared_ptr<const Graph> graph, bool fuse, ExecutableStats& stats,
                                             bool check) {
  // From the key on, which reads files and makes what the process makes once: a child must find none of it half-made.
  rt::LongWork work;
  const std::string name = "\"" + graph->name + "\"";
  std::string text = key_text(*graph, fuse, check);
  Digest key = digest_of(text);
  auto ready = [&](std::shared_ptr<const Code> code) -> Result<std::shared_ptr<Executable>> {
    return std::shared_ptr<Executable>(std::make_shared<Compiled>(graph, std::move(code)));
  };
  log_to(Log::cache, Severity::trace, [&] { return "key of " + name + ":\n" + text; });
  if (auto code = memory_cache().get(text)) {
    stats.memory_hit = true;
    log_to(Log::cache, Severity::debug, [&] { return "code of " + name + " found in memory"; });
    return ready(std::move(code));
  }
  Elapsed elapsed;
  if (auto bytes = disk_cache().get(key, text)) {
    compiler::Image image;
    if (unpack(*bytes, *graph, image))
      if (auto code = map_code(std::move(image))) {
        stats.disk_hit = true;
        memory_cache().put(text, *code);
        log_to(Log::cache, Severity::info, [&] {
          return "code of " + name + " found on disk and mapped in " + elapsed.text() + ": " + disk_cache().path(key);
        });
        return ready(*code);
      }
    log_to(Log::cache, Severity::debug, [&] { return "code of " + name + " on disk cannot be mapped: compiled anew"; });
  } else {
    log_to(Log::cache, Severity::debug, [&] { return "code of " + name + " is in no cache"; });
  }
  rt::ProfileScope span("compile", graph->name);
  auto api = open_compiler();
  if (!api) return api.error();
  compiler::Request request;
  request.graph = graph.get();
  request.options.level = fuse ? compiler::Options::Level::full : compiler::Options::Level::no_fuse;
  request.options.check_mode = check;
  request.explain = logs(Log::passes, Severity::debug);
  auto image = (*api)->compile(request);
  if (!image) return image.error();
  stats.compiled = true;
  log_report(name, *image);
  auto bytes = pack(*image, *graph);
  auto code = map_code(std::move(*image));
  if (!code) return code.error();
  disk_cache().put(key, text, bytes);
  if (!disk_cache().off())
    log_to(Log::cache, Severity::debug, [&] { return "code of " + name + " stored: " + disk_cache().path(key); });
  memory_cache().put(text, *code);
  return ready(*code);
}

Result<compiler::Report> compile_report(const Graph& graph, bool fuse) {
  rt::LongWork work;
  auto api = open_compiler();
  if (!api) return api.error();
  compiler::Request request;
  request.graph = &graph;
  request.explain = true;
  request.options.level = fuse ? compiler::Options::Level::full : compiler::Options::Level::no_fuse;
  auto image = (*api)->compile(request);
  if (!image) return image.error();
  return std::move(image->report);
}

}  // namespace burin::detail
