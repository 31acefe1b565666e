// What passes and code generation both have to know of loops: when trips are counted, and which loops are small enough to
// be one kernel that keeps its values in registers.
#pragma once
#include "compiler/ir/Dialect.h"

#include <cstdint>
#include <optional>
#include <string>

namespace burin::ir {

/// The trips of this `while` have to be counted, since it has a bound that its test may not keep.
bool mayExceedBound(mlir::Operation *loop);

/// Elements of a value that lives in registers, one each.
inline constexpr std::int64_t maxSmallElements = 16;
/// Scalar ops that a small loop holds at most: longer straight-line code costs more to compile than launches cost to run.
inline constexpr std::int64_t maxSmallLoopOps = 256;

/// The number of elements of a type that registers can hold: known, not 0, at most maxSmallElements.
std::optional<std::int64_t> smallElements(mlir::Type type);

/// Why this `while` is not small; empty if it is: its values have few elements, and its ops are elementwise, move elements,
/// reduce, or are such loops and branches themselves.
std::string whyNotSmall(WhileOp loop);

} // namespace burin::ir
