// Arithmetic of sizes, and the reader of `burin.shape`.
#include "compiler/codegen/plan/Size.h"

#include "llvm/ADT/STLExtras.h"

namespace burin::codegen {
using namespace mlir;

Extent Extent::times(const Extent &O) const {
  Extent R{Coefficient * O.Coefficient, Sizes};
  R.Sizes.append(O.Sizes);
  llvm::sort(R.Sizes);
  if (R.Coefficient == 0) R.Sizes.clear();
  return R;
}

FailureOr<Extents> shapeOf(DictionaryAttr Attributes, RankedTensorType Type) {
  auto Codes = Attributes ? Attributes.getAs<DenseI64ArrayAttr>(ir::shapeAttrName) : DenseI64ArrayAttr();
  if (!Codes && !Type.hasStaticShape()) return failure();
  Extents Shape;
  for (int64_t Code : Codes ? Codes.asArrayRef() : Type.getShape()) Shape.push_back(Extent::fromCode(Code));
  return Shape;
}

static FailureOr<Extents> shapeAt(func::FuncOp Kernel, DictionaryAttr Attributes, Type T) {
  auto Shape = shapeOf(Attributes, cast<RankedTensorType>(T));
  if (failed(Shape)) return Kernel.emitError("kernel: a dynamic tensor without ") << ir::shapeAttrName;
  return Shape;
}
FailureOr<Extents> argumentShape(func::FuncOp Kernel, unsigned Argument) {
  return shapeAt(Kernel, Kernel.getArgAttrDict(Argument), Kernel.getArgumentTypes()[Argument]);
}
FailureOr<Extents> resultShape(func::FuncOp Kernel, unsigned Result) {
  return shapeAt(Kernel, Kernel.getResultAttrDict(Result), Kernel.getResultTypes()[Result]);
}

} // namespace burin::codegen
