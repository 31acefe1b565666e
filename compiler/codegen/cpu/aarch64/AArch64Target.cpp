// AArch64: resolves a target name to features and a CPU to tune for. Vectors are NEON's, which every such processor has:
// 128 bits, no masked memory, fused multiply-add and conversions of f16. Code for "host" is not generated on such machines:
// no loader of burin_rt maps it (elf_loader.cpp).
#include "compiler/codegen/cpu/aarch64/AArch64Target.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/AArch64TargetParser.h"

#include <algorithm>

namespace burin::codegen::cpu::aarch64 {
namespace {

/// The features that code may use beyond Armv8.0-A with NEON; an object names those that its CPU has. LLVM is given no
/// others. runtime/core/cpu_features.cpp asks the system for each.
constexpr const char *GatedFeatures[] = {"dotprod", "fullfp16", "lse", "rdm"};

void initialise() {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
}

std::vector<std::string> cpus() {
  llvm::SmallVector<llvm::StringRef, 128> Known;
  llvm::AArch64::fillValidCPUArchList(Known);
  return {Known.begin(), Known.end()};
}

std::optional<CpuTarget> resolve(std::string_view Name) {
  CpuTarget T;
  T.Name = Name;
  T.Architecture = TheArchitecture.Name;
  T.Initialise = initialise;
  T.Triple = "aarch64-unknown-linux-gnu";
  T.Cpu = "generic"; // Armv8.0-A with NEON
  T.Features = "+neon";
  if (Name != TheArchitecture.Name) {
    auto Cpu = llvm::AArch64::parseCpu({Name.data(), Name.size()});
    if (!Cpu) return std::nullopt;
    T.Tuning = Cpu->Name.str();
    llvm::AArch64::ExtensionSet Has;
    Has.addCPUDefaults(*Cpu);
    std::vector<std::string> Features;
    Has.toLLVMFeatureList(Features);
    if (llvm::is_contained(Features, "-neon")) return std::nullopt;
    for (const char *F : GatedFeatures)
      if (llvm::is_contained(Features, "+" + std::string(F))) {
        T.Required.emplace_back(F);
        T.Features += ",+" + std::string(F);
      }
  }
  T.VectorBits = 128;
  T.NumVectorRegisters = 32;
  T.Fma = true;
  T.Float16Conversions = true;
  T.MaskedMemory = false;
  return T;
}

} // namespace

const Architecture TheArchitecture{"aarch64", "aarch64", resolve, cpus};

} // namespace burin::codegen::cpu::aarch64
