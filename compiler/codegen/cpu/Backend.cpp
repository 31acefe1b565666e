// See Backend.h. Who writes a kernel: the nest emitter, the matrix product, a loop lowering, the small loop, a check.
#include "compiler/codegen/cpu/Backend.h"

#include "compiler/codegen/cpu/CFunction.h"
#include "compiler/codegen/cpu/CheckKernels.h"
#include "compiler/codegen/cpu/EmitObject.h"
#include "compiler/codegen/cpu/Gemm.h"
#include "compiler/codegen/cpu/LinalgEmitter.h"
#include "compiler/codegen/cpu/Loops.h"
#include "compiler/codegen/cpu/LowerToLlvm.h"
#include "compiler/codegen/host/HostToLlvm.h"
#include "compiler/codegen/loops/LoopLowering.h"
#include "compiler/codegen/plan/SplitReductions.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

// Partial results are small: 64 * 16 or 16 * 1024 elements.
constexpr SplitPolicy Splits{.MaxResults = 1024,
                             .MinElements = 1 << 16,
                             .MinChunkElements = 1 << 14,
                             .ChunkAlignment = 64,
                             .FewResults = 16,
                             .MaxChunks = 64,
                             .MaxChunksOfMany = 16};

MatmulConfig matmulConfig(const Kernel &K, const ProductPlan &Plan) {
  MatmulConfig Config;
  Config.setElement(Plan.Element);
  Config.LhsShape = Plan.LhsShape;
  Config.RhsShape = Plan.RhsShape;
  Config.LhsTransposed = Plan.LhsTransposed;
  Config.RhsTransposed = Plan.RhsTransposed;
  Config.NumSizes = K.NumSizes;
  Config.Order = K.Order;
  Config.WorkspaceAt = K.workspaceAt();
  return Config;
}

class CpuCode final : public Code {
public:
  CpuCode(ModuleOp Kernels, const CpuTarget &T) : Kernels(Kernels), T(T) {}

  LogicalResult emitKernel(const Kernel &K) override {
    // The launch function takes the name; bodies are copied from the kernel until then.
    func::FuncOp Function = K.Function;
    Function.setName(K.Name + ".burin");
    LogicalResult Done = std::visit([&](const auto &Work) { return emit(K, Work); }, K.Work);
    Function.erase();
    return Done;
  }
  LogicalResult emitLaunches(func::FuncOp Entry) override { return host::lowerHostProgram(Entry, Kernels); }
  Result<void> emitCFunction(const CFunction &F) override {
    Externals = writeCFunction(Kernels, F, T);
    return {};
  }
  Result<std::vector<Section>> sections(const StageListener &Listener) override {
    Listener.Begin("lower-to-llvm");
    if (failed(lowerToLlvm(Kernels))) return Error{ErrorCode::internal, "the kernels do not lower to LLVM", "internal"};
    Listener.End("lower-to-llvm", Kernels);
    Listener.Begin("object");
    auto Object = emitObject(Kernels, T, Externals);
    if (!Object) return Object.error();
    Listener.End("object", nullptr);
    return std::vector<Section>{{"elf", std::move(*Object)}};
  }

private:
  LogicalResult emit(const Kernel &K, const KernelPlan &Plan) {
    emitNests(K, Plan, T);
    return success();
  }
  LogicalResult emit(const Kernel &K, const ProductPlan &Plan) {
    auto Done = emitMatmulKernel(Kernels, K.Name, matmulConfig(K, Plan), T);
    if (Done) return success();
    func::FuncOp Function = K.Function;
    return Function.getBody().front().getTerminator()->getPrevNode()->emitError(Done.error().message);
  }
  LogicalResult emit(const Kernel &K, const LoopPlan &Plan) {
    emitLoops(K, Plan, T);
    return success();
  }
  LogicalResult emit(const Kernel &K, const SmallLoopPlan &) { return emitSmallLoop(K, T); }
  LogicalResult emit(const Kernel &K, const CheckPlan &Plan) {
    emitCheckKernel(K, Plan, T);
    return success();
  }

  ModuleOp Kernels;
  const CpuTarget &T;
  std::vector<std::string> Externals; // what a linker gives; images have none
};

class Backend final : public codegen::Target {
public:
  explicit Backend(CpuTarget T) : T(std::move(T)) {}
  std::string name() const override { return T.Name; }
  std::string architecture() const override { return T.Architecture; }
  std::string key() const override { return T.key(); }
  bool supports(Dtype) const override { return true; }
  std::vector<std::string> required() const override { return T.Required; }
  void loadDialects(MLIRContext &Context) const override { loadCodegenDialects(Context); }
  void schedule(Kernel &K) const override {
    if (auto *Plan = std::get_if<KernelPlan>(&K.Work)) {
      splitReductions(*Plan, Splits);
      K.Memory = nestsWorkspace(*Plan, T);
    } else if (auto *Plan = std::get_if<ProductPlan>(&K.Work)) {
      if (auto Each = matmulWorkspace(matmulConfig(K, *Plan), T, K.Function->getContext())) K.Memory.Each = *Each;
    } else if (auto *Plan = std::get_if<LoopPlan>(&K.Work)) {
      K.Memory = loopWorkspace(K, *Plan);
    }
  }
  std::unique_ptr<Code> begin(ModuleOp Kernels) const override { return std::make_unique<CpuCode>(Kernels, T); }

private:
  CpuTarget T;
};

} // namespace

std::shared_ptr<const codegen::Target> makeBackend(CpuTarget T) { return std::make_shared<Backend>(std::move(T)); }

std::shared_ptr<const codegen::Target> resolveBackend(std::string_view Name) {
  auto T = resolveTarget(Name);
  return T ? makeBackend(std::move(*T)) : nullptr;
}

} // namespace burin::codegen::cpu
