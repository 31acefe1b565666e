// Finding the entry of a call, and what the entries of all functions may take together. Private to the frontend.
#pragma once
#include "frontend/function/function_state.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace burin::detail {

/// The entry for a call's arguments: found, or traced, and compiled where asked for. One thread traces for a key, others wait.
std::shared_ptr<const Entry> find_or_trace(FunctionState&, Call&, Mode, Call::TraceThunk, Call::WalkThunk, void* user,
                                           bool compile);
/// The same for a call that runs, which begins with what this thread used last. Binds the key's named sizes (`bound` has room
/// for max_names). The thread's memory keeps the entry for the call, or `hold` does.
const Entry* look_up(FunctionState&, Call&, Mode, Call::TraceThunk, Call::WalkThunk, void* user, Dim* bound,
                     std::shared_ptr<const Entry>& hold);
/// The calls of this thread that the statistics do not count yet; the caller counts them.
std::uint64_t take_hits(const FunctionState&);
/// The budget over all functions: an entry is charged when it is kept, and refunded when it goes.
void charge(std::size_t bytes);
void refund(std::size_t bytes);

}  // namespace burin::detail
