// Saved files changed at random behind their checksums: what is refused is refused cleanly, and what still verifies runs
// compiled, its arguments, results and temporaries between pages that nobody may touch, and computes what the referee does.
// Runs in a child, so that a crash is a report and an endless loop ends.
#include "compiler/driver/Compiler.h"
#include "compiler/graph/interpret.h"
#include "compiler/graph/saved.h"
#include "compiler/graph/sizes.h"

#include "tests/support/catch.h"
#include "tests/support/guarded.h"
#include "tests/support/random_graph.h"
#include "tests/support/seeds.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <iostream>
#include <memory>
#include <new>
#include <random>

using namespace burin;
using namespace burin::test;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

/// What child and parent both see.
struct Progress {
  std::atomic<std::uint64_t> seed;
  std::atomic<int> stage;
  std::atomic<std::int64_t> files, refused, unchanged, skipped, endless, runs, compared, faults;
  char failure[8000];
};
enum Stage : int { reading, referee, compiling, running };
constexpr const char* stage_names[] = {"reading", "referee", "compiling", "running"};

Bytes file_of(std::uint64_t seed) {
  RandomOptions options;
  options.ops = 8;
  options.prints = false;
  options.states = seed % 2 == 0;
  Case c = random_case(seed, options);
  SavedFunction f;
  f.name = "fuzz";
  SavedTrace t;
  for (std::size_t i = 0; i < c.graph.inputs().size(); ++i) {
    const Input& in = c.graph.inputs()[i];
    if (in.kind == InputKind::capture) t.captures.push_back(c.inputs[i]);
    else t.arguments.push_back({SavedLeaf::Kind::tensor, in.name, "", "", false, in.kind == InputKind::state});
  }
  for (const Output& out : c.graph.outputs())
    if (out.kind == OutputKind::result) t.results.push_back({SavedLeaf::Kind::tensor, out.name});
  t.graph = std::move(c.graph);
  f.traces.push_back(std::move(t));
  auto bytes = serialise(f);
  REQUIRE(bytes);
  return *bytes;
}

/// Small changes, most of which leave the messages readable: numbers of values, types and attributes, digits of sizes.
Bytes changed(const Bytes& file, Random& random) {
  auto sections = detail::open_container(file);
  REQUIRE(sections);
  Bytes function(sections->function.begin(), sections->function.end());
  for (unsigned k = 0, n = 1 + random() % 3; k < n; ++k) {
    std::uint8_t& at = function[random() % function.size()];
    switch (random() % 5) {
      case 0: at = static_cast<std::uint8_t>(at + 1); break;
      case 1: at = static_cast<std::uint8_t>(at - 1); break;
      case 2: at ^= static_cast<std::uint8_t>(1u << random() % 8); break;
      case 3: at = function[random() % function.size()]; break;
      case 4: at = static_cast<std::uint8_t>(at >= '0' && at <= '9' ? '0' + random() % 10 : random() % 24); break;
    }
  }
  return detail::make_container(function, sections->weights);
}

void fill(HostTensor& t, Random& random) {
  auto each = [&](auto* p, auto value) {
    for (std::int64_t i = 0, n = t.num_elements(); i < n; ++i) p[i] = static_cast<std::decay_t<decltype(*p)>>(value());
  };
  void* data = t.buffer.mutable_data();
  const Dtype d = t.type.dtype;
  if (d == boolean) return each(static_cast<std::uint8_t*>(data), [&] { return random() % 2; });
  visit(d, [&]<class T>(std::type_identity<T>) {
    each(static_cast<T*>(data), [&] {
      if (is_floating(d)) return static_cast<float>(static_cast<int>(random() % 65) - 32) / 4;
      const int index = static_cast<int>(random() % 6);
      return static_cast<float>(is_signed(d) && random() % 16 == 0 ? index - 3 : index);
    });
  });
}

/// The type for these sizes; nothing where it is none or asks for much.
std::optional<TensorType> known(const TensorType& type, std::span<const DimBinding> bindings) {
  TensorType t = type;
  std::int64_t elements = 1;
  for (std::size_t d = 0; d < t.shape.size(); ++d) {
    t.shape[d] = substitute(t.shape[d], bindings);
    const auto size = constant_value(t.shape[d]);
    if (!size || *size < 0 || *size > 4096) return std::nullopt;
    elements *= std::max<std::int64_t>(*size, 1);
    if (elements > 1 << 16) return std::nullopt;
  }
  return t;
}

std::vector<std::unique_ptr<Guarded>>* arenas = nullptr;

