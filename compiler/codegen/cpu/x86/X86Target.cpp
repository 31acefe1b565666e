// x86-64: resolves a target name to vector width, features and cache sizes. Vector width and feature tests come from
// LLVM's CPU tables; cache sizes are those of the machine for "host" and those of a typical part otherwise.
#include "compiler/codegen/cpu/x86/X86Target.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

#include <algorithm>
#include <unistd.h>

namespace burin::codegen::cpu::x86 {
namespace {

/// The features that code may use; an image names those that it does use. LLVM is given no others: a CPU that LLVM knows
/// better than this list would else get instructions that nobody asks the machine for.
constexpr const char *GatedFeatures[] = {"sse3",         "ssse3",          "sse4.1",      "sse4.2",       "sse4a",
                                         "popcnt",       "lzcnt",          "movbe",       "bmi",          "bmi2",
                                         "tbm",          "sahf",           "cx16",        "avx",          "f16c",
                                         "fma",          "fma4",           "xop",         "avx2",         "gfni",
                                         "avxvnni",      "avxifma",        "avxvnniint8", "avxneconvert", "avx512f",
                                         "avx512bw",     "avx512cd",       "avx512dq",    "avx512vl",     "avx512ifma",
                                         "avx512vbmi",   "avx512vbmi2",    "avx512vnni",  "avx512bf16",   "avx512fp16",
                                         "avx512bitalg", "avx512vpopcntdq"};

/// What every x86-64 processor has.
constexpr const char *Baseline[] = {"64bit", "cmov", "cx8", "fxsr", "mmx", "nopl", "sse", "sse2", "x87"};

/// What a CPU of that name has; the table lists only what no other feature implies.
void addFeatures(llvm::StringRef Cpu, llvm::StringSet<> &Has) {
  llvm::SmallVector<llvm::StringRef, 64> Features;
  if (llvm::X86::parseArchX86(Cpu, /*Only64Bit=*/true) == llvm::X86::CK_None) return;
  llvm::X86::getFeaturesForCPU(Cpu, Features);
  llvm::StringMap<bool> Implied;
  for (llvm::StringRef F : Features) {
    Has.insert(F);
    llvm::X86::updateImpliedFeatures(F, /*Enabled=*/true, Implied);
  }
  for (const auto &F : Implied) Has.insert(F.first());
}

std::int64_t cacheSize(int Query, std::int64_t Otherwise) {
  long Bytes = sysconf(Query);
  return Bytes > 0 ? Bytes : Otherwise;
}

void initialise() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

std::vector<std::string> cpus() {
  llvm::SmallVector<llvm::StringRef, 128> Known;
  llvm::X86::fillValidCPUArchList(Known, /*Only64Bit=*/true);
  return {Known.begin(), Known.end()};
}

std::optional<CpuTarget> resolve(std::string_view Name) {
  CpuTarget T;
  T.Name = Name;
  T.Architecture = TheArchitecture.Name;
  T.Initialise = initialise;
  T.Triple = "x86_64-unknown-linux-gnu";

  llvm::StringSet<> Has;
  if (Name == "host") {
#if defined(__x86_64__)
    T.Cpu = llvm::sys::getHostCPUName().str();
    // The features too: a hypervisor may hide some of what the CPU name implies.
    for (const auto &F : llvm::sys::getHostCPUFeatures())
      if (F.second) Has.insert(F.first());
    T.L1Bytes = cacheSize(_SC_LEVEL1_DCACHE_SIZE, T.L1Bytes);
    T.L2Bytes = cacheSize(_SC_LEVEL2_CACHE_SIZE, T.L2Bytes);
    T.L3Bytes = std::min<std::int64_t>(cacheSize(_SC_LEVEL3_CACHE_SIZE, T.L3Bytes), 4 << 20);
#else
    return std::nullopt;
#endif
  } else {
    llvm::StringRef Cpu(Name.data(), Name.size());
    if (llvm::X86::parseArchX86(Cpu, /*Only64Bit=*/true) == llvm::X86::CK_None) return std::nullopt;
    T.Cpu = Name;
    addFeatures(Cpu, Has);
  }

  llvm::StringSet<> Off; // what LLVM would use of this CPU by itself
  addFeatures(T.Cpu, Off);
  for (const auto &F : Has) Off.insert(F.first());
  for (const char *F : Baseline) Off.erase(F);
  std::vector<std::string> Signed;
  for (const char *F : GatedFeatures) {
    Off.erase(F);
    Signed.push_back((Has.contains(F) ? "+" : "-") + std::string(F));
  }
  for (const auto &F : Off) Signed.push_back("-" + F.first().str());
  std::sort(Signed.begin(), Signed.end()); // what is off comes last, and so takes what it implies with it
  for (const std::string &F : Signed) T.Features += (T.Features.empty() ? "" : ",") + F;
  for (const char *F : GatedFeatures)
    if (Has.contains(F)) T.Required.emplace_back(F);

  bool Avx512 =
      Has.contains("avx512f") && Has.contains("avx512vl") && Has.contains("avx512bw") && Has.contains("avx512dq");
  bool Avx2 = Has.contains("avx2");
  T.VectorBits = Avx512 ? 512 : Avx2 ? 256 : 128;
  T.NumVectorRegisters = Avx512 ? 32 : 16;
  T.Fma = Has.contains("fma") && Avx2;
  T.Float16Conversions = Has.contains("f16c");
  T.MaskedMemory = Avx512;
  if (T.Cpu == "znver4" && Avx512) T.VectorFmasPerCycle = 1; // 512-bit ops go through 256-bit units twice
  if (Name != "host" && Avx512) T.L2Bytes = 1 << 20;
  return T;
}

} // namespace

const Architecture TheArchitecture{"x86-64", "x86-64, x86-64-v2, x86-64-v3, x86-64-v4", resolve, cpus};

} // namespace burin::codegen::cpu::x86
