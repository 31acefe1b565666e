// Between the catalogue's types and attributes and MLIR's. Both directions lose nothing; no data above 64 elements
// passes through here.
#pragma once
#include "compiler/ir/Dialect.h"

#include <memory>
#include <optional>

namespace burin::ir {

/// bool i1, u8 ui8, u32 ui32, the others by their name.
mlir::Type toMlir(mlir::MLIRContext *, Dtype);
std::optional<Dtype> toDtype(mlir::Type);

/// Dims that are not numbers ride in the encoding; a static type has none.
mlir::RankedTensorType toMlir(mlir::MLIRContext *, const TensorType &);
/// Nothing where the element type is not ours or a dynamic size has no name.
std::optional<TensorType> toTensorType(mlir::Type);

/// Constants above this many elements are blobs.
inline constexpr std::int64_t maxInlineElements = 64;
mlir::Attribute toMlir(mlir::MLIRContext *, const Attribute &);
/// The attribute of that kind. With `withData` small constants get their elements, else their type alone (which is what
/// shape rules look at); blobs always come without data.
std::optional<Attribute> toAttribute(mlir::Attribute, AttributeKind, bool withData = false);
/// All attributes of a catalogue op in schema order, or the name of the first that is missing or of another kind.
std::optional<Attributes> toAttributes(mlir::Operation *, const OpInfo &, bool withData = false,
                                       llvm::StringRef *missing = nullptr);

/// A float that is storage only (is_narrow_float of its dtype).
bool isNarrowFloat(mlir::Type);

/// Elements of a small constant and back; precondition: at most maxInlineElements.
mlir::DenseElementsAttr toElements(mlir::MLIRContext *, const HostTensor &);
HostTensor toHostTensor(mlir::DenseElementsAttr);

} // namespace burin::ir
