// The compiler's façade: Graph in, image out. The frontend and the tools see the compiler only through this header; it
// names no MLIR or LLVM type. libburin_compiler.so is opened at the first miss and reached through burin_compiler_api().
#pragma once
#include "compiler/graph/graph.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace burin::compiler {

/// Everything that steers code generation and so belongs to the key of an image.
struct Options {
  std::string target = "host"; ///< "host", "x86-64-v3", "aarch64", or a CPU name LLVM knows
  enum class Level : std::uint8_t { no_fuse, full } level = Level::full;
  bool check_mode = false; ///< NaN and division by zero are faults; nothing is fused or left out then
};

/// What happened to a graph, for the inspector and for tests.
struct Remark {
  std::string pass;    ///< `fuse-kernels`
  std::string message; ///< what was decided and why
  SourceLine line;
};
struct Stage {
  std::string name; ///< `03-fuse-kernels`
  std::string text; ///< the IR after it
  double milliseconds = 0;
};
struct KernelInfo {
  std::string name;
  std::string description; ///< the ops it holds
  std::int64_t code_bytes = 0;
};
/// Filled where `Request::explain` asks; otherwise only the counters.
struct Report {
  std::vector<Stage> stages;
  std::vector<Remark> remarks;
  std::vector<KernelInfo> kernels;
  std::string host_program;
  std::string memory_plan;
  std::int64_t arena_bytes = -1; ///< of temporaries, without workspace; -1: depends on named sizes
  double milliseconds = 0;
};

/// A compiled graph as bytes that burin_rt_image_load maps: same for memory cache, disk cache and `burinc`.
/// Buffers of the entry: inputs, then blobs (constants above 64 elements, in `blobs` order), then results.
struct Image {
  std::vector<std::uint8_t> bytes;
  std::vector<std::shared_ptr<const Constant>> blobs;
  Report report;
};

struct Request {
  const Graph *graph = nullptr;
  Options options;
  bool explain = false; ///< keep the text of each stage
};

/// A state input of the graph that is no argument of the function but a Variable.
struct AotVariable {
  std::uint32_t input;
  std::string name;
  HostTensor value; ///< what it begins with
};

/// For `burinc`: what an object file additionally exports.
struct AotOptions {
  std::string symbol;               ///< the C function, `mlp`
  std::vector<HostTensor> captures; ///< values of the graph's inputs of kind capture, in order: embedded in the object
  std::vector<AotVariable> variables{}; ///< by input, ascending
  /// Where variables are: each an argument that the call overwrites, or in the object, with functions `mlp_init`, `mlp_get`,
  /// `mlp_save`, `mlp_load`.
  enum class State : std::uint8_t { arguments, owned } state = State::arguments;
};
struct AotResult {
  std::vector<std::uint8_t> object; ///< relocatable ELF with the C entry points
  std::string header;               ///< the C header's text
  std::string architecture;         ///< of the machines that run it: `x86-64`
  Report report;
};

/// The functions of libburin_compiler.so. Never throws; every failure is an Error value.
struct Api {
  std::uint32_t version;
  Result<Image> (*compile)(const Request &);
  Result<AotResult> (*compile_aot)(const Request &, const AotOptions &);
};
/// Changes with this interface and with the numbers of the ops, which graphs are handed over in.
inline constexpr std::uint32_t api_version = [] {
  std::uint32_t digest = 2;
  for (char c : std::string_view(
#define BURIN_OP(kind) #kind ","
#include "runtime/ops/OpKinds.inc" // generated
#undef BURIN_OP
           ))
    digest = (digest ^ static_cast<unsigned char>(c)) * 16777619u;
  return digest;
}();

extern "C" {
/// The one exported symbol; null when `version` is not ours.
const Api *burin_compiler_api(std::uint32_t version);
}

} // namespace burin::compiler