/// Runs compiled code once; empty, or what is wrong.
std::string run(const Graph& graph, const compiler::Image& image, const std::vector<HostTensor>& inputs,
                const Result<Expected>& expected, std::span<const DimBinding> bindings, Random& random, Progress& p) {
  burin_rt_image* code = nullptr;
  char message[256] = "";
  if (burin_rt_image_load(image.bytes.data(), image.bytes.size(), &code, message, sizeof message) != BURIN_RT_OK)
    return std::string("cannot be mapped: ") + message;
  std::vector<std::unique_ptr<Guarded>> held;
  const bool at_end = random() % 4 != 0, in_place = random() % 2 == 0;
  auto guarded = [&](const HostTensor& t, const void* content) {
    held.push_back(std::make_unique<Guarded>(t.num_bytes(), at_end, static_cast<std::size_t>(bytes(t.type.dtype, 1))));
    if (content && t.num_bytes() > 0)
      std::memcpy(held.back()->data(), content, static_cast<std::size_t>(t.num_bytes()));
    return held.back()->data();
  };
  std::vector<void*> buffers;
  for (const HostTensor& t : inputs) buffers.push_back(guarded(t, t.buffer.data()));
  for (const auto& blob : image.blobs) buffers.push_back(guarded(blob->value, blob->value.buffer.data()));
  std::vector<HostTensor> results;
  for (const Output& out : graph.outputs()) {
    HostTensor t{*known(graph.type(out.value), bindings), {}};
    const bool same = in_place && out.kind == OutputKind::state;
    void* at = same ? buffers[*out.overwrites] : guarded(t, nullptr);
    t.buffer = Buffer::adopt(at, t.num_bytes(), [] {});
    buffers.push_back(at);
    results.push_back(std::move(t));
  }
  std::vector<std::int64_t> sizes;
  for (const std::string& name : graph.size_names())
    for (const DimBinding& b : bindings)
      if (b.name == name) sizes.push_back(b.value.value());

  std::vector<std::unique_ptr<Guarded>> temporaries;
  arenas = &temporaries;
  burin_rt_ctx* ctx = burin_rt_ctx_acquire(1 + random() % 2);
  const burin_rt_functions* usual = ctx->functions;
  burin_rt_functions functions = *usual;
  functions.arena = [](burin_rt_ctx*, std::int64_t bytes) -> void* {
    if (bytes < 0 || bytes > 1 << 28) return nullptr;
    arenas->push_back(std::make_unique<Guarded>((bytes + 63) / 64 * 64, true, 64));
    return arenas->back()->data();
  };
  ctx->functions = &functions;
  const int status = burin_rt_image_entry(code)(buffers.data(), sizes.data(), ctx);
  const burin_rt_fault fault = ctx->fault;
  ctx->functions = usual;
  burin_rt_ctx_release(ctx);
  burin_rt_image_unload(code);

  if (!expected) {
    ++p.faults;
    if (fault.kind == BURIN_RT_FAULT_NONE) return "no fault; expected " + expected.error().text();
    const Error got = fault_error(graph, fault);
    return got.message == expected.error().message ? ""
                                                   : "fault: " + got.text() + "; expected " + expected.error().text();
  }
  if (!expected->decided) return {};
  if (status != BURIN_RT_OK || fault.kind != BURIN_RT_FAULT_NONE)
    return "status " + std::to_string(status) + ", fault " + std::to_string(fault.kind);
  ++p.compared;
  return difference(*expected, results);
}

/// One trace of a changed file: empty, or what is wrong.
std::string try_trace(const SavedTrace& t, Random& random, Progress& p) {
  const Graph& graph = t.graph;
  std::vector<std::string> names = graph.size_names();
  std::vector<DimBinding> bindings;
  for (const std::string& name : names) bindings.push_back({name, static_cast<std::int64_t>(random() % 6)});
  for (std::uint32_t v = 0; v < graph.num_values(); ++v)
    if (!known(graph.type(ValueId{v}), bindings)) return ++p.skipped, "";
  Case c{graph.copy(), {}};
  std::size_t capture = 0;
  for (const Input& in : graph.inputs()) {
    HostTensor value{*known(graph.type(in.value), bindings), {}};
    if (in.kind == InputKind::capture) {
      value = t.captures[capture++];
    } else {
      value.buffer = Buffer::allocate(value.num_bytes());
      fill(value, random);
    }
    c.inputs.push_back(std::move(value));
  }
  std::vector<TensorType> types;
  for (const HostTensor& in : c.inputs) types.push_back(in.type);
  if (!bind_sizes(graph, types)) return ++p.skipped, "";

  p.stage = Stage::referee;
  auto expected = reference(c);
  p.stage = Stage::compiling;
  compiler::Request request;
  request.graph = &graph;
  request.options.level = random() % 2 ? compiler::Options::Level::full : compiler::Options::Level::no_fuse;
  auto image = compiler::burin_compiler_api(compiler::api_version)->compile(request);
  if (!image)
    return image.error().code == ErrorCode::internal ? "not compiled: " + image.error().text() : (++p.skipped, "");
  p.stage = Stage::running;
  ++p.runs;
  std::string why = run(graph, *image, c.inputs, expected, bindings, random, p);
  return why.empty() ? why : why + "\n" + test::to_string(c);
}

