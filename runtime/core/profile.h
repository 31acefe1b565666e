// The profiler: named intervals a thread, written as a Chrome trace. Off unless asked for; then a lock per event.
#pragma once
#include <burin/rt/rt.h>

#include <string>

namespace burin::rt {

BURIN_RT_API bool profiler_active() noexcept;
/// Intervals nest on each thread. `name` is copied.
BURIN_RT_API void profiler_begin(const char* name) noexcept;
BURIN_RT_API void profiler_end() noexcept;
/// An interval of this thread that ends now; nothing where nobody records.
BURIN_RT_API void profiler_add(const char* name, double milliseconds) noexcept;
/// Starts recording where BURIN_PROFILE names a file, which is written when the process exits. Once, whoever asks first.
BURIN_RT_API void profiler_start_from_environment() noexcept;

/// An interval of the enclosing scope.
class ProfileScope {
 public:
  explicit ProfileScope(const char* name) noexcept : active_(profiler_active()) {
    if (active_) profiler_begin(name);
  }
  /// Called `what of`.
  ProfileScope(const char* what, const std::string& of) : active_(profiler_active()) {
    if (active_) profiler_begin((std::string(what) + " " + of).c_str());
  }
  ~ProfileScope() {
    if (active_) profiler_end();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  bool active_;
};

}  // namespace burin::rt
