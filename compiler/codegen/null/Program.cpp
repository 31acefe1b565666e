// See Program.h.
#include "compiler/codegen/null/Program.h"

#include "compiler/codegen/null/Backend.h"
#include "compiler/codegen/null/Evaluate.h"
#include "compiler/codegen/null/Loops.h"
#include "compiler/ir/Dialect.h"

#include "mlir/Parser/Parser.h"

namespace burin::codegen::null {
using namespace mlir;

struct Program::Loaded {
  MLIRContext Context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> Module;
  func::FuncOp Entry;
  PlannedKernels Kernels; ///< but those that are loops
  std::string Said;       ///< by MLIR, since it was last asked

  LogicalResult runKernel(StringRef Name, const Machine &M) {
    auto Planned = Kernels.find(Name);
    if (Planned == Kernels.end()) {
      auto Module = Entry->getParentOfType<ModuleOp>().lookupSymbol<ModuleOp>(ir::kernelsModuleName);
      return evaluateLoops(Module.lookupSymbol<func::FuncOp>(Name), M);
    }
    const Kernel &K = Planned->second;
    if (auto *Plan = std::get_if<KernelPlan>(&K.Work)) return evaluateNests(*Plan, M);
    if (auto *Plan = std::get_if<ProductPlan>(&K.Work)) return evaluateProduct(K, *Plan, M);
    return evaluateCheck(std::get<CheckPlan>(K.Work), M);
  }
};

Program::Program(std::unique_ptr<Loaded> It) : It(std::move(It)) {}
Program::~Program() = default;

Result<std::unique_ptr<Program>> Program::load(std::span<const std::uint8_t> Section) {
  auto It = std::make_unique<Loaded>();
  It->Context.loadDialect<ir::BurinDialect, ir::host::BurinHostDialect>();
  loadPlanDialects(It->Context);
  auto Target = resolveBackend("null");
  Target->loadDialects(It->Context);
  It->Context.getDiagEngine().registerHandler([Said = &It->Said](Diagnostic &D) {
    if (D.getSeverity() == DiagnosticSeverity::Error && Said->empty()) *Said = D.str();
    return success();
  });
  auto refuse = [&](const std::string &What) {
    return Error{ErrorCode::internal, "null program: " + What + (It->Said.empty() ? "" : ": " + It->Said), "internal"};
  };
  StringRef Text(reinterpret_cast<const char *>(Section.data()), Section.size());
  It->Module = parseSourceString<ModuleOp>(Text, &It->Context);
  if (!It->Module) return refuse("its text is not IR");
  It->Entry = It->Module->lookupSymbol<func::FuncOp>(ir::entryName);
  auto Kernels = It->Module->lookupSymbol<ModuleOp>(ir::kernelsModuleName);
  if (!It->Entry || !Kernels) return refuse("it has no host program or no kernels");
  for (auto Function : Kernels.getOps<func::FuncOp>()) {
    bool IsKernel = Function->hasAttr(ir::kernelAttrName) || Function->hasAttr(ir::checkAttrName);
    if (!IsKernel || Function->hasAttr(phasesAttrName)) continue;
    auto K = planKernel(Function);
    if (failed(K)) return refuse("kernel " + Function.getName().str());
    Target->schedule(*K);
    It->Kernels.try_emplace(Function.getName(), std::move(*K));
  }
  return std::unique_ptr<Program>(new Program(std::move(It)));
}

Program::Outcome Program::run(std::span<void *const> Buffers, std::span<const std::int64_t> Sizes, const Print &Print) {
  Outcome Out;
  It->Said.clear();
  host::HostMachine Host;
  Host.print = Print;
  Host.faulted = [&] { return Out.Fault.has_value(); };
  Host.fault = [&](burin_rt_fault_kind Kind, std::int32_t Op, std::int64_t Index, std::int64_t Value) {
    if (!Out.Fault || std::pair(Op, Index) < std::pair(Out.Fault->op, Out.Fault->index))
      Out.Fault = burin_rt_fault{Kind, Op, Index, Value};
  };
  Host.launch = [&](StringRef Kernel, std::span<void *const> Given, std::span<const std::int64_t> GivenSizes) {
    return It->runKernel(Kernel, {Given, GivenSizes, Host.fault, Host.faulted});
  };
  Out.Status = host::interpretHostProgram(It->Entry, Buffers, Sizes, Host);
  if (Out.Status == host::HostStatus::failed) Out.Error = It->Said;
  return Out;
}

} // namespace burin::codegen::null
