// One graph through the whole compiler, up to the sections of an image. What the façade (Api.cpp) and ahead-of-time
// compiling (Aot.cpp) share.
#pragma once
#include "compiler/codegen/Target.h"
#include "compiler/driver/Compiler.h"

namespace burin::compiler {

struct Compiled {
  std::vector<codegen::Section> sections;
  std::shared_ptr<const codegen::Target> target;
  std::vector<std::string> sizes; ///< the entry's named sizes, in order
  std::int64_t arenaBytes = -1;
  std::vector<std::shared_ptr<const Constant>> blobs;
  Report report;

  /// The section of that name; UnsupportedError where the target makes none.
  Result<std::vector<std::uint8_t> *> section(const std::string &name);
};

/// The C function that goes with the graph, for objects that are linked to programs.
using DescribeCFunction = std::function<codegen::CFunction(const Compiled &)>;
Result<Compiled> compileGraph(const Request &, const DescribeCFunction & = {});

Result<AotResult> compileAheadOfTime(const Request &, const AotOptions &);

} // namespace burin::compiler
