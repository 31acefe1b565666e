// What is common to all processors; instruction sets are the matter of codegen/cpu/x86.
#include "compiler/codegen/cpu/Target.h"

namespace burin::codegen::cpu {

std::string CpuTarget::key() const {
  return Triple + ";" + Cpu + ";" + Features + ";" + std::to_string(VectorBits) + ";" +
         std::to_string(VectorFmasPerCycle) + ";" + std::to_string(L1Bytes) + ";" + std::to_string(L2Bytes) + ";" +
         std::to_string(L3Bytes);
}

} // namespace burin::codegen::cpu
