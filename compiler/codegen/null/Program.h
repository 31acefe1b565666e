// What the null target made, loaded and run: the host program by its interpreter (host/HostInterpreter.h), kernels from
// their plans and loops. One call at a time.
#pragma once
#include "compiler/codegen/host/HostInterpreter.h"

#include <burin/error.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace burin::codegen::null {

class Program {
public:
  /// From a section `ir`.
  static Result<std::unique_ptr<Program>> load(std::span<const std::uint8_t> Section);
  ~Program();

  struct Outcome {
    host::HostStatus Status = host::HostStatus::failed;
    std::optional<burin_rt_fault> Fault; ///< the first in program order
    std::string Error;                   ///< why Status is `failed`
  };
  using Print =
      std::function<void(llvm::StringRef Label, Dtype, std::span<const std::int64_t> Shape, const void *Data)>;
  /// `Buffers` are the entry's: inputs, blobs, results; `Sizes` its named sizes.
  Outcome run(std::span<void *const> Buffers, std::span<const std::int64_t> Sizes, const Print &Print = {});

private:
  struct Loaded;
  explicit Program(std::unique_ptr<Loaded> It);
  std::unique_ptr<Loaded> It;
};

} // namespace burin::codegen::null
