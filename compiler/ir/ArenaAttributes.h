// How the host program says what memory a call needs: between plan-memory and code for it.
#pragma once
#include "llvm/ADT/StringRef.h"

namespace burin::ir {

// `burin.arena` (KernelAttributes.h) is #burin.dims of places one behind the other, each from a multiple of 64 bytes on. Place
// 0 is what is known at compile time, with slots at offsets; an entry for each expression over named sizes follows.

/// Of a slot: its place in the arena, an i32; 0 where it is missing.
inline constexpr llvm::StringLiteral placeAttrName = "burin.place";
/// Of a slot: what a call is told that has no memory for it.
inline constexpr llvm::StringLiteral shortageAttrName = "burin.shortage";
/// Of the host program: workspace of launches, none of which runs while another does, behind the arena's places. Pairs: text
/// for a refusal, and #burin.dims of two expressions: bytes that blocks share, and bytes of each worker, which are rounded up
/// to 64. The arena has room for the pair that needs most with the workers of the call.
inline constexpr llvm::StringLiteral workspacesAttrName = "burin.workspaces";
/// Of @main and of the host program: what the sizes of a call have to fit, as pairs: text for a refusal, and #burin.dims
/// whose product, in bytes, is that of the largest value with those named sizes.
inline constexpr llvm::StringLiteral checksAttrName = "burin.checks";

} // namespace burin::ir
