// Where burin_rt says what a user should know and no call can return. The frontend routes it to its log.
#pragma once
#include <burin/rt/rt.h>

#include <string_view>

namespace burin::rt {

/// One line to the sink set by burin_rt_set_warning_sink, else to the default one. Any thread.
BURIN_RT_API void warn(std::string_view message) noexcept;
/// Who speaks where the user has set no sink: null is stderr. The frontend's log, where BURIN_LOG asks for one.
BURIN_RT_API void set_default_warning_sink(burin_rt_warning_sink function) noexcept;

}  // namespace burin::rt
