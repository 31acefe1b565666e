// Sizes, batches and element conversion for the matrix product emitters.
#include "compiler/codegen/cpu/GemmProblem.h"

#include "compiler/codegen/cpu/LinalgEmitterLanes.h"
#include "compiler/ops/ScalarOps.h"

namespace burin::codegen::cpu {
using namespace mlir;

Value emitSize(Emitter &E, ArrayRef<Value> Sizes, const Extent &X) {
  return extentValue(E, X, [&](unsigned K) { return Sizes[K]; });
}

Type MatmulProblem::computeType(MLIRContext *C) const { return ir::elementType(C, Accumulator); }
SmallVector<Type> MatmulProblem::bufferTypes(MLIRContext *C) const {
  return llvm::map_to_vector(ArrayRef{Lhs, Rhs, Result},
                             [&](Dtype D) { return LaneEmitter::memoryType(ir::elementType(C, D)); });
}

Value emitBatch(Emitter &E, const MatmulProblem &P, ArrayRef<Value> Sizes) {
  Value V = E.index(1);
  for (const Extent &D : P.Batch) V = E.mul(V, emitSize(E, Sizes, D));
  return V;
}

template <class Builder> static SmallVector<Value> sizesOf(const Builder &From, const MatmulProblem &P) {
  SmallVector<Value> Sizes;
  for (unsigned I = 0; I < P.NumSizes; ++I) Sizes.push_back(From.size(I));
  return Sizes;
}

void emitMatmulKernel(ModuleOp Module, StringRef Name, const MatmulProblem &P, const CpuTarget &Target,
                      llvm::function_ref<void(KernelBuilder &)> Block,
                      llvm::function_ref<BlockCount(LaunchBuilder &, ArrayRef<Value> Sizes)> Count) {
  std::string BlockName = (Name + ".p0").str();
  {
    SmallVector<Type> Types = P.bufferTypes(Module.getContext());
    SmallVector<unsigned> Order = P.Order;
    for (size_t I = Order.size(); I < Types.size(); ++I) Order.push_back(static_cast<unsigned>(I));
    Types.push_back(P.computeType(Module.getContext()));
    Order.push_back(P.WorkspaceAt);
    KernelBuilder Kernel(Module, BlockName, Types, P.NumSizes, Target, std::nullopt, Order);
    Block(Kernel);
    Kernel.finish();
  }
  LaunchBuilder Launch(Module, Name, P.NumSizes, Target);
  BlockCount C = Count(Launch, sizesOf(Launch, P));
  Launch.run(BlockName, C.Blocks, C.Grain);
  Launch.finish();
}

Buffer ownWorkspace(KernelBuilder &Kernel, const MatmulProblem &P, ArrayRef<Value> Sizes) {
  Value Bytes = Kernel.E.index(0);
  for (const Extent &X : P.Workspace) Bytes = Kernel.E.add(Bytes, emitSize(Kernel.E, Sizes, X));
  return Kernel.ownStretch(3, Bytes);
}

MatmulOperands::MatmulOperands(KernelBuilder &Kernel, const MatmulProblem &P) {
  A = Kernel.buffer(0);
  B = Kernel.buffer(1);
  C = Kernel.buffer(2);
  SmallVector<Value> Sizes = sizesOf(Kernel, P);
  M = emitSize(Kernel.E, Sizes, P.M);
  N = emitSize(Kernel.E, Sizes, P.N);
  K = emitSize(Kernel.E, Sizes, P.K);
}

MatmulOperands MatmulOperands::at(Emitter &E, const MatmulProblem &P, ArrayRef<Value> Sizes, Value Index) const {
  MatmulOperands Here = *this;
  if (P.Batch.empty()) return Here;
  // Coordinates from the innermost dim outwards; an operand's number counts only the dims along which it moves.
  auto number = [&](ArrayRef<bool> Moves) {
    if (llvm::all_of(Moves, [](bool X) { return X; })) return Index;
    Value Rest = Index, Number = E.index(0), Stride = E.index(1);
    for (size_t D = P.Batch.size(); D-- > 0;) {
      Value Size = emitSize(E, Sizes, P.Batch[D]);
      if (Moves[D]) {
        Number = E.add(Number, E.mul(E.rem(Rest, Size), Stride));
        Stride = E.mul(Stride, Size);
      }
      Rest = E.div(Rest, Size);
    }
    return Number;
  };
  auto advance = [&](Buffer &X, Value Number, Value Rows, Value Columns) {
    X.Base = E.address(X, E.mul(Number, E.mul(Rows, Columns)));
  };
  advance(Here.A, number(P.LhsMoves), M, K);
  advance(Here.B, number(P.RhsMoves), K, N);
  advance(Here.C, Index, M, N);
  return Here;
}

/// Between two dtypes of one category, as far as emitMatmulKernel lets them through.
static Value convert(Emitter &E, Value V, Dtype From, Dtype To) {
  if (From == To) return V;
  MLIRContext *C = E.B.getContext();
  auto target = [&](Dtype D) -> Type {
    Type T = ir::elementType(C, D);
    auto Vector = dyn_cast<VectorType>(V.getType());
    return Vector ? Type(Vector.clone(T)) : T;
  };
  if (is_narrow_float(From)) return convert(E, E.fromBits(V, ir::elementType(C, From)), Dtype::f32, To);
  if (is_narrow_float(To)) return E.toBits(E.roundTo(V, ir::elementType(C, To)), ir::elementType(C, To));
  if (is_floating(From)) {
    if (holds(To, From)) return LLVM::FPExtOp::create(E.B, target(To), V);
    return LLVM::FPTruncOp::create(E.B, target(To), V);
  }
  int Have = dtype_info(From).bits, Want = dtype_info(To).bits;
  if (Have == Want) return V;
  if (Have > Want) return LLVM::TruncOp::create(E.B, target(To), V);
  if (is_signed(From)) return LLVM::SExtOp::create(E.B, target(To), V);
  return LLVM::ZExtOp::create(E.B, target(To), V);
}

Value toCompute(Emitter &E, const MatmulProblem &P, Dtype D, Value V) { return convert(E, V, D, P.Accumulator); }
Value toMemory(Emitter &E, const MatmulProblem &P, Value V) { return convert(E, V, P.Accumulator, P.Result); }
Value loadCompute(Emitter &E, const MatmulProblem &P, Dtype D, const Buffer &M, Value Index, int64_t Lanes,
                  Value Mask) {
  return toCompute(E, P, D, E.loadVector(E.vectorType(M.Element, Lanes), M, Index, Mask));
}
Value addElements(Emitter &E, Value X, Value Y) {
  if (isa<FloatType>(getElementTypeOrSelf(X.getType()))) return LLVM::FAddOp::create(E.B, X, Y);
  return LLVM::AddOp::create(E.B, X, Y);
}

} // namespace burin::codegen::cpu
