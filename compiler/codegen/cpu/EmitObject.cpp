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

/// Leaves out loop strength reduction, and what only prepares for it. Emitted loops carry their pointers already; it would
/// take a third of code generation to find that out. LLVM's own switch is one for the whole process, which others use too.
class Filter final : public llvm::legacy::PassManagerBase {
public:
  explicit Filter(llvm::legacy::PassManager &Into) : Into(Into) {}
  void add(llvm::Pass *P) override {
    llvm::StringRef Name = P->getPassName();
    if (Name == "Loop Strength Reduction" || Name == "Canonicalize Freeze Instructions in Loops") {
      Dropped.emplace_back(P);
      return;
    }
    Into.add(P);
  }
  std::size_t numDropped() const { return Dropped.size(); }

private:
  llvm::legacy::PassManager &Into;
  std::vector<std::unique_ptr<llvm::Pass>> Dropped; // not at once: who adds a pass may look at it afterwards
};

/// One target machine with its passes, used by one thread at a time.
class Generator {
public:
  static Result<std::unique_ptr<Generator>> create(const CpuTarget &Target) {
    std::string Message;
    llvm::Triple Triple(Target.Triple);
    const llvm::Target *Backend = llvm::TargetRegistry::lookupTarget(Triple, Message);
    if (!Backend) return internalError("codegen: " + Message);
    std::unique_ptr<Generator> G(new Generator);
    llvm::TargetOptions Options;
    G->Machine.reset(Backend->createTargetMachine(Triple, Target.Cpu, Target.Features, Options, llvm::Reloc::PIC_,
                                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
    if (!G->Machine) return internalError("codegen: no target machine for " + Target.Cpu);
    if (G->Machine->addPassesToEmitFile(G->Filtered, G->Stream, nullptr, llvm::CodeGenFileType::ObjectFile))
      return internalError("codegen: the target cannot write object files");
    if (G->Filtered.numDropped() != 2) return internalError("codegen: LLVM names loop strength reduction otherwise");
    return G;
  }

  llvm::TargetMachine &machine() { return *Machine; }

  void optimise(llvm::Module &M) {
    llvm::LoopAnalysisManager Loops;
    llvm::FunctionAnalysisManager Functions;
    llvm::CGSCCAnalysisManager Components;
    llvm::ModuleAnalysisManager Modules;
    llvm::PassBuilder Builder(Machine.get());
    Builder.registerModuleAnalyses(Modules);
    Builder.registerCGSCCAnalyses(Components);
    Builder.registerFunctionAnalyses(Functions);
    Builder.registerLoopAnalyses(Loops);
    Builder.crossRegisterProxies(Loops, Functions, Components, Modules);
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
  Generator() : Stream(Bytes), Filtered(Passes) {}
  std::unique_ptr<llvm::TargetMachine> Machine;
  llvm::SmallVector<char, 0> Bytes;
  llvm::raw_svector_ostream Stream;
  llvm::legacy::PassManager Passes;
  Filter Filtered;
};

/// The process's idle generators, by target.
class GeneratorPool {
public:
  Result<std::unique_ptr<Generator>> lease(const CpuTarget &Target) {
    {
      std::lock_guard Lock(Mutex);
      Target.Initialise();
      auto &Free = Idle[Target.key()];
      if (!Free.empty()) {
        auto G = std::move(Free.back());
        Free.pop_back();
        return G;
      }
    }
    return Generator::create(Target);
  }
  void giveBack(const CpuTarget &Target, std::unique_ptr<Generator> G) {
    std::lock_guard Lock(Mutex);
    Idle[Target.key()].push_back(std::move(G));
  }
  static GeneratorPool &instance() {
    static GeneratorPool *Pool = new GeneratorPool; // outlives every static that might still compile at exit
    return *Pool;
  }

private:
  std::mutex Mutex;
  std::map<std::string, std::vector<std::unique_ptr<Generator>>> Idle;
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

Result<std::vector<std::uint8_t>> emitObject(mlir::ModuleOp Module, const CpuTarget &Target,
                                             const std::vector<std::string> &Externals, EmitTimes *Times) {
  EmitTimes Unused;
  EmitTimes &T = Times ? *Times : Unused;
  Stopwatch Watch;
  auto Leased = GeneratorPool::instance().lease(Target);
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
  if (!Target.Tuning.empty())
    for (llvm::Function &F : *M)
      if (!F.isDeclaration()) F.addFnAttr("tune-cpu", Target.Tuning);
  T.Translate += Watch.lap();

  G.optimise(*M);
  storeSingleLanes(*M);
  T.Optimise += Watch.lap();
  std::vector<std::uint8_t> Object = G.generate(*M);
  T.Codegen += Watch.lap();
  GeneratorPool::instance().giveBack(Target, std::move(*Leased));

  if (auto Checked = checkSymbols(Object, Externals); !Checked) return Checked.error();
  T.Check += Watch.lap();
  return Object;
}

} // namespace burin::codegen::cpu
