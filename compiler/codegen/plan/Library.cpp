// Ops that targets compute with kernels of their own: what each is, as data. plan_<name> belongs to the catalogue's
// `lowering = "library: name"` (Kernel.cpp finds it): it fills the plan and the order of the op's inputs.
#include "compiler/codegen/plan/Kernel.h"

#include "compiler/ir/Types.h"

namespace burin::codegen {
using namespace mlir;

/// A transpose of a matrix's axes is read through.
LogicalResult plan_matmul(Kernel &K, Operation *Op) {
  ProductPlan P;
  P.Element = *ir::toDtype(cast<RankedTensorType>(Op->getOperand(0).getType()).getElementType());
  for (OpOperand &Operand : Op->getOpOperands()) {
    bool Lhs = Operand.getOperandNumber() == 0;
    Value Read = Operand.get();
    if (Operation *Transpose = Read.getDefiningOp()) {
      (Lhs ? P.LhsTransposed : P.RhsTransposed) = true;
      Read = Transpose->getOperand(0);
    }
    unsigned Buffer = cast<BlockArgument>(Read).getArgNumber();
    auto Shape = argumentShape(K.Function, Buffer);
    if (failed(Shape)) return failure();
    (Lhs ? P.LhsShape : P.RhsShape) = *Shape;
    K.Order.push_back(Buffer);
  }
  K.Work = std::move(P);
  return success();
}

} // namespace burin::codegen
