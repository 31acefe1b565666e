// See Backend.h.
#include "compiler/codegen/null/Backend.h"

#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/null/Loops.h"
#include "compiler/codegen/plan/SplitReductions.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace burin::codegen::null {
using namespace mlir;

namespace {

// So small that the smallest tests split their reductions.
constexpr SplitPolicy Splits{.MaxResults = 64,
                             .MinElements = 8,
                             .MinChunkElements = 4,
                             .ChunkAlignment = 2,
                             .FewResults = 4,
                             .MaxChunks = 5,
                             .MaxChunksOfMany = 3};

class NullCode final : public Code {
public:
  explicit NullCode(ModuleOp Kernels) : Kernels(Kernels) {}
  LogicalResult emitKernel(const Kernel &K) override {
    if (auto *Loops = std::get_if<LoopPlan>(&K.Work)) writeLoops(K, *Loops);
    if (std::holds_alternative<SmallLoopPlan>(K.Work)) return writeSmallLoop(K);
    return success(); // the others are planned again from the function, which stays
  }
  LogicalResult emitLaunches(func::FuncOp) override { return success(); } // the interpreter walks it as it is
  Result<void> emitCFunction(const CFunction &) override {
    return Error{ErrorCode::unsupported, "target: \"null\" makes no C functions", "unsupported-target", "",
                 "compile for a CPU: --target=host"};
  }
  Result<std::vector<Section>> sections(const StageListener &) override {
    std::string Text;
    llvm::raw_string_ostream Stream(Text);
    // Generic: not every upstream op reads what it prints.
    Kernels->getParentOp()->print(Stream, OpPrintingFlags().printGenericOpForm());
    return std::vector<Section>{{"ir", {Text.begin(), Text.end()}}};
  }

private:
  ModuleOp Kernels;
};

class Backend final : public Target {
public:
  std::string name() const override { return "null"; }
  std::string architecture() const override { return "null"; }
  std::string key() const override { return "null"; }
  bool supports(Dtype) const override { return true; }
  std::vector<std::string> required() const override { return {}; }
  void loadDialects(MLIRContext &Context) const override {
    Context.loadDialect<memref::MemRefDialect, scf::SCFDialect>();
  }
  void schedule(Kernel &K) const override {
    if (auto *Plan = std::get_if<KernelPlan>(&K.Work)) {
      splitReductions(*Plan, Splits);
      if (Plan->WorkspaceBytes) K.Memory.Shared.push_back(Extent::number(Plan->WorkspaceBytes));
    } else if (auto *Plan = std::get_if<LoopPlan>(&K.Work)) {
      K.Memory = loopWorkspace(K, *Plan);
    }
  }
  std::unique_ptr<Code> begin(ModuleOp Kernels) const override { return std::make_unique<NullCode>(Kernels); }
};

} // namespace

std::shared_ptr<const Target> resolveBackend(std::string_view Name) {
  return Name == "null" ? std::make_shared<Backend>() : nullptr;
}

} // namespace burin::codegen::null
