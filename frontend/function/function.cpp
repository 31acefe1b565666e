// Functions as objects: how one is made, the modes that calls take from their scopes, questions about it, and the tensors
// that stand in for arguments. See function_state.h; lookup.cpp finds the entry of a call, call.cpp runs it.
#include "frontend/function/function_state.h"
#include "frontend/function/lookup.h"

#include "frontend/execute/log.h"
#include "runtime/core/profile.h"

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>

namespace burin {

namespace detail {

namespace {

constexpr std::uint8_t no_level = 255;
constinit thread_local std::uint8_t level_override __attribute__((tls_model("initial-exec"))) = no_level;
constinit thread_local bool check_mode __attribute__((tls_model("initial-exec"))) = false;
constinit thread_local bool no_retrace __attribute__((tls_model("initial-exec"))) = false;

std::string callable_name(const void* code, std::string_view, const std::source_location& where) {
  Dl_info info;
  if (code && dladdr(code, &info) && info.dli_sname && info.dli_saddr == code) {
    int status = 1;
    char* plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
    std::string s = status == 0 ? plain : info.dli_sname;
    std::free(plain);
    s = s.substr(0, s.find('('));
    if (auto colon = s.rfind("::"); colon != std::string::npos) s = s.substr(colon + 2);
    return s;
  }
  std::string file = where.file_name();
  return "function at " + file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line());
}

void check_signature(const FunctionState& f) {
  for (std::size_t i = 0; i < f.options.signature.size(); ++i) {
    const Spec& spec = f.options.signature[i];
    auto refuse = [&](const std::string& what, const char* hint) {
      fail({ErrorCode::invalid_argument, f.name + ": " + what, "signature", "", hint}, f.where);
    };
    if (spec.path.empty() == by_path(f))
      refuse("the input signature names some tensors by path and others by position",
             "give each spec its path, as in spec<f32>(\"arg1\", {\"batch\"})");
    for (std::size_t j = 0; j < i && by_path(f); ++j)
      if (f.options.signature[j].path == spec.path) refuse("the input signature names " + spec.path + " twice", "");
    check_sizes(f, f.options.signature[i].type, "spec " + std::to_string(i) + " of the input signature");
  }
}

}  // namespace

void check_sizes(const FunctionState& f, const TensorType& type, const std::string& whose) {
  for (Dim d : type.shape) {
    std::string what, hint;
    if (d.is_overflow()) what = "a size beyond 64 bits, or an expression beyond 256 terms or 4096 characters";
    else if (constant_value(d).value_or(0) < 0) {
      what = "the negative size " + burin::to_string(d);
      hint = "a size that varies has a name: \"batch\"";
    } else if (parse_dim(burin::to_string(d)) != d) {
      what = "a size called \"" + burin::to_string(d) + "\"";
      hint = "a name is at most 255 letters, digits and _, and begins with no digit";
    } else {
      continue;
    }
    fail({ErrorCode::invalid_argument, f.name + ": " + whose + " has " + what, "signature", "", hint}, f.where);
  }
}

bool checking() noexcept { return check_mode; }
bool retrace_forbidden() noexcept { return no_retrace; }

std::uint8_t current_level(const FunctionState& f) {
  const std::uint8_t level = level_override == no_level ? static_cast<std::uint8_t>(f.options.level) : level_override;
  return check_mode ? static_cast<std::uint8_t>(level | checked_bit) : level;
}

std::shared_ptr<FunctionState> make_function(FunctionOptions options, const void* code, std::string_view callable,
                                             const std::source_location& where) {
  static std::atomic<std::uint64_t> next{1};
  rt::profiler_start_from_environment();
  logs(Log::run, Severity::warn);  // the log is the place of warnings from now on, where BURIN_LOG asks for it
  auto f = std::make_shared<FunctionState>();
  f->name = options.name.empty() ? callable_name(code, callable, where) : options.name;
  f->options = std::move(options);
  f->options.max_entries = std::max<std::size_t>(f->options.max_entries, 1);
  f->where = where;
  f->number = next.fetch_add(1, std::memory_order_relaxed);
  check_signature(*f);
  return f;
}

// -- questions about a function ------------------------------------------------------------------------------------

FunctionStats stats(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  f.stats.calls += take_hits(f);
  FunctionStats s = f.stats;
  for (auto& p : f.places) {
    if (!p->entry) continue;
    ++s.entries;
    if (const Executable* x = p->entry->ready.load(std::memory_order_acquire))
      s.planned_bytes = std::max(s.planned_bytes, x->planned_bytes());
    s.derivatives += p->entry->callable->derivatives();
  }
  return s;
}
std::string explain(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  std::string text;
  for (auto& s : f.stories) text += s + "\n";
  return text;
}
std::vector<std::shared_ptr<const Graph>> graphs(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  std::lock_guard lock(f.mutex);
  std::vector<std::shared_ptr<const Graph>> list;
  for (auto& p : f.places)
    if (p->entry) list.push_back(p->entry->graph);
  return list;
}
std::string view(const FunctionState& f) {
  std::string text;
  for (auto& g : graphs(f)) text += to_string(*g) + "\n";
  return text.empty() ? "\"" + f.name + "\" has not been traced yet\n" : text;
}

void stand_in(Tensor& t, const Spec& spec) {
  if (!spec.path.empty())
    fail({ErrorCode::invalid_argument,
          "trace: a Spec stands for the parameter that it is given for; this one is of " + spec.path, "signature", "",
          "leave the path out"},
         {});
  NodeRef n = make_eager(DeviceTensor{spec.type, {}});
  n.get()->stands_in = true;
  HandleAccess::set_raw(t, {std::move(n), false});
}
bool awaits_signature(const FunctionState& c) {
  auto& f = const_cast<FunctionState&>(c);
  if (f.options.signature.empty()) return false;
  std::lock_guard lock(f.mutex);
  return std::none_of(f.places.begin(), f.places.end(), [](auto& p) { return p->entry != nullptr; });
}
void stand_in(const FunctionState& f, std::span<const Leaves> parameters) {
  std::size_t next = 0;
  std::vector<std::string> tensors;
  for (auto& l : parameters) {
    if (l.statics.size() != l.tensors.size())  // something besides tensors
      fail({ErrorCode::invalid_argument,
            "save: \"" + f.name +
                "\" has not been traced yet, and its input signature does not tell all: a parameter "
                "holds a static value or a container",
            "no-trace", "", "name the arguments once: trace(3, spec<f32>({\"batch\", 128}))"},
           f.where);
    for (std::size_t i = 0; i < l.tensors.size(); ++i) {
      tensors.push_back(l.paths[i]);
      const Spec* spec = spec_of(f, next++, l.paths[i]);
      if (spec) stand_in(*l.tensors[i], {spec->type});
      else if (by_path(f))
        fail({ErrorCode::invalid_argument,
              "save: \"" + f.name + "\" has not been traced yet, and its input signature says nothing of " + l.paths[i],
              "no-trace", "", "call it once, name the arguments once in trace(..), or add " + l.paths[i] + " to it"},
             f.where);
    }
  }
  check_paths(f, tensors);
  if (!by_path(f) && next != f.options.signature.size()) fail(signature_count(f, next), f.where);
}

void empty_leaves(const Leaves& l) {
  for (auto* t : l.tensors) HandleAccess::set_raw(*t, {});
}

}  // namespace detail

LevelScope::LevelScope(Level l) noexcept
    : saved_(std::exchange(detail::level_override, static_cast<std::uint8_t>(l))) {}
LevelScope::~LevelScope() { detail::level_override = saved_; }
CheckScope::CheckScope(bool on) noexcept : saved_(std::exchange(detail::check_mode, on)) {}
CheckScope::~CheckScope() { detail::check_mode = saved_; }
NoRetraceScope::NoRetraceScope() noexcept : saved_(std::exchange(detail::no_retrace, true)) {}
NoRetraceScope::~NoRetraceScope() { detail::no_retrace = saved_; }

}  // namespace burin
