// Moves each fusion to a kernel function; equal fusions share one. What code generation needs to know of the fusion
// (sizes, shapes, what may be in place) becomes attributes of the function.
#include "compiler/ir/Loops.h"
#include "compiler/ir/Types.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

#include <unordered_map>

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

/// Everything that makes two fusions the same kernel, exactly: attributes and types are unique, so their addresses do.
/// Locations are left out, `burin.op` is not: kernels that may fault say where.
std::vector<std::uintptr_t> structureOf(FusionOp fusion) {
  std::vector<std::uintptr_t> key;
  llvm::DenseMap<Value, std::uintptr_t> numbers;
  auto number = [&](Value value) { numbers.try_emplace(value, numbers.size()); };
  auto pointer = [&](const void *p) { key.push_back(reinterpret_cast<std::uintptr_t>(p)); };
  for (BlockArgument argument : fusion.getBody().getArguments()) {
    number(argument);
    pointer(argument.getType().getAsOpaquePointer());
  }
  auto block = [&](auto &self, mlir::Block &ops) -> void {
    for (Operation &op : ops) {
      pointer(op.getName().getAsOpaquePointer());
      pointer(op.getAttrDictionary().getAsOpaquePointer());
      key.push_back(op.getNumOperands());
      for (Value operand : op.getOperands()) key.push_back(numbers.lookup(operand));
      for (Region &region : op.getRegions()) {
        key.push_back(region.getNumArguments());
        for (BlockArgument argument : region.getArguments()) {
          number(argument);
          pointer(argument.getType().getAsOpaquePointer());
        }
        self(self, region.front());
      }
      for (Value result : op.getResults()) {
        number(result);
        pointer(result.getType().getAsOpaquePointer());
      }
    }
  };
  block(block, fusion.getBody().front());
  return key;
}

struct KeyHash {
  std::size_t operator()(const std::vector<std::uintptr_t> &key) const {
    return llvm::hash_combine_range(key.begin(), key.end());
  }
};

/// The sizes of a fusion that are no numbers, each once.
class SizeOperands {
public:
  void add(const TensorType &type) {
    for (Dim dim : type.shape) add(dim);
  }
  void add(Dim dim) {
    if (!dim.is_known() && !llvm::is_contained(Sizes, dim)) Sizes.push_back(dim);
  }
  int64_t code(Dim dim) const {
    return dim.is_known() ? dim.value() : sizeOperandCode(llvm::find(Sizes, dim) - Sizes.begin());
  }
  ArrayRef<Dim> sizes() const { return Sizes; }

private:
  SmallVector<Dim> Sizes;
};

SizeOperands sizeOperands(FusionOp fusion) {
  SizeOperands sizes;
  auto addType = [&](mlir::Type type) {
    if (auto tensor = toTensorType(type)) sizes.add(*tensor);
  };
  for (mlir::Type type : fusion.getOperandTypes()) addType(type);
  for (mlir::Type type : fusion.getResultTypes()) addType(type);
  fusion.getBody().walk([&](Operation *op) {
    for (mlir::Type type : op->getResultTypes()) addType(type);
    for (NamedAttribute attribute : op->getAttrs())
      if (auto dims = dyn_cast<DimsAttr>(attribute.getValue()))
        for (unsigned i = 0; i < dims.size(); ++i) sizes.add(dims.dim(i));
  });
  return sizes;
}

struct OutlineKernels : impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder(module.getBodyRegion());
    builder.setInsertionPointToEnd(module.getBody());
    auto kernels = ModuleOp::create(builder, module.getLoc(), kernelsModuleName);
    std::unordered_map<std::vector<std::uintptr_t>, func::FuncOp, KeyHash> known;
    SmallVector<FusionOp> fusions;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](FusionOp fusion) { fusions.push_back(fusion); });
    for (FusionOp fusion : fusions) {
      SizeOperands sizes = sizeOperands(fusion);
      func::FuncOp &kernel = known[structureOf(fusion)];
      if (!kernel) kernel = outline(fusion, sizes, kernels, static_cast<unsigned>(known.size() - 1));
      replace(fusion, kernel, sizes);
    }
  }

  func::FuncOp outline(FusionOp fusion, const SizeOperands &sizes, ModuleOp kernels, unsigned number) {
    OpBuilder b(&getContext());
    b.setInsertionPointToEnd(kernels.getBody());
    SmallVector<mlir::Type> inputs(fusion.getOperandTypes());
    inputs.append(sizes.sizes().size(), b.getIndexType());
    auto type = b.getFunctionType(inputs, fusion.getResultTypes());
    std::string name = fusion.getName().str() + "_" + std::to_string(number);
    auto kernel = func::FuncOp::create(b, fusion.getLoc(), name, type);
    kernel->setAttr(kernelAttrName, b.getUnitAttr());
    kernel->setAttr(kernelSizesAttrName, DimsAttr::get(&getContext(), sizes.sizes()));
    auto shape = [&](mlir::Type tensor) {
      SmallVector<int64_t> codes;
      TensorType known = *toTensorType(tensor);
      for (Dim dim : known.shape) codes.push_back(sizes.code(dim));
      return b.getDenseI64ArrayAttr(codes);
    };
    for (auto [i, t] : llvm::enumerate(fusion.getOperandTypes()))
      kernel.setArgAttr(static_cast<unsigned>(i), shapeAttrName, shape(t));
    for (auto [i, t] : llvm::enumerate(fusion.getResultTypes()))
      kernel.setResultAttr(static_cast<unsigned>(i), shapeAttrName, shape(t));

    mlir::Block *entry = kernel.addEntryBlock();
    b.setInsertionPointToStart(entry);
    IRMapping map;
    for (auto [from, to] : llvm::zip(fusion.getBody().getArguments(), entry->getArguments())) map.map(from, to);
    for (Operation &op : fusion.getBody().front()) {
      if (auto yield = dyn_cast<YieldOp>(op)) {
        SmallVector<Value> results;
        for (Value value : yield.getValues()) results.push_back(map.lookup(value));
        func::ReturnOp::create(b, fusion.getLoc(), results);
      } else {
        b.clone(op, map);
      }
    }
    return kernel;
  }

  void replace(FusionOp fusion, func::FuncOp kernel, const SizeOperands &sizes) {
    OpBuilder b(fusion);
    bool mayFault = false;
    fusion.getBody().walk([&](Operation *op) {
      if (const OpInfo *info = catalogueInfo(op)) mayFault |= has(info->effects, Effect::may_fault);
      if (isa<WhileOp>(op)) mayFault |= mayExceedBound(op);
    });
    OperationState state(fusion.getLoc(), LaunchOp::getOperationName());
    state.addOperands(fusion.getInputs());
    state.addTypes(fusion.getResultTypes());
    state.addAttribute("kernel", FlatSymbolRefAttr::get(kernel.getSymNameAttr()));
    state.addAttribute("sizes", DimsAttr::get(&getContext(), sizes.sizes()));
    if (mayFault) state.addAttribute("may_fault", b.getUnitAttr());
    Operation *launch = b.create(state);
    fusion.replaceAllUsesWith(launch->getResults());
    fusion.erase();
  }
};

} // namespace
} // namespace burin::passes
