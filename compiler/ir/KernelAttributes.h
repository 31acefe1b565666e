// What the passes leave on functions for each other and for code generation: the names of attributes, and what they hold.
// Stands below both, since neither may see the other.
#pragma once
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace burin::ir {

/// Kernel functions stand in this module and carry this attribute.
inline constexpr llvm::StringLiteral kernelsModuleName = "kernels";
inline constexpr llvm::StringLiteral kernelAttrName = "burin.kernel";
/// Of a kernel's argument or result: array of i64, a size each, or what stands for a size operand.
inline constexpr llvm::StringLiteral shapeAttrName = "burin.shape";
/// How `burin.shape` says size operand `k`; read by codegen/plan/Size.h alone.
constexpr std::int64_t sizeOperandCode(std::int64_t k) { return -1 - k; }
/// Of a kernel: array of i64 pairs (input, result) that may share memory.
inline constexpr llvm::StringLiteral inplaceAttrName = "burin.inplace";
/// Of a kernel: its workspace in bytes as #burin.dims of two expressions over size operands, which are named `size0`, ...:
/// what blocks share, and what each worker has. Missing: none.
inline constexpr llvm::StringLiteral workspaceAttrName = "burin.workspace";
/// Of a kernel: the sizes as the kernel names them, in the order of its index arguments.
inline constexpr llvm::StringLiteral kernelSizesAttrName = "burin.kernel_sizes";
/// Of the host program: arena bytes as #burin.dims of one expression.
inline constexpr llvm::StringLiteral arenaAttrName = "burin.arena";
/// Of the host program: constants that are blobs, in the order of the entry's buffers.
inline constexpr llvm::StringLiteral blobsAttrName = "burin.blobs";
inline constexpr llvm::StringLiteral entryName = "burin_entry";
/// What tells the bytes that a call takes beside its arguments and results: `i64 burin_planned(const i64* sizes, i64 workers)`.
inline constexpr llvm::StringLiteral plannedName = "burin_planned";

} // namespace burin::ir
