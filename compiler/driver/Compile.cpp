// One graph through the whole compiler: import, passes, kernels, host program, object.
#include "compiler/driver/Compile.h"

#include "compiler/codegen/Stopwatch.h"
#include "compiler/codegen/Target.h"
#include "compiler/driver/ContextPool.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/Pipeline.h"
#include "compiler/graph/interpret.h"
#include "compiler/ir/ArenaAttributes.h"
#include "compiler/ir/Import.h"
#include "passes/Passes.h"
#include "runtime/core/profile.h"

#include "llvm/Object/ELFObjectFile.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace burin::compiler {
namespace {

std::string text(Operation *op) {
  std::string result;
  llvm::raw_string_ostream os(result);
  op->print(os, OpPrintingFlags().enableDebugInfo(true, /*prettyForm=*/true));
  return result;
}

class Compilation {
public:
  Compilation(const Request &request, std::shared_ptr<const codegen::Target> target)
      : Ask(request), Diagnostics(Context.get(), request.explain ? &Out.report : nullptr) {
    target->loadDialects(*Context.get());
    Out.target = std::move(target);
  }

  Result<Compiled> run(const DescribeCFunction &describeCFunction) {
    codegen::Stopwatch total;
    Module = ir::importGraph(*Ask.graph, Context.get(), Blobs, {Ask.options.check_mode});
    Context.spend(static_cast<unsigned>(Ask.graph->num_ops()) + 50);
    stage("import", *Module);
    for (auto &pass : makePipeline(Ask.options, Ask.explain, Out.target.get(), Kernels)) {
      std::string name = pass->getArgument().str();
      Diagnostics.stage(name);
      PassManager manager(Context.get());
      manager.enableVerifier(Ask.explain);
      manager.addPass(std::move(pass));
      if (failed(manager.run(*Module))) return Diagnostics.error(ErrorCode::internal);
      stage(name, *Module);
    }
    auto kernels = Module->lookupSymbol<ModuleOp>(ir::kernelsModuleName);
    auto entry = Module->lookupSymbol<func::FuncOp>(ir::entryName);
    describe(kernels, entry);

    Diagnostics.stage("codegen");
    std::unique_ptr<codegen::Code> code = Out.target->begin(kernels);
    for (auto kernel : llvm::to_vector(kernels.getOps<func::FuncOp>())) // targets may add functions
      if (failed(code->emitKernel(Kernels.at(kernel.getName())))) return Diagnostics.error(ErrorCode::unsupported);
    Diagnostics.stage("host program");
    if (failed(code->emitLaunches(entry))) return Diagnostics.error(ErrorCode::internal);
    if (describeCFunction)
      if (auto done = code->emitCFunction(describeCFunction(Out)); !done) return done.error();
    stage("codegen", kernels);
    auto begin = [&](StringRef name) { Diagnostics.stage(name.str()); };
    auto end = [&](StringRef name, Operation *op) { stage(name, op); };
    auto sections = code->sections({begin, end});
    if (!sections) return Diagnostics.said() ? Diagnostics.error(ErrorCode::internal) : sections.error();
    Out.sections = std::move(*sections);
    if (Ask.explain) measureKernels();
    Out.report.milliseconds = total.lap();
    return std::move(Out);
  }

private:
  void stage(StringRef name, Operation *op) {
    double milliseconds = Clock.lap();
    rt::profiler_add(name.str().c_str(), milliseconds);
    std::string number = std::to_string(Out.report.stages.size());
    if (number.size() < 2) number = "0" + number;
    Out.report.stages.push_back(
        {number + "-" + name.str(), Ask.explain && op ? text(op) : std::string(), milliseconds});
    Clock.lap(); // printing is not compiling
  }

