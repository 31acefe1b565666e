// Identities that hold for every value under docs/numerics.md, bit for bit (NaNs aside).
#include "passes/PruneIdentities.h"

#include "compiler/ir/Types.h"

#include <cmath>

using namespace mlir;

namespace burin::passes {
using namespace burin::ir;

DenseElementsAttr elementsOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
}

bool isPlain(Operation *op) {
  const OpInfo *info = catalogueInfo(op);
  return info && !info->num_regions && !info->effects && !op->hasAttr(opAttrName);
}

Location fusedLoc(Location a, Location b) {
  // Attributes are immortal, and one constant may stand for a thousand: a few lines tell enough.
  constexpr std::size_t most = 8;
  if (auto fused = dyn_cast<FusedLoc>(a); fused && fused.getLocations().size() >= most) return a;
  return FusedLoc::get(a.getContext(), {a, b});
}

namespace {

/// Whether every element is `number`; for floats with that sign of zero.
bool isNumber(Value value, double number) {
  DenseElementsAttr elements = elementsOf(value);
  if (!elements || elements.empty() || !elements.isSplat()) return false;
  if (isa<FloatType>(elements.getElementType())) {
    double x = elements.getSplatValue<APFloat>().convertToDouble();
    return x == number && std::signbit(x) == std::signbit(number);
  }
  APInt have = elements.getSplatValue<APInt>();
  return have ==
         APInt(have.getBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(number)), false, /*implicitTrunc=*/true);
}

bool isFloat(Value value) { return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()); }
bool isIota(ArrayRef<int64_t> list) {
  for (auto [i, v] : llvm::enumerate(list))
    if (v != static_cast<int64_t>(i)) return false;
  return true;
}
ArrayRef<int64_t> ints(Operation *op, StringRef name) {
  return op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef();
}
bool allZero(Operation *op, StringRef name) {
  return llvm::all_of(op->getAttrOfType<DimsAttr>(name).getWords(), [](int64_t word) { return word == 0; });
}
bool allAre(ArrayRef<int64_t> list, int64_t value) {
  return llvm::all_of(list, [=](int64_t v) { return v == value; });
}

/// Whether a cast from `a` by `b` to `c` is the cast from `a` to `c`. The way must hold all values; and from floating point
/// to an integer saturates, where between integers it wraps.
bool castsCompose(Dtype a, Dtype b, Dtype c) {
  if (!holds(b, a)) return false;
  bool wraps = !is_floating(a) && !is_floating(c), saturates = is_floating(b);
  return !(wraps && saturates) || c == Dtype::boolean || holds(c, a);
}

Dtype elementDtype(Value value) { return *toDtype(cast<RankedTensorType>(value.getType()).getElementType()); }

/// As sameAs, the type not yet compared.
Value candidate(Operation *op) {
  auto operand = [&](unsigned i) { return op->getOperand(i); };
  if (isa<AddOp>(op)) { // -0 + 0 is 0: for floats only -0 is neutral
    double zero = isFloat(operand(0)) ? -0.0 : 0.0;
    if (isNumber(operand(1), zero)) return operand(0);
    if (isNumber(operand(0), zero)) return operand(1);
  }
  if (isa<SubOp>(op) && isNumber(operand(1), 0.0)) return operand(0);
  if (isa<MulOp>(op)) {
    if (isNumber(operand(1), 1.0)) return operand(0);
    if (isNumber(operand(0), 1.0)) return operand(1);
    for (unsigned i = 0; i < 2; ++i)
      if (!isFloat(operand(i)) && isNumber(operand(i), 0.0)) return operand(i);
  }
  if (isa<DivOp>(op) && isNumber(operand(1), 1.0)) return operand(0);
  if (isa<MaxOp, MinOp, LogicalAndOp, LogicalOrOp>(op) && operand(0) == operand(1)) return operand(0);
  if (isa<LogicalAndOp, LogicalOrOp>(op)) {
    bool neutral = isa<LogicalAndOp>(op);
    for (unsigned i = 0; i < 2; ++i) {
      if (isNumber(operand(i), neutral)) return operand(1 - i);
      if (isNumber(operand(i), !neutral) && operand(i).getType() == op->getResult(0).getType()) return operand(i);
    }
  }
  if (isa<NegOp, LogicalNotOp>(op))
    if (Operation *inner = operand(0).getDefiningOp(); inner && inner->getName() == op->getName() && isPlain(inner))
      return inner->getOperand(0);
  if (isa<WhereOp>(op)) {
    if (operand(1) == operand(2)) return operand(1);
    if (isNumber(operand(0), 1.0)) return operand(1);
    if (isNumber(operand(0), 0.0)) return operand(2);
  }
  if (isa<StopGradientOp>(op)) return operand(0);                   // derivatives were taken before
  if (isa<CastOp, ReshapeOp, BroadcastToOp>(op)) return operand(0); // where the type does not change
  if (isa<ConcatenateOp>(op) && op->getNumOperands() == 1) return operand(0);
  if (isa<TransposeOp>(op) && isIota(ints(op, "permutation"))) return operand(0);
  // A sum over no axes starts from 0, which makes 0 of -0.
  if (isa<ReduceMaxOp>(op) || (isa<ReduceSumOp>(op) && !isFloat(operand(0))))
    if (ints(op, "axes").empty()) return operand(0);
  if (isa<SliceOp>(op) && allZero(op, "starts") && allAre(ints(op, "strides"), 1)) return operand(0);
  if (isa<PadOp>(op) && allZero(op, "low") && allZero(op, "high") && allAre(ints(op, "interior"), 0)) return operand(0);
  return {};
}

} // namespace

Value sameAs(Operation *op) {
  Value value = candidate(op);
  return value && value.getType() == op->getResult(0).getType() ? value : Value();
}

Value composed(Operation *op) {
  if (!isa<TransposeOp, ReshapeOp, BroadcastToOp, CastOp>(op)) return {};
  Operation *inner = op->getOperand(0).getDefiningOp();
  if (!inner || inner->getName() != op->getName() || !isPlain(inner)) return {};
  Value source = inner->getOperand(0);
  OpBuilder b(op);
  OperationState state(fusedLoc(inner->getLoc(), op->getLoc()), op->getName());
  state.addOperands(source);
  state.addTypes(op->getResultTypes());
  state.addAttributes(op->getAttrs());
  if (isa<CastOp>(op) &&
      !castsCompose(elementDtype(source), elementDtype(op->getOperand(0)), elementDtype(op->getResult(0))))
    return {};
  if (isa<TransposeOp>(op)) {
    SmallVector<int64_t> both;
    for (int64_t axis : ints(op, "permutation"))
      both.push_back(ints(inner, "permutation")[static_cast<std::size_t>(axis)]);
    if (isIota(both)) return source;
    state.attributes.set("permutation", b.getDenseI64ArrayAttr(both));
  } else if (source.getType() == op->getResult(0).getType()) {
    return source;
  }
  return b.create(state)->getResult(0);
}

} // namespace burin::passes
