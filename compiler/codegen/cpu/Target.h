// CpuTarget: all that code generation asks about a processor, taken from its description and never from the machine
// that runs the compiler (except for "host"). Emitters read this; instruction sets are named in an architecture's folder only,
// which is one folder beside this file and one line of Target.cpp.
// Depends on error.h only.
#pragma once
#include <burin/error.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burin::codegen::cpu {

struct CpuTarget {
  std::string Name;         ///< as asked for: "host", "x86-64-v3"
  std::string Architecture; ///< as images say it: "x86-64"
  std::string Triple;
  std::string Cpu;                   ///< LLVM's name: "znver4"
  std::string Tuning;                ///< the CPU whose timing counts, where Cpu only says what there is at least
  std::string Features;              ///< LLVM's feature string; empty where the CPU name says it all
  std::vector<std::string> Required; ///< features the code may use beyond the baseline of the architecture

  void (*Initialise)() = nullptr; ///< registers the architecture's code generator with LLVM; any number of times

  int VectorBits = 128;
  int NumVectorRegisters = 16;
  int VectorFmasPerCycle = 2;      ///< full-width ones that one core starts
  bool Fma = false;                ///< fused multiply-add instructions for f32 and f64
  bool Float16Conversions = false; ///< instructions between f16 and f32
  bool MaskedMemory = false;       ///< masked loads and stores cost about as much as plain ones

  std::int64_t L1Bytes = 32 << 10;  ///< data, per core
  std::int64_t L2Bytes = 512 << 10; ///< per core
  std::int64_t L3Bytes = 4 << 20;   ///< share of one core

  int lanes(int ElementBits) const { return VectorBits / ElementBits; }
  /// Everything that makes code for this target differ from code for another.
  std::string key() const;
};

/// A family of processors that share an instruction set.
struct Architecture {
  std::string_view Name;   ///< as images say it: "x86-64"
  std::string_view Levels; ///< names of targets that are no CPU: "x86-64, x86-64-v2"
  /// Nothing where the name is none of its: neither a level, nor a CPU, nor "host" on such a machine.
  std::optional<CpuTarget> (*Resolve)(std::string_view Name);
  std::vector<std::string> (*Cpus)(); ///< their names, as LLVM knows them
};

/// The target that `Name` describes: "host", an architecture level ("x86-64-v3", "aarch64") or a CPU name that LLVM knows.
/// InvalidArgument listing the choices for any other name.
Result<CpuTarget> resolveTarget(std::string_view Name);

} // namespace burin::codegen::cpu
