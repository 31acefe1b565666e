// Where the members of burin_rt_ctx and burin_rt_functions stand, in bytes, as numbers: generated code has them in it, for
// machines other than the one that compiles it too. context.cpp holds the C header to them wherever burin_rt is built.
#pragma once
#include <burin/rt/rt.h>

namespace burin::rt::abi {

// If one of these changes, BURIN_RT_ABI_VERSION has to change with it.
inline constexpr int num_threads = 4, fault_kind = 8, fault_op = 12, fault_index = 16, fault_value = 24, refused = 32,
                     functions = 40;
// Of the table. A further one raises BURIN_RT_FUNCTIONS_VERSION.
inline constexpr int parallel_for = 8, arena = 16, fault_at = 24, print = 32, profile_begin = 40, profile_end = 48,
                     worker = 56;
static_assert(BURIN_RT_ABI_VERSION == 2 && BURIN_RT_FUNCTIONS_VERSION == 1);

}  // namespace burin::rt::abi
