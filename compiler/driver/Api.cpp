// The façade that libburin_compiler.so exports: images for the caches and ahead-of-time objects.
#include "compiler/driver/Compile.h"
#include "runtime/core/cpu_features.h"
#include "runtime/core/image.h"

#include <cfenv>

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
  auto target = codegen::resolveTarget(request.options.target);
  if (!target) return target.error();
  if (const std::string machine = (*target)->architecture(); machine != rt::architecture())
    return Error{ErrorCode::unsupported,
                 "target: code for \"" + (*target)->name() + "\" (" + machine +
                     ") does not run on this machine, which is " + std::string(rt::architecture()),
                 "foreign-target", "", "burinc compiles a saved function for other machines"};
  auto compiled = compileGraph(request);
  if (!compiled) return compiled.error();
  rt::ImageInfo info;
  info.architecture = compiled->target->architecture();
  for (const std::string &feature : compiled->target->required())
    info.cpu_features += (info.cpu_features.empty() ? "" : ",") + feature;
  info.entry = "burin_entry";
  info.arena_bytes = compiled->arenaBytes;
  Image image;
  std::vector<rt::NamedSection> sections;
  for (const codegen::Section &section : compiled->sections) sections.push_back({section.Name, section.Bytes});
  image.bytes = rt::write_image(info, sections);
  image.blobs = std::move(compiled->blobs);
  image.report = std::move(compiled->report);
  return image;
}

Result<AotResult> aheadOfTime(const Request &request, const AotOptions &options) {
  StandardFloats mode;
  return compileAheadOfTime(request, options);
}

} // namespace

extern "C" __attribute__((visibility("default"))) const Api *burin_compiler_api(std::uint32_t version) {
  static const Api api{api_version, compile, aheadOfTime};
  return version == api_version ? &api : nullptr;
}

} // namespace burin::compiler
