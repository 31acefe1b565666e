// What the pass check-values says to code generation: attributes of a kernel that has no ops but looks at values.
#pragma once
#include "llvm/ADT/StringRef.h"

namespace burin::ir {

/// nan: reads a tensor; sizes: the op to blame, elements. division: reads the divisor; sizes: the op to blame, the
/// result's sizes, the divisor's (as many; 1 where it is broadcast).
enum class CheckKind : int { nan, division };
inline constexpr llvm::StringLiteral checkAttrName = "burin.check";            ///< CheckKind
inline constexpr llvm::StringLiteral checkDtypeAttrName = "burin.check_dtype"; ///< Dtype of the value
inline constexpr llvm::StringLiteral checkRankAttrName = "burin.check_rank";   ///< of the op's result

} // namespace burin::ir
