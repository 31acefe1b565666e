// Check mode: around each kernel, one op there, stand launches of kernels that look for what makes a fault. Their code is
// codegen's (CheckKernels.h); here they are declared, and given the values and the number of the op that they blame.
#include "compiler/ir/CheckMode.h"
#include "compiler/ir/Types.h"
#include "passes/Passes.h"
#include "runtime/ops/check_mode.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_CHECKVALUES
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

struct CheckValues : impl::CheckValuesBase<CheckValues> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    Kernels = module.lookupSymbol<ModuleOp>(kernelsModuleName);
    if (!main || !Kernels) {
      module.emitError("check-values needs @main and the kernels that outline-kernels makes");
      return signalPassFailure();
    }
    SmallVector<LaunchOp> launches;
    main.walk([&](LaunchOp launch) { launches.push_back(launch); });
    for (LaunchOp launch : launches)
      for (Operation &op : Kernels.lookupSymbol<func::FuncOp>(launch.getKernel()).getBody().front()) check(launch, op);
  }

  void check(LaunchOp launch, Operation &op) {
    const OpInfo *info = catalogueInfo(&op);
    auto number = op.getAttrOfType<IntegerAttr>(opAttrName);
    if (!info || !number || op.getNumResults() != 1 || launch->getNumResults() != 1) return;
    TensorType type = *toTensorType(launch->getResult(0).getType());
    const Dim blamed(number.getInt());
    OpBuilder b(launch);
    if (divides(*info) && !is_floating(type.dtype)) {
      // Before the kernel, which may write over its divisor.
      Value divisor = launch.getInputs()[cast<BlockArgument>(op.getOperand(1)).getArgNumber()];
      SmallVector<Dim> sizes{blamed};
      sizes.append(type.shape.begin(), type.shape.end());
      Shape shape = toTensorType(divisor.getType())->shape;
      sizes.append(type.shape.size() - shape.size(), Dim(1)); // aligned at the last axis
      sizes.append(shape.begin(), shape.end());
      add(b, launch.getLoc(), CheckKind::division, type, divisor, sizes);
    }
    b.setInsertionPointAfter(launch);
    if (may_make_nan(*info) && is_floating(type.dtype))
      add(b, launch.getLoc(), CheckKind::nan, type, launch->getResult(0), {blamed, type.shape.num_elements()});
  }

  void add(OpBuilder &b, Location loc, CheckKind kind, const TensorType &type, Value value, ArrayRef<Dim> sizes) {
    OperationState state(loc, LaunchOp::getOperationName());
    state.addOperands(value);
    state.addAttribute("kernel", FlatSymbolRefAttr::get(kernel(kind, type)));
    state.addAttribute("sizes", DimsAttr::get(&getContext(), sizes));
    state.addAttribute("may_fault", b.getUnitAttr());
    b.create(state);
  }

  /// `check_nan_f32`, `check_division_i32_2` (the rank): declared once each.
  StringAttr kernel(CheckKind kind, const TensorType &type) {
    bool division = kind == CheckKind::division;
    std::string name = std::string(division ? "check_division_" : "check_nan_") + std::string(burin::name(type.dtype));
    if (division) name += "_" + std::to_string(type.shape.rank());
    OpBuilder b = OpBuilder::atBlockEnd(Kernels.getBody());
    if (auto known = Kernels.lookupSymbol<func::FuncOp>(name)) return known.getSymNameAttr();
    auto made = func::FuncOp::create(b, Kernels.getLoc(), name, b.getFunctionType({}, {}));
    made.setPrivate();
    made->setAttr(checkAttrName, b.getI32IntegerAttr(static_cast<int>(kind)));
    made->setAttr(checkDtypeAttrName, b.getI32IntegerAttr(static_cast<int>(type.dtype)));
    made->setAttr(checkRankAttrName, b.getI32IntegerAttr(type.shape.rank()));
    return made.getSymNameAttr();
  }

  ModuleOp Kernels;
};

} // namespace
} // namespace burin::passes
