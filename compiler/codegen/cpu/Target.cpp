// What is common to all processors, and the architectures that there are: a line each.
#include "compiler/codegen/cpu/Target.h"

#include "compiler/codegen/cpu/aarch64/AArch64Target.h"
#include "compiler/codegen/cpu/x86/X86Target.h"

namespace burin::codegen::cpu {

static const Architecture *const Architectures[] = {
    &x86::TheArchitecture,
    &aarch64::TheArchitecture,
};

std::string CpuTarget::key() const {
  return Triple + ";" + Cpu + ";" + Tuning + ";" + Features + ";" + std::to_string(VectorBits) + ";" +
         std::to_string(VectorFmasPerCycle) + ";" + std::to_string(L1Bytes) + ";" + std::to_string(L2Bytes) + ";" +
         std::to_string(L3Bytes);
}

Result<CpuTarget> resolveTarget(std::string_view Name) {
  for (const Architecture *A : Architectures)
    if (auto T = A->Resolve(Name)) return std::move(*T);
  Error E;
  E.tag = "unknown-target";
  if (Name == "host") {
    E.code = ErrorCode::unsupported;
    E.message = "target: this build generates no code for the architecture of this machine";
    E.hint = "name a target: x86-64-v3";
    return E;
  }
  E.code = ErrorCode::invalid_argument;
  E.message = "target: \"" + std::string(Name) + "\" is not a known target; expected host, ";
  for (const Architecture *A : Architectures) {
    E.message += std::string(A->Levels) + ", ";
    E.hint += (E.hint.empty() ? "" : "; ") + std::string(A->Name) + " CPUs:";
    for (const std::string &Cpu : A->Cpus()) E.hint += " " + Cpu;
  }
  E.message += "or a CPU name of LLVM";
  return E;
}

} // namespace burin::codegen::cpu
