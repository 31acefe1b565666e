// What this CPU and kernel can run, by LLVM's names for features. Depends on cpuid only.
#pragma once
#include <burin/rt/rt.h>

#include <string>
#include <string_view>
#include <vector>

namespace burin::rt {

/// What burin_rt was built for: `x86-64`, `aarch64`; names as those of targets.
BURIN_RT_API std::string_view architecture() noexcept;

/// Whether code that uses `feature` (`avx512f`) runs here. A name that the table lacks is not supported. Any thread.
BURIN_RT_API bool cpu_supports(std::string_view feature) noexcept;

/// The same of one of an image's list: a leading `+` is allowed, nothing asks for nothing.
BURIN_RT_API bool has_cpu_feature(std::string_view name) noexcept;

/// Every feature of the table that holds here, in the table's order.
BURIN_RT_API std::vector<std::string_view> cpu_features();

/// Of a comma-separated list (a leading `+` is allowed): those that do not hold here, joined by ", ".
BURIN_RT_API std::string missing_cpu_features(std::string_view list);

}  // namespace burin::rt