  /// What is known once the plan stands: sizes, arena, blobs; the report's kernels and plan.
  void describe(ModuleOp kernels, func::FuncOp entry) {
    if (auto sizes = entry->getAttrOfType<ArrayAttr>(ir::sizesAttrName))
      for (auto name : sizes.getAsRange<StringAttr>()) Out.sizes.push_back(name.str());
    auto places = entry->getAttrOfType<ir::DimsAttr>(ir::arenaAttrName);
    Out.arenaBytes = places.size() == 1 ? places.dim(0).value() : -1;
    Out.report.arena_bytes = Out.arenaBytes;
    if (auto blobs = entry->getAttrOfType<ArrayAttr>(ir::blobsAttrName))
      for (auto blob : blobs.getAsRange<ir::BlobAttr>())
        Out.blobs.push_back(Blobs.blobs()[static_cast<std::size_t>(Blobs.find(blob))]);
    if (!Ask.explain) return;
    for (auto kernel : kernels.getOps<func::FuncOp>()) {
      KernelInfo info;
      info.name = kernel.getName().str();
      info.description = text(kernel);
      Out.report.kernels.push_back(std::move(info));
    }
    Out.report.host_program = text(entry);
    std::string plan = "arena: " + to_string(places.dim(0));
    for (unsigned k = 1; k < places.size(); ++k) plan += " + " + to_string(ceildiv(places.dim(k), 64) * Dim(64));
    auto workspaces = entry->getAttrOfType<ArrayAttr>(ir::workspacesAttrName);
    plan += workspaces ? " bytes, then workspace that launches use by turns\n" : " bytes\n";
    entry.walk([&](ir::host::SlotOp slot) {
      auto place = slot->getAttrOfType<IntegerAttr>(ir::placeAttrName);
      plan += "slot at " + (place ? "place " + std::to_string(place.getInt()) : to_string(slot.getOffset().dim(0))) +
              ": " + to_string(slot.getBytes().dim(0)) + " bytes\n";
    });
    if (workspaces)
      for (auto pair : workspaces.getAsRange<ArrayAttr>()) {
        auto bytes = cast<ir::DimsAttr>(pair[1]);
        auto rounded = [](Dim size) { return to_string(ceildiv(size, 64) * Dim(64)); };
        plan += "workspace of " + cast<StringAttr>(pair[0]).getValue().split(':').first.str() + ": " +
                rounded(bytes.dim(0)) + " bytes and " + rounded(bytes.dim(1)) + " for each worker\n";
      }
    Out.report.memory_plan = std::move(plan);
  }

  /// Code bytes of each kernel: its launch function and its block functions `NAME.…`.
  void measureKernels() {
    auto object = Out.section("elf");
    if (!object) return;
    StringRef bytes(reinterpret_cast<const char *>((*object)->data()), (*object)->size());
    auto file = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "object"));
    if (!file) return llvm::consumeError(file.takeError());
    for (const llvm::object::ELFSymbolRef symbol : (*file)->symbols()) {
      auto name = symbol.getName();
      if (!name) {
        llvm::consumeError(name.takeError());
        continue;
      }
      for (KernelInfo &kernel : Out.report.kernels)
        if (*name == kernel.name || name->starts_with(kernel.name + "."))
          kernel.code_bytes += static_cast<std::int64_t>(symbol.getSize());
    }
  }

  const Request &Ask;
  LeasedContext Context; // before what lives in it
  Compiled Out;
  DiagnosticCollector Diagnostics;
  ir::BlobTable Blobs;
  OwningOpRef<ModuleOp> Module;
  codegen::PlannedKernels Kernels; // after the module that it refers to
  codegen::Stopwatch Clock;
};

/// Each value's dtype is one that the target computes with.
Result<void> checkDtypes(const Graph &graph, const codegen::Target &target) {
  for (std::uint32_t i = 0; i < graph.num_ops(); ++i) {
    const Op &op = graph.op(OpId{i});
    for (std::uint32_t r = 0; r < op.num_results; ++r) {
      TensorType type = graph.type(graph.result(op, r));
      if (target.supports(type.dtype)) continue;
      return Error{ErrorCode::unsupported,
                   std::string(op_info(op.kind).mnemonic) + ": target \"" + target.name() +
                       "\" does not compute with " + to_string(type),
                   "unsupported-dtype", place_of(graph, OpId{i}),
                   "cast to another dtype, or compile for another target"};
    }
  }
  return {};
}

} // namespace

Result<std::vector<std::uint8_t> *> Compiled::section(const std::string &name) {
  for (codegen::Section &section : sections)
    if (section.Name == name) return &section.Bytes;
  return Error{ErrorCode::unsupported, "target: \"" + target->name() + "\" makes no section '" + name + "'",
               "unsupported-target"};
}

Result<Compiled> compileGraph(const Request &request, const DescribeCFunction &describeCFunction) {
  if (!request.graph) return Error{ErrorCode::internal, "compile: no graph was given", "internal"};
  auto target = codegen::resolveTarget(request.options.target);
  if (!target) return target.error();
  if (auto supported = checkDtypes(*request.graph, **target); !supported) return supported.error();
  return Compilation(request, std::move(*target)).run(describeCFunction);
}

} // namespace burin::compiler
