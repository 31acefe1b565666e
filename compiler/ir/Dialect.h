// The dialects `burin` (whole tensors, catalogue ops) and `burin_host` (the host program on buffers): op classes,
// attributes, and what connects them to the catalogue. The one header of the IR; it knows no pass and no code generator.
#pragma once
#include "runtime/ops/catalogue.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace burin::ir {

/// The catalogue's entry of an op, or null (fusion, yield, launch, other dialects). One hash look-up.
const OpInfo *catalogueInfo(mlir::OperationName);
inline const OpInfo *catalogueInfo(mlir::Operation *op) { return catalogueInfo(op->getName()); }
unsigned numRegions(mlir::OperationName);

// What every catalogue op does the same way; the op classes call these (compiler/ops/OpBase.td).
mlir::ParseResult parseCatalogueOp(mlir::OpAsmParser &, mlir::OperationState &);
void printCatalogueOp(mlir::Operation *, mlir::OpAsmPrinter &);
void catalogueEffects(mlir::Operation *, llvm::SmallVectorImpl<mlir::MemoryEffects::EffectInstance> &);
mlir::LogicalResult verifyCatalogueOp(mlir::Operation *);

/// Verified by the catalogue.
template <class ConcreteType> class CatalogueOp : public mlir::OpTrait::TraitBase<ConcreteType, CatalogueOp> {
public:
  static mlir::LogicalResult verifyRegionTrait(mlir::Operation *op) { return verifyCatalogueOp(op); }
};

/// What ops with effects write, so that MLIR keeps them in order.
struct OrderResource : mlir::SideEffects::Resource::Base<OrderResource> {
  llvm::StringRef getName() override { return "burin.order"; }
};

/// Position of the op in its Graph, on ops that may fault: an i32 attribute.
inline constexpr llvm::StringLiteral opAttrName = "burin.op";

// What @main keeps of the signature.
inline constexpr llvm::StringLiteral sizesAttrName = "burin.sizes";       // func: names of the entry's sizes, in order
inline constexpr llvm::StringLiteral inputKindAttrName = "burin.input";   // argument: argument, capture, state, donated
inline constexpr llvm::StringLiteral stateOutputAttrName = "burin.state"; // result: index of the input it overwrites

} // namespace burin::ir

#include "compiler/ir/BurinDialect.h.inc"
#include "compiler/ir/BurinHostDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "compiler/ir/BurinAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/BurinHostTypes.h.inc"

#define GET_OP_CLASSES
#include "compiler/ops/BurinOps.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/IROps.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/HostOps.h.inc"
