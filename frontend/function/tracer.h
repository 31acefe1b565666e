// How an entry is made: traced for a key, for one with named sizes, once more to verify it. Private to the frontend.
#pragma once
#include "frontend/function/function_state.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace burin::detail {

// -- tracer.cpp
std::shared_ptr<Entry> trace_entry(FunctionState&, Call&, Key, std::vector<std::string> paths, Call::TraceThunk,
                                   void* user);

// -- sizes.cpp
/// The key with names for the sizes in which it differs from the nearest of the keys before; none where more differs.
std::optional<Key> name_sizes(const Key&, std::span<const std::shared_ptr<const Entry>> before);
/// Whether the entry's guards allow sizes that its key has bound.
bool guards_allow(const Entry&, const Dim* bound);
/// The entry for the key with named sizes; null where the callable refuses them, or their guards refuse this call.
std::shared_ptr<Entry> trace_named(FunctionState&, Call&, const Key& named, const std::vector<std::string>& paths,
                                   Call::TraceThunk, void* user);

// -- verify.cpp
/// Traces again and throws TraceError where the callable records something else than the entry.
void verify_entry(FunctionState&, Call&, const Entry&, Call::TraceThunk, void* user);

}  // namespace burin::detail
