// Identities that hold for every value under docs/numerics.md, bit for bit (NaNs aside). Used by Prune; looks at one op and
// what defines its operands, never at uses.
#pragma once
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace burin::passes {

/// The elements of a small constant, or null.
mlir::DenseElementsAttr elementsOf(mlir::Value);
/// No regions, no effects, and no place in the graph that faults are reported by: may be folded, merged, dropped.
bool isPlain(mlir::Operation *);
/// An existing value that equals the only result of `op` and has its type, or null.
mlir::Value sameAs(mlir::Operation *op);
/// One op that does what `op` and the one before it do, made before `op`, or null: casts and views that follow each other.
mlir::Value composed(mlir::Operation *op);
/// The location of one op that stands for two; of many, some.
mlir::Location fusedLoc(mlir::Location, mlir::Location);

} // namespace burin::passes
