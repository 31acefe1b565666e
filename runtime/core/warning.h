// Where burin_rt says what a user should know and no call can return. The frontend routes it to its log.
#pragma once
#include <burin/rt/rt.h>

#include <string_view>

namespace burin::rt {

/// One line to the sink set by burin_rt_set_warning_sink, stderr by default. Any thread.
BURIN_RT_API void warn(std::string_view message) noexcept;

}  // namespace burin::rt
