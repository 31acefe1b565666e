// The code generator is leased: building a target machine and LLVM's hundred codegen passes takes longer than a small
// kernel does to compile, and both can be used again (as `llc --compile-twice` does).
#include "compiler/codegen/cpu/EmitObject.h"

#include "compiler/codegen/Stopwatch.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"

#include <map>
#include <mutex>

namespace burin::codegen::cpu {
namespace {

Error internalError(std::string Message) { return Error{ErrorCode::internal, std::move(Message), "codegen", "", ""}; }

/// Stores whose mask is known to leave one lane become scalar ones here. LLVM 22 does that itself, wrongly where the value
/// is truncated: it stores the wide element, over the neighbours' memory (llvm-project issue 179489, mended in LLVM 23).
void storeSingleLanes(llvm::Module &M) {
  for (llvm::Function &F : M)
    for (llvm::Instruction &I : llvm::make_early_inc_range(llvm::instructions(F))) {
      auto *Store = llvm::dyn_cast<llvm::IntrinsicInst>(&I);
      if (!Store || Store->getIntrinsicID() != llvm::Intrinsic::masked_store) continue;
      auto *Mask = llvm::dyn_cast<llvm::Constant>(Store->getArgOperand(2));
      if (!Mask) continue;
      unsigned Lane = 0, Set = 0;
      for (unsigned L = 0; L < llvm::cast<llvm::FixedVectorType>(Mask->getType())->getNumElements(); ++L) {
        llvm::Constant *Bit = Mask->getAggregateElement(L);
        if (!Bit || Bit->isNullValue()) continue;
        Lane = L;
        ++Set;
      }
      if (Set != 1) continue;
      llvm::IRBuilder<> B(Store);
      llvm::Value *Element = B.CreateExtractElement(Store->getArgOperand(0), Lane);
      B.CreateAlignedStore(Element, B.CreateConstInBoundsGEP1_64(Element->getType(), Store->getArgOperand(1), Lane),
                           llvm::Align(std::max(1u, Element->getType()->getScalarSizeInBits() / 8)));
      Store->eraseFromParent();
    }
}

/// One target machine with its passes, used by one thread at a time.
class Generator {
public:
  static Result<std::unique_ptr<Generator>> create(const CpuTarget &Target, EmitOptions::Code Shape) {
    std::string Message;
    llvm::Triple Triple(Target.Triple);
    const llvm::Target *Backend = llvm::TargetRegistry::lookupTarget(Triple, Message);
    if (!Backend) return internalError("codegen: " + Message);
    std::unique_ptr<Generator> G(new Generator);
    llvm::TargetOptions Options;
    G->Machine.reset(Backend->createTargetMachine(Triple, Target.Cpu, Target.Features, Options, llvm::Reloc::PIC_,
                                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
    if (!G->Machine) return internalError("codegen: no target machine for " + Target.Cpu);
    // Emitted loops carry their pointers already; strength reduction would take a third of code generation to find that
    // out. It can be left out in no other way than by LLVM's option, which is read while the passes are being set up.
    static std::mutex Building;
    std::lock_guard Lock(Building);
    auto *NoStrengthReduction = static_cast<llvm::cl::opt<bool> *>(llvm::cl::getRegisteredOptions()["disable-lsr"]);
    bool Before = NoStrengthReduction->getValue();
    NoStrengthReduction->setValue(Before || Shape == EmitOptions::Code::vector);
    bool Failed = G->Machine->addPassesToEmitFile(G->Passes, G->Stream, nullptr, llvm::CodeGenFileType::ObjectFile);
    NoStrengthReduction->setValue(Before);
    if (Failed) return internalError("codegen: the target cannot write object files");
    return G;
  }

  llvm::TargetMachine &machine() { return *Machine; }

  void optimise(llvm::Module &M, EmitOptions::Code Shape) {
    llvm::LoopAnalysisManager Loops;
    llvm::FunctionAnalysisManager Functions;
    llvm::CGSCCAnalysisManager Components;
    llvm::ModuleAnalysisManager Modules;
    llvm::PipelineTuningOptions Tuning;
    Tuning.SLPVectorization = false; // straight-line code has its vectors already
    llvm::PassBuilder Builder(Machine.get(), Tuning);
    Builder.registerModuleAnalyses(Modules);
    Builder.registerCGSCCAnalyses(Components);
    Builder.registerFunctionAnalyses(Functions);
    Builder.registerLoopAnalyses(Loops);
    Builder.crossRegisterProxies(Loops, Functions, Components, Modules);
    if (Shape == EmitOptions::Code::scalar) {
      Builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(M, Modules);
      return;
    }
    // Shared address arithmetic is what code generation pays for; more passes gave no faster kernels.
    llvm::EarlyCSEPass Pass;
    for (llvm::Function &F : M)
      if (!F.isDeclaration()) Pass.run(F, Functions);
  }

  std::vector<std::uint8_t> generate(llvm::Module &M) {
    Bytes.clear();
    Passes.run(M);
    return {Bytes.begin(), Bytes.end()};
  }

private:
  Generator() : Stream(Bytes) {}
  std::unique_ptr<llvm::TargetMachine> Machine;
  llvm::SmallVector<char, 0> Bytes;
  llvm::raw_svector_ostream Stream;
  llvm::legacy::PassManager Passes;
};

/// The process's idle generators, by target and kind of code.
class GeneratorPool {
public:
  GeneratorPool() {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  }
  Result<std::unique_ptr<Generator>> lease(const CpuTarget &Target, EmitOptions::Code Shape) {
    {
      std::lock_guard Lock(Mutex);
      auto &Free = Idle[{Target.Cpu + ";" + Target.Features, Shape}];
      if (!Free.empty()) {
        auto G = std::move(Free.back());
        Free.pop_back();
        return G;
      }
    }
    return Generator::create(Target, Shape);
  }
  void giveBack(const CpuTarget &Target, EmitOptions::Code Shape, std::unique_ptr<Generator> G) {
    std::lock_guard Lock(Mutex);
    Idle[{Target.Cpu + ";" + Target.Features, Shape}].push_back(std::move(G));
  }
  static GeneratorPool &instance() {
    static GeneratorPool *Pool = new GeneratorPool; // outlives every static that might still compile at exit
    return *Pool;
  }

private:
  std::mutex Mutex;
  std::map<std::pair<std::string, EmitOptions::Code>, std::vector<std::unique_ptr<Generator>>> Idle;
};

/// Objects are mapped by a loader that resolves these and nothing else.
bool mayBeExternal(llvm::StringRef Name) {
  return Name == "memcpy" || Name == "memmove" || Name == "memset" || Name == "memcmp";
}

Result<void> checkSymbols(const std::vector<std::uint8_t> &Object, const std::vector<std::string> &Externals) {
  llvm::StringRef Bytes(reinterpret_cast<const char *>(Object.data()), Object.size());
  auto File = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(Bytes, "kernels"));
  if (!File) return internalError("codegen: " + llvm::toString(File.takeError()));
  for (const llvm::object::SymbolRef &Symbol : (*File)->symbols()) {
    auto Flags = Symbol.getFlags();
    auto Name = Symbol.getName();
    if (!Flags || !Name) {
      llvm::consumeError(Flags.takeError());
      llvm::consumeError(Name.takeError());
      return internalError("codegen: unreadable symbol in the object");
    }
    if ((*Flags & llvm::object::SymbolRef::SF_Undefined) && !Name->empty() && !mayBeExternal(*Name) &&
        llvm::find(Externals, *Name) == Externals.end())
      return internalError("codegen: the object needs the symbol " + Name->str() + ", which the loader does not give");
  }
  return {};
}

} // namespace

Result<std::vector<std::uint8_t>> emitObject(mlir::ModuleOp Module, const CpuTarget &Target, const EmitOptions &Options,
                                             EmitTimes *Times) {
  EmitTimes Unused;
  EmitTimes &T = Times ? *Times : Unused;
  Stopwatch Watch;
  auto Leased = GeneratorPool::instance().lease(Target, Options.Shape);
  if (!Leased) return Leased.error();
  Generator &G = **Leased;

  mlir::registerBuiltinDialectTranslation(*Module.getContext());
  mlir::registerLLVMDialectTranslation(*Module.getContext());
  llvm::LLVMContext Context;
  std::unique_ptr<llvm::Module> M = mlir::translateModuleToLLVMIR(Module, Context, "kernels");
  if (!M) return internalError("codegen: the module does not translate to LLVM IR");
  M->setDataLayout(G.machine().createDataLayout());
  M->setTargetTriple(G.machine().getTargetTriple());
  M->setPICLevel(llvm::PICLevel::SmallPIC);
  T.Translate += Watch.lap();

  G.optimise(*M, Options.Shape);
  storeSingleLanes(*M);
  T.Optimise += Watch.lap();
  std::vector<std::uint8_t> Object = G.generate(*M);
  T.Codegen += Watch.lap();
  GeneratorPool::instance().giveBack(Target, Options.Shape, std::move(*Leased));

  if (auto Checked = checkSymbols(Object, Options.Externals); !Checked) return Checked.error();
  T.Check += Watch.lap();
  return Object;
}

} // namespace burin::codegen::cpu
