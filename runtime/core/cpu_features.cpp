// The tables of features. x86-64: where cpuid says so, and which registers the kernel must save for it (Intel SDM vol. 2A,
// CPUID; AMD APM vol. 3, appendix E). AArch64: which bits Linux sets (arch/arm64/elf_hwcaps.rst). Names are LLVM's.
#include "runtime/core/cpu_features.h"

#include "runtime/core/immortal.h"
#include "runtime/core/no_unwind.h"

#include <array>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace burin::rt {
namespace {

#if defined(__x86_64__)

enum Register : std::uint8_t { eax, ebx, ecx, edx };
constexpr std::uint64_t ymm = 0x6, zmm = 0xe6, tiles = 0x60000;  // bits of XCR0

struct Feature {
  std::string_view name;
  std::uint32_t leaf, subleaf;
  Register reg;
  std::uint8_t bit;
  std::uint64_t saved = 0;
};

constexpr Feature table[] = {
    {"x87", 1, 0, edx, 0},
    {"cx8", 1, 0, edx, 8},
    {"cmov", 1, 0, edx, 15},
    {"mmx", 1, 0, edx, 23},
    {"fxsr", 1, 0, edx, 24},
    {"sse", 1, 0, edx, 25},
    {"sse2", 1, 0, edx, 26},
    {"sse3", 1, 0, ecx, 0},
    {"pclmul", 1, 0, ecx, 1},
    {"ssse3", 1, 0, ecx, 9},
    {"fma", 1, 0, ecx, 12, ymm},
    {"cx16", 1, 0, ecx, 13},
    {"sse4.1", 1, 0, ecx, 19},
    {"sse4.2", 1, 0, ecx, 20},
    {"crc32", 1, 0, ecx, 20},
    {"movbe", 1, 0, ecx, 22},
    {"popcnt", 1, 0, ecx, 23},
    {"aes", 1, 0, ecx, 25},
    {"xsave", 1, 0, ecx, 27},
    {"avx", 1, 0, ecx, 28, ymm},
    {"f16c", 1, 0, ecx, 29, ymm},
    {"rdrnd", 1, 0, ecx, 30},
    {"fsgsbase", 7, 0, ebx, 0},
    {"bmi", 7, 0, ebx, 3},
    {"avx2", 7, 0, ebx, 5, ymm},
    {"bmi2", 7, 0, ebx, 8},
    {"invpcid", 7, 0, ebx, 10},
    {"rtm", 7, 0, ebx, 11},
    {"avx512f", 7, 0, ebx, 16, zmm},
    {"evex512", 7, 0, ebx, 16, zmm},
    {"avx512dq", 7, 0, ebx, 17, zmm},
    {"rdseed", 7, 0, ebx, 18},
    {"adx", 7, 0, ebx, 19},
    {"avx512ifma", 7, 0, ebx, 21, zmm},
    {"clflushopt", 7, 0, ebx, 23},
    {"clwb", 7, 0, ebx, 24},
    {"avx512cd", 7, 0, ebx, 28, zmm},
    {"sha", 7, 0, ebx, 29},
    {"avx512bw", 7, 0, ebx, 30, zmm},
    {"avx512vl", 7, 0, ebx, 31, zmm},
    {"avx512vbmi", 7, 0, ecx, 1, zmm},
    {"pku", 7, 0, ecx, 4},
    {"waitpkg", 7, 0, ecx, 5},
    {"avx512vbmi2", 7, 0, ecx, 6, zmm},
    {"shstk", 7, 0, ecx, 7},
    {"gfni", 7, 0, ecx, 8},
    {"vaes", 7, 0, ecx, 9, ymm},
    {"vpclmulqdq", 7, 0, ecx, 10, ymm},
    {"avx512vnni", 7, 0, ecx, 11, zmm},
    {"avx512bitalg", 7, 0, ecx, 12, zmm},
    {"avx512vpopcntdq", 7, 0, ecx, 14, zmm},
    {"rdpid", 7, 0, ecx, 22},
    {"cldemote", 7, 0, ecx, 25},
    {"movdiri", 7, 0, ecx, 27},
    {"movdir64b", 7, 0, ecx, 28},
    {"enqcmd", 7, 0, ecx, 29},
    {"uintr", 7, 0, edx, 5},
    {"avx512vp2intersect", 7, 0, edx, 8, zmm},
    {"serialize", 7, 0, edx, 14},
    {"tsxldtrk", 7, 0, edx, 16},
    {"pconfig", 7, 0, edx, 18},
    {"amx-bf16", 7, 0, edx, 22, tiles},
    {"avx512fp16", 7, 0, edx, 23, zmm},
    {"amx-tile", 7, 0, edx, 24, tiles},
    {"amx-int8", 7, 0, edx, 25, tiles},
    {"avxvnni", 7, 1, eax, 4, ymm},
    {"avx512bf16", 7, 1, eax, 5, zmm},
    {"cmpccxadd", 7, 1, eax, 7},
    {"amx-fp16", 7, 1, eax, 21, tiles},
    {"hreset", 7, 1, eax, 22},
    {"avxifma", 7, 1, eax, 23, ymm},
    {"avxvnniint8", 7, 1, edx, 4, ymm},
    {"avxneconvert", 7, 1, edx, 5, ymm},
    {"amx-complex", 7, 1, edx, 8, tiles},
    {"avxvnniint16", 7, 1, edx, 10, ymm},
    {"prefetchi", 7, 1, edx, 14},
    {"xsaveopt", 0xd, 1, eax, 0},
    {"xsavec", 0xd, 1, eax, 1},
    {"xsaves", 0xd, 1, eax, 3},
    {"ptwrite", 0x14, 0, ebx, 4},
    {"sahf", 0x80000001, 0, ecx, 0},
    {"lzcnt", 0x80000001, 0, ecx, 5},
    {"sse4a", 0x80000001, 0, ecx, 6},
    {"prfchw", 0x80000001, 0, ecx, 8},
    {"xop", 0x80000001, 0, ecx, 11, ymm},
    {"fma4", 0x80000001, 0, ecx, 16, ymm},
    {"tbm", 0x80000001, 0, ecx, 21},
    {"mwaitx", 0x80000001, 0, ecx, 29},
    {"64bit", 0x80000001, 0, edx, 29},
    {"clzero", 0x80000008, 0, ebx, 0},
    {"rdpru", 0x80000008, 0, ebx, 4},
    {"wbnoinvd", 0x80000008, 0, ebx, 9},
};
constexpr std::size_t count = std::size(table);

std::array<bool, count> detect() {
  std::array<bool, count> have{};
  std::uint64_t xcr0 = 0;
  unsigned r[4];
  if (__get_cpuid(1, &r[eax], &r[ebx], &r[ecx], &r[edx]) && (r[ecx] & (1u << 27))) {  // the kernel uses xsave
    std::uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    xcr0 = (std::uint64_t{high} << 32) | low;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Feature& f = table[i];
    if (!__get_cpuid_count(f.leaf, f.subleaf, &r[eax], &r[ebx], &r[ecx], &r[edx])) continue;
    have[i] = ((r[f.reg] >> f.bit) & 1u) != 0 && (xcr0 & f.saved) == f.saved;
  }
  return have;
}

#elif defined(__aarch64__)

struct Feature {
  std::string_view name;
  unsigned long bits;  // of AT_HWCAP
};

constexpr Feature table[] = {
    {"fp-armv8", 1u << 0}, {"neon", 1u << 1}, {"aes", 1u << 3 | 1u << 4},       {"sha2", 1u << 5 | 1u << 6},
    {"crc", 1u << 7},      {"lse", 1u << 8},  {"fullfp16", 1u << 9 | 1u << 10}, {"rdm", 1u << 12},
    {"dotprod", 1u << 20},
};
constexpr std::size_t count = std::size(table);

std::array<bool, count> detect() {
  std::array<bool, count> have{};
  const unsigned long word = ::getauxval(AT_HWCAP);
  for (std::size_t i = 0; i < count; ++i) have[i] = (word & table[i].bits) == table[i].bits;
  return have;
}

#endif

std::array<bool, count> host() noexcept {
  static constinit Immortal<const std::array<bool, count>> have;
  using Kept = const std::array<bool, count>*;
  const Kept kept = no_unwind(Kept{}, [] { return &have.get(detect); });
  return kept ? *kept : detect();
}

}  // namespace

std::string_view architecture() noexcept {
#if defined(__x86_64__)
  return "x86-64";
#elif defined(__aarch64__)
  return "aarch64";
#else
#error "burin_rt: name the architecture, as the target in compiler/codegen does"
#endif
}

bool cpu_supports(std::string_view feature) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    if (table[i].name == feature) return host()[i];
  return false;
}

std::vector<std::string_view> cpu_features() {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < count; ++i)
    if (host()[i]) names.push_back(table[i].name);
  return names;
}

bool has_cpu_feature(std::string_view name) noexcept {
  if (name.starts_with('+')) name.remove_prefix(1);
  return name.empty() || cpu_supports(name);
}

std::string missing_cpu_features(std::string_view list) {
  std::string missing;
  while (!list.empty()) {
    std::size_t comma = list.find(',');
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (has_cpu_feature(name)) continue;
    if (name.starts_with('+')) name.remove_prefix(1);
    if (!missing.empty()) missing += ", ";
    missing += name;
  }
  return missing;
}

}  // namespace burin::rt
