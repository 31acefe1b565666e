// Target: a kind of machine that code is generated for, as the driver, the passes and the tools see it. A target is one
// folder beside this file and one line of Targets.cpp; nothing else names it.
#pragma once
#include "compiler/codegen/CFunction.h"
#include "compiler/codegen/plan/Kernel.h"

#include <burin/error.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace burin::codegen {

/// A named part of an image: `elf`.
struct Section {
  std::string Name;
  std::vector<std::uint8_t> Bytes;
};

/// Told before and after each step that a target takes by itself, with the IR that stands then or null.
struct StageListener {
  llvm::function_ref<void(llvm::StringRef Stage)> Begin;
  llvm::function_ref<void(llvm::StringRef Stage, mlir::Operation *)> End;
};

/// The code of one graph while it is made: kernels first, then the host program, then what has to be kept of both.
class Code {
public:
  virtual ~Code() = default;
  /// Failure has been reported at an op.
  virtual mlir::LogicalResult emitKernel(const Kernel &K) = 0;
  /// `Entry` is the host program, as plan-memory leaves it: its launches, and whatever goes on between them.
  virtual mlir::LogicalResult emitLaunches(mlir::func::FuncOp Entry) = 0;
  /// Adds a function that C programs call; the sections are then for a linker.
  virtual Result<void> emitCFunction(const CFunction &F) = 0;
  virtual Result<std::vector<Section>> sections(const StageListener &Listener) = 0;
};

class Target {
public:
  virtual ~Target() = default;
  virtual std::string name() const = 0; ///< as asked for: `host`, `x86-64-v3`
  /// What runs the code, as an image says it: `x86-64`, `aarch64`.
  virtual std::string architecture() const = 0;
  /// Everything that makes code for this target differ from code for another.
  virtual std::string key() const = 0;
  virtual bool supports(Dtype D) const = 0;
  /// What a machine needs to run the code, beyond the least of its architecture; part of an image.
  virtual std::vector<std::string> required() const = 0;
  virtual void loadDialects(mlir::MLIRContext &Context) const = 0;
  /// Decides, before memory is planned, what changes the memory that a kernel needs: how its reductions are split, and its
  /// workspace.
  virtual void schedule(Kernel &K) const = 0;
  /// Code in the module of the kernel functions.
  virtual std::unique_ptr<Code> begin(mlir::ModuleOp Kernels) const = 0;
};

/// The target of that name. InvalidArgument listing the choices for any other name.
Result<std::shared_ptr<const Target>> resolveTarget(std::string_view Name);

} // namespace burin::codegen