/// In the child: seeds from p.seed + 1 on until there were that many runs; false with p.failure set.
bool try_files(Progress& p, std::int64_t runs) {
  for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGPROF}) std::signal(signal, SIG_DFL);
  while (p.runs < runs) {
    const std::uint64_t seed = ++p.seed;
    p.stage = Stage::reading;
    const itimerval limit{{0, 0}, {20, 0}};  // of processor time: machines are busy
    ::setitimer(ITIMER_PROF, &limit, nullptr);
    Random random(seed);
    const Bytes original = file_of(seed / 16), bytes = changed(original, random);
    ++p.files;
    auto read = [](const Bytes& b) {
      Buffer memory = Buffer::allocate(static_cast<std::int64_t>(b.size()));
      std::memcpy(memory.mutable_data(), b.data(), b.size());
      return deserialise(memory);
    };
    auto f = read(bytes);
    if (!f) {
      ++p.refused;
      continue;
    }
    auto before = read(original);
    if (f->traces.size() != 1 || hash(f->traces[0].graph) == hash(before->traces[0].graph)) {
      ++p.unchanged;
      continue;
    }
    if (std::string why = try_trace(f->traces[0], random, p); !why.empty()) {
      std::strncpy(p.failure, why.c_str(), sizeof p.failure - 1);
      return false;
    }
  }
  return true;
}

void fuzz(std::int64_t runs) {
  void* shared = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  auto& p = *new (shared) Progress{};
  const Seeds seeds(static_cast<std::uint64_t>(runs));
  runs = static_cast<std::int64_t>(seeds.last - seeds.first);
  p.seed = seeds.first - (seeds.only ? 1 : 0);
  const char* all = std::getenv("BURIN_TEST_KEEP_GOING");  // reports every failure instead of the first
  int failures = 0;
  burin_rt_set_print_sink(
      [](void*, const char*, std::int64_t, std::int32_t, std::int32_t, const std::int64_t*, const void*) {}, nullptr);
  while (p.runs < runs) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(try_files(p, seeds.only ? p.runs + 1 : runs) ? 0 : 1);
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (status == 0) break;
    const bool timed_out = WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF;
    if (timed_out && p.stage == Stage::referee) {  // a loop that the change made endless: nothing to compare with
      ++p.endless;
      continue;
    }
    std::string what = timed_out             ? std::string("does not end in 20 s")
                       : WIFSIGNALED(status) ? "died of signal " + std::to_string(WTERMSIG(status))
                                             : std::string(p.failure);
    const std::string text = "seed " + std::to_string(p.seed) + ", " + stage_names[p.stage] + ": " + what;
    if (!all) FAIL(text);
    ++failures;
    std::cerr << text << std::endl;
  }
  burin_rt_set_print_sink(nullptr, nullptr);
  const std::string counts = std::to_string(p.files) + " files: " + std::to_string(p.refused) + " refused, " +
                             std::to_string(p.unchanged) + " with the same graph, " + std::to_string(p.skipped) +
                             " too large or with sizes that are none, " + std::to_string(p.endless) + " endless; " +
                             std::to_string(p.runs) + " runs, " + std::to_string(p.compared) + " compared, " +
                             std::to_string(p.faults) + " with a fault";
  if (runs > 500) std::cerr << counts << std::endl;
  INFO(counts);
  CHECK(failures == 0);
  CHECK(p.runs.load() >= runs);
  CHECK(p.compared.load() > p.runs.load() / 3);
  ::munmap(shared, sizeof(Progress));
}

}  // namespace

TEST_CASE("changed files that still verify run compiled within their memory and compute what the referee does") {
  fuzz(500);
}
TEST_CASE("the same, 20,000 runs", "[.]") { fuzz(20'000); }
