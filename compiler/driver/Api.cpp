// The façade that libburin_compiler.so exports: images for the caches, ahead-of-time objects, and the key of the toolchain.
#include "compiler/driver/Compile.h"
#include "runtime/core/image.h"

#include "llvm/Config/llvm-config.h"

#include <cfenv>
#include <dlfcn.h>
#include <sys/stat.h>

namespace burin::compiler {
namespace {

/// LLVM divides by zero where nobody looks: compiles run without traps, whatever the caller's mode.
class StandardFloats {
public:
  StandardFloats() {
    fegetenv(&Before);
    fesetenv(FE_DFL_ENV);
  }
  ~StandardFloats() { fesetenv(&Before); }
  StandardFloats(const StandardFloats &) = delete;
  StandardFloats &operator=(const StandardFloats &) = delete;

private:
  fenv_t Before{};
};

Result<Image> compile(const Request &request) {
  StandardFloats mode;
  auto compiled = compileGraph(request);
  if (!compiled) return compiled.error();
  rt::ImageInfo info;
  for (const std::string &feature : compiled->target.Required)
    info.cpu_features += (info.cpu_features.empty() ? "" : ",") + feature;
  info.entry = "burin_entry";
  info.arena_bytes = compiled->arenaBytes;
  Image image;
  image.bytes = rt::write_image(info, compiled->object);
  image.blobs = std::move(compiled->blobs);
  image.report = std::move(compiled->report);
  return image;
}

Result<AotResult> aheadOfTime(const Request &request, const AotOptions &options) {
  StandardFloats mode;
  return compileAheadOfTime(request, options);
}

std::string toolchainKey(const Options &options) {
  auto target = codegen::cpu::resolveTarget(options.target);
  std::string key = target ? target->key() : "unknown target " + options.target;
  key += ";llvm " LLVM_VERSION_STRING ";abi " + std::to_string(BURIN_RT_ABI_VERSION);
  // The compiler itself: a rebuilt one may make other code of the same graph.
  Dl_info self{};
  struct stat file{};
  if (dladdr(reinterpret_cast<void *>(&burin_compiler_api), &self) && self.dli_fname &&
      stat(self.dli_fname, &file) == 0)
    key += ";burin " + std::to_string(file.st_size) + "." + std::to_string(file.st_mtim.tv_sec) + "." +
           std::to_string(file.st_mtim.tv_nsec);
  key += options.level == Options::Level::full ? ";full" : ";no_fuse";
  if (options.check_mode) key += ";check";
  return key;
}

} // namespace

extern "C" __attribute__((visibility("default"))) const Api *burin_compiler_api(std::uint32_t version) {
  static const Api api{api_version, compile, aheadOfTime, toolchainKey};
  return version == api_version ? &api : nullptr;
}

} // namespace burin::compiler
