// Reads a linalg kernel function into a KernelPlan: composes indexing maps down to memory, inlines producers, merges
// equal computations, finds which dims are kept and which are reduced. No loops are made here.
#include "compiler/codegen/plan/KernelPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SetVector.h"

#include <deque>
#include <memory>

namespace burin::codegen {
using namespace mlir;

namespace {

// -- shapes ----------------------------------------------------------------------------------------------------------

/// The shapes of tensors in one kernel function, in terms of its size operands.
class Shapes {
public:
  explicit Shapes(func::FuncOp Kernel) : Kernel(Kernel) {}

  FailureOr<Extents> of(Value Tensor) {
    auto It = Known.find(Tensor);
    if (It != Known.end()) return It->second;
    FailureOr<Extents> S = compute(Tensor);
    if (succeeded(S)) Known[Tensor] = *S;
    return S;
  }
  /// A size operand's number, for an index argument of the function.
  std::optional<unsigned> sizeOperand(Value V) {
    auto Arg = dyn_cast<BlockArgument>(V);
    if (!Arg || !Arg.getType().isIndex() || Arg.getOwner() != &Kernel.getBody().front()) return std::nullopt;
    unsigned First = 0;
    while (!Kernel.getArgument(First).getType().isIndex()) ++First;
    return Arg.getArgNumber() - First;
  }

  /// An offset or size: a number, a size operand or a sum of them.
  FailureOr<Linear> linear(OpFoldResult At, Operation *For) {
    if (auto C = getConstantIntValue(At)) return Linear::number(*C);
    Value V = cast<Value>(At);
    if (auto K = sizeOperand(V)) {
      Linear L;
      L.SizeTerms.push_back({*K, 1});
      return L;
    }
    if (auto Sum = V.getDefiningOp<arith::AddIOp>()) {
      auto X = linear(Sum.getLhs(), For), Y = linear(Sum.getRhs(), For);
      if (succeeded(X) && succeeded(Y)) return X->plus(*Y);
      return failure();
    }
    return For->emitError("kernel: an offset that is not a sum of size operands");
  }

private:
  FailureOr<Extents> compute(Value Tensor) {
    auto Type = cast<RankedTensorType>(Tensor.getType());
    if (auto Arg = dyn_cast<BlockArgument>(Tensor)) return argumentShape(Kernel, Arg.getArgNumber());
    Operation *Op = Tensor.getDefiningOp();
    if (auto Generic = dyn_cast<linalg::LinalgOp>(Op))
      return of(Generic.getDpsInits()[cast<OpResult>(Tensor).getResultNumber()]);
    if (auto Empty = dyn_cast<tensor::EmptyOp>(Op)) return mixed(Op, Type, Empty.getDynamicSizes());
    if (auto Slice = dyn_cast<tensor::ExtractSliceOp>(Op)) return mixed(Op, Type, Slice.getSizes());
    if (isa<tensor::InsertSliceOp>(Op)) { // a long chain of them needs no deep recursion
      Value Below = Tensor;
      while (auto Insert = Below.getDefiningOp<tensor::InsertSliceOp>()) Below = Insert.getDest();
      return of(Below);
    }
    if (auto Reshape = dyn_cast<tensor::ReshapeOp>(Op)) {
      auto Sizes = Reshape.getShape().getDefiningOp<tensor::FromElementsOp>();
      if (!Sizes) return Op->emitError("kernel: a reshape whose shape is not tensor.from_elements");
      SmallVector<Value> Dynamic;
      for (auto [D, V] : llvm::zip(Type.getShape(), Sizes.getElements()))
        if (ShapedType::isDynamic(D)) Dynamic.push_back(V);
      return mixed(Op, Type, Dynamic);
    }
    if (Type.hasStaticShape()) return shapeOf({}, Type);
    return Op->emitError("kernel: the shape of this value is not known");
  }
  FailureOr<Extents> mixed(Operation *Op, RankedTensorType Type, ValueRange Dynamic) {
    Extents S;
    unsigned Next = 0;
    for (int64_t D : Type.getShape()) {
      if (!ShapedType::isDynamic(D)) {
        S.push_back(Extent::number(D));
        continue;
      }
      auto K = sizeOperand(Dynamic[Next++]);
      if (!K) return Op->emitError("kernel: a dynamic size that is not a size operand");
      S.push_back(Extent::size(*K));
    }
    return S;
  }

  func::FuncOp Kernel;
  DenseMap<Value, Extents> Known;
};

FailureOr<Linear> linearOf(AffineExpr E, ArrayRef<Linear> Dims) {
  switch (E.getKind()) {
  case AffineExprKind::DimId:
    return Dims[cast<AffineDimExpr>(E).getPosition()];
  case AffineExprKind::Constant:
    return Linear::number(cast<AffineConstantExpr>(E).getValue());
  case AffineExprKind::Add: {
    auto Pair = cast<AffineBinaryOpExpr>(E);
    auto L = linearOf(Pair.getLHS(), Dims), R = linearOf(Pair.getRHS(), Dims);
    if (failed(L) || failed(R)) return failure();
    return L->plus(*R);
  }
  case AffineExprKind::Mul: {
    auto Pair = cast<AffineBinaryOpExpr>(E);
    auto L = linearOf(Pair.getLHS(), Dims);
    auto C = dyn_cast<AffineConstantExpr>(Pair.getRHS());
    if (failed(L) || !C) return failure();
    return L->times(C.getValue());
  }
  default:
    return failure();
  }
}

/// Values that go to a result, or to a block of it.
struct Piece {
  Value Root;
  unsigned Result = 0;
  Extents ResultShape;
  Operation *At = nullptr;      ///< for diagnostics
  SmallVector<int64_t> Strides; ///< empty: the whole result
  Linears Offsets;
};

// -- one nest --------------------------------------------------------------------------------------------------------

class NestBuilder {
public:
  Nest N;

  NestBuilder(KernelPlan &Plan, Shapes &Shape, bool ShareDims) : Plan(Plan), Shape(Shape), ShareDims(ShareDims) {}

  unsigned addDim(const Extent &E) {
    N.DimExtents.push_back(E);
    return static_cast<unsigned>(N.DimExtents.size() - 1);
  }
  SmallVector<unsigned> addDims(ArrayRef<Extent> Es) {
    SmallVector<unsigned> Ds;
    for (const Extent &E : Es) Ds.push_back(addDim(E));
    return Ds;
  }

  LogicalResult addRoot(const Piece &P, ArrayRef<unsigned> Dims) {
    RootDims.assign(Dims.begin(), Dims.end());
    Linears At, To;
    for (auto [I, D] : llvm::enumerate(Dims)) {
      At.push_back(Linear::dim(D));
      To.push_back(P.Strides.empty() ? At[I] : At[I].times(P.Strides[I]).plus(P.Offsets[I]));
    }
    if (failed(visitChain(P.Root, At))) return failure();
    auto Id = tensorAt(P.Root, At);
    if (failed(Id)) return failure();
    Output O;
    O.Value = *Id;
    auto Address = addressOf(Plan.NumInputs + P.Result, To, P.ResultShape, P.At);
    if (failed(Address)) return failure();
    O.At = *Address;
    N.Outputs.push_back(O);
    AllRootDims.push_back(SmallVector<unsigned>(Dims));
    return success();
  }

  /// Decides which dims are kept; false if a reduction would run over a kept dim (then dims must not be shared).
  bool finish() {
    uint64_t Reads = 0, Reduced = 0;
    bool Any = false;
    for (const Node &X : N.Nodes)
      if (X.Kind == Node::Kind::reduction) {
        Any = true;
        Reads |= ReducedAt[&X - N.Nodes.data()];
        for (unsigned D : X.Reduced) Reduced |= uint64_t(1) << D;
      }
    // The first root has the most dims; those that reductions are read at are kept, or all where there are none.
    N.Kept.clear();
    for (unsigned D : AllRootDims.front())
      if (!Any || (Reads >> D & 1)) N.Kept.push_back(D);
    uint64_t Kept = N.keptMask();
    if ((Reads & ~Kept) || (Reduced & Kept)) return false;
    for (auto [O, Dims] : llvm::zip(N.Outputs, AllRootDims)) {
      O.Inner.clear();
      for (unsigned D : Dims)
        if (!(Kept >> D & 1)) O.Inner.push_back(D);
      O.Level = N.Nodes[O.Value].Level;
    }
    // A reduction reads kept dims and its own, never another's.
    for (const Node &X : N.Nodes) {
      if (X.Kind != Node::Kind::reduction) continue;
      uint64_t Own = Kept;
      for (unsigned D : X.Reduced) Own |= uint64_t(1) << D;
      if (N.Nodes[X.Operands[0]].Dims & ~Own) return false;
    }
    return true;
  }
  Extents keptExtents() const {
    Extents E;
    for (unsigned D : N.Kept) E.push_back(N.DimExtents[D]);
    return E;
  }
  ArrayRef<unsigned> firstRootDims() const { return AllRootDims.front(); }
  Extents extentsOf(ArrayRef<unsigned> Dims) const {
    Extents E;
    for (unsigned D : Dims) E.push_back(N.DimExtents[D]);
    return E;
  }

private:
  struct Instance {
    linalg::GenericOp Generic;
    Linears Loops;
    SmallVector<NodeId> Box;
    DenseMap<Value, NodeId> Scalars;
    Instance(linalg::GenericOp Generic, Linears Loops, ArrayRef<NodeId> Box)
        : Generic(Generic), Loops(std::move(Loops)), Box(Box) {}
  };

  FailureOr<Address> addressOf(unsigned Memory, ArrayRef<Linear> At, ArrayRef<Extent> Sizes, Operation *For) {
    Address A;
    A.Memory = Memory;
    Extent Stride = Extent::number(1);
    for (size_t I = At.size(); I-- > 0;) {
      const Linear &L = At[I];
      for (auto [D, C] : L.Terms) {
        Extent S = Stride.times(C);
        auto *It = llvm::find_if(A.Strides, [&, D = D](auto &X) { return X.first >= D; });
        if (It != A.Strides.end() && It->first == D) {
          if (It->second.Sizes != S.Sizes)
            return For->emitError("kernel: a dim that walks two dims of a dynamic tensor");
          It->second.Coefficient += S.Coefficient;
        } else if (!S.is(0)) {
          A.Strides.insert(It, {D, S});
        }
      }
      auto offset = [&](Extent E) {
        if (E.is(0)) return;
        for (Extent &X : A.Offset)
          if (X.Sizes == E.Sizes) {
            X.Coefficient += E.Coefficient;
            return;
          }
        A.Offset.push_back(E);
      };
      offset(Stride.times(L.Constant));
      for (auto [K, C] : L.SizeTerms) offset(Stride.times(Extent{C, {K}}));
      Stride = Stride.times(Sizes[I]);
    }
    return A;
  }

  // Equal nodes are one node, so that passes share what they both compute.
  NodeId add(Node X) {
    for (NodeId O : X.Operands) {
      X.Dims |= N.Nodes[O].Dims;
      X.Level = std::max(X.Level, N.Nodes[O].Level + (N.Nodes[O].Kind == Node::Kind::reduction ? 1 : 0));
    }
    if (X.Kind == Node::Kind::reduction)
      for (unsigned D : X.Reduced) X.Dims &= ~(uint64_t(1) << D);
    llvm::hash_code H =
        llvm::hash_combine(static_cast<int>(X.Kind), X.Type.getAsOpaquePointer(), X.Result,
                           X.Constant ? X.Constant.getAsOpaquePointer() : nullptr, X.At.Memory, X.At.Strides.size(),
                           X.Index.Constant, llvm::hash_combine_range(X.Operands.begin(), X.Operands.end()),
                           llvm::hash_combine_range(X.Reduced.begin(), X.Reduced.end()));
    auto &Bucket = Known[static_cast<size_t>(H)];
    for (NodeId Id : Bucket)
      if (same(N.Nodes[Id], X)) return Id;
    N.Nodes.push_back(std::move(X));
    Bucket.push_back(static_cast<NodeId>(N.Nodes.size() - 1));
    return Bucket.back();
  }
  static bool same(const Node &X, const Node &Y) {
    if (X.Kind != Y.Kind || X.Type != Y.Type || X.Operands != Y.Operands || X.Result != Y.Result ||
        X.Constant != Y.Constant || !(X.At == Y.At) || X.ExtractStrides != Y.ExtractStrides || !(X.Index == Y.Index) ||
        !(X.Size == Y.Size) || X.Reduced != Y.Reduced)
      return false;
    if (!X.Op || !Y.Op) return X.Op == Y.Op;
    return X.Op == Y.Op ||
           (X.Op->getName() == Y.Op->getName() && X.Op->getAttrDictionary() == Y.Op->getAttrDictionary());
  }

  NodeId constant(TypedAttr A) {
    Node X;
    X.Kind = Node::Kind::constant;
    X.Type = A.getType();
    X.Constant = A;
    return add(std::move(X));
  }

  unsigned memoryOf(Value Tensor) {
    for (auto [I, M] : llvm::enumerate(Plan.Memory))
      if (M.Tensor == Tensor) return static_cast<unsigned>(I);
    Plan.Memory.push_back({cast<RankedTensorType>(Tensor.getType()).getElementType(), Tensor});
    return static_cast<unsigned>(Plan.Memory.size() - 1);
  }

  FailureOr<NodeId> load(Value Tensor, ArrayRef<Linear> At, Operation *For) { return load(Tensor, Tensor, At, For); }
  /// The memory of `Tensor` in the shape of `View`.
  FailureOr<NodeId> load(Value Tensor, Value View, ArrayRef<Linear> At, Operation *For) {
    auto Sizes = Shape.of(View);
    if (failed(Sizes)) return failure();
    auto A = addressOf(memoryOf(Tensor), At, *Sizes, For);
    if (failed(A)) return failure();
    Node X;
    X.Kind = Node::Kind::load;
    X.Type = cast<RankedTensorType>(Tensor.getType()).getElementType();
    X.At = *A;
    X.Dims = A->dims();
    if (!Box.empty() && !At.empty()) {
      X.Operands.push_back(nothing(X.Type));
      X.Operands.append(Box);
    }
    return add(std::move(X));
  }
  NodeId nothing(Type T) { return constant(cast<TypedAttr>(Builder(T.getContext()).getZeroAttr(T))); }

  /// What the root reads at its own index is read first, in program order: a long chain then needs no deep recursion.
  LogicalResult visitChain(Value Root, const Linears &At) {
    llvm::SetVector<Value> Chain;
    Chain.insert(Root);
    for (size_t I = 0; I < Chain.size(); ++I) {
      auto Generic = Chain[I].getDefiningOp<linalg::GenericOp>();
      if (!Generic || Generic.getNumReductionLoops() ||
          !Generic.getIndexingMapMatchingResult(cast<OpResult>(Chain[I])).isIdentity())
        continue;
      for (OpOperand *Operand : Generic.getDpsInputOperands())
        if (Generic.getMatchingIndexingMap(Operand).isIdentity() && Operand->get().getDefiningOp<linalg::GenericOp>())
          Chain.insert(Operand->get());
    }
    if (Chain.size() < ShortChain) return success();
    for (Operation &Op : *Root.getParentBlock())
      for (Value R : Op.getResults())
        if (Chain.contains(R) && failed(tensorAt(R, At))) return failure();
    return success();
  }
  static constexpr size_t ShortChain = 32;

  FailureOr<NodeId> tensorAt(Value Tensor, Linears At) {
    if (isa<BlockArgument>(Tensor)) return load(Tensor, At, Tensor.getParentBlock()->getParentOp());
    Operation *Op = Tensor.getDefiningOp();
    if (auto Fill = dyn_cast<linalg::FillOp>(Op)) return outerScalar(Fill.getInputs()[0], Op);
    if (auto Constant = dyn_cast<arith::ConstantOp>(Op)) {
      auto Elements = dyn_cast<DenseElementsAttr>(Constant.getValue());
      if (!Elements) return Op->emitError("kernel: a constant that is not dense");
      if (Elements.isSplat()) return constant(Elements.getSplatValue<TypedAttr>());
      return load(Tensor, At, Op);
    }
    if (auto Slice = dyn_cast<tensor::ExtractSliceOp>(Op)) return sliceAt(Slice, At);
    if (auto Insert = dyn_cast<tensor::InsertSliceOp>(Op)) return insertAt(Insert, At);
    if (auto Reshape = dyn_cast<tensor::ReshapeOp>(Op)) {
      Value Source = Reshape.getSource();
      if (auto C = Source.getDefiningOp<arith::ConstantOp>(); C && cast<DenseElementsAttr>(C.getValue()).isSplat())
        return constant(cast<DenseElementsAttr>(C.getValue()).getSplatValue<TypedAttr>());
      if (!isa<BlockArgument>(Source) && !Source.getDefiningOp<arith::ConstantOp>())
        return Op->emitError("kernel: only inputs of the kernel are read under another shape");
      return load(Reshape.getSource(), Tensor, At, Op);
    }
    if (isa<tensor::EmptyOp>(Op)) // without elements, or nothing may be read
      return nothing(cast<RankedTensorType>(Tensor.getType()).getElementType());
    auto Generic = dyn_cast<linalg::GenericOp>(Op);
    if (!Generic) return Op->emitOpError("in a kernel is not an op that the linalg emitter reads");
    unsigned R = cast<OpResult>(Tensor).getResultNumber();
    AffineMap Out = Generic.getIndexingMapMatchingResult(cast<OpResult>(Tensor));
    Linears Loops(Generic.getNumLoops());
    SmallVector<bool> Bound(Generic.getNumLoops(), false);
    for (auto [I, E] : llvm::enumerate(Out.getResults())) {
      if (auto D = dyn_cast<AffineDimExpr>(E)) {
        Loops[D.getPosition()] = At[I];
        Bound[D.getPosition()] = true;
      } else if (!isa<AffineConstantExpr>(E)) {
        return Op->emitError("kernel: a result whose indexing map is not a permutation");
      }
    }
    bool Reduction = Generic.getNumReductionLoops() > 0;
    if (!Reduction && llvm::is_contained(Bound, false))
      return Op->emitError("kernel: a result whose indexing map is not a permutation");
    return Reduction ? reductionAt(Generic, R, std::move(Loops), Bound) : bodyAt(Generic, R, std::move(Loops));
  }

  FailureOr<NodeId> sliceAt(tensor::ExtractSliceOp Slice, ArrayRef<Linear> At) {
    if (Slice.getSourceType().getRank() != Slice.getType().getRank())
      return Slice.emitError("kernel: a slice that drops dims");
    Linears Source;
    for (auto [I, Offset] : llvm::enumerate(Slice.getMixedOffsets())) {
      auto Stride = getConstantIntValue(Slice.getMixedStrides()[I]);
      if (!Stride) return Slice.emitError("kernel: a slice with a dynamic stride");
      auto Start = Shape.linear(Offset, Slice);
      if (failed(Start)) return failure();
      Linear L = At[I].times(*Stride).plus(*Start);
      Source.push_back(L);
    }
    return tensorAt(Slice.getSource(), Source);
  }

  /// What the block puts there within its box, and what stands below elsewhere.
  FailureOr<NodeId> insertAt(tensor::InsertSliceOp Insert, ArrayRef<Linear> At) {
    auto Sizes = Shape.of(Insert.getSource()), Whole = Shape.of(Insert);
    if (failed(Sizes) || failed(Whole)) return failure();
    if (Sizes->size() != Whole->size()) return Insert.emitError("kernel: a block of lower rank");
    SmallVector<NodeId> Around = Box, Here;
    Linears Source;
    for (auto [I, Offset] : llvm::enumerate(Insert.getMixedOffsets())) {
      auto Start = Shape.linear(Offset, Insert);
      if (failed(Start)) return failure();
      if (!isConstantIntValue(Insert.getMixedStrides()[I], 1))
        return Insert.emitError("kernel: a block whose elements have others between them is not read in place");
      Node X;
      X.Kind = Node::Kind::inside;
      X.Type = IntegerType::get(Insert.getContext(), 1);
      X.Index = At[I].plus(Start->times(-1));
      X.Size = (*Sizes)[I];
      X.Dims = X.Index.dims();
      Source.push_back(X.Index);
      if (*Start == Linear() && X.Size == (*Whole)[I]) continue;
      if (X.Index.Terms.size() > 1 || (X.Index.Terms.size() == 1 && X.Index.Terms[0].second < 0))
        return Insert.emitError("kernel: a block is read along an axis that is not one dim of the loops, forwards");
      NodeId Condition = add(std::move(X));
      Here.push_back(Condition);
      if (!llvm::is_contained(Box, Condition)) Box.push_back(Condition);
    }
    auto Value = tensorAt(Insert.getSource(), Source);
    SmallVector<NodeId> Inside = std::exchange(Box, Around);
    if (failed(Value) || Here.empty()) return Value;
    auto Other = tensorAt(Insert.getDest(), Linears(At));
    if (failed(Other)) return failure();
    Node X = N.Nodes[*Value];
    if (X.Kind == Node::Kind::load && X.conditions() == ArrayRef(Inside)) {
      X.Operands[0] = *Other; // of no matter where what is around does not hold
    } else {
      X = Node();
      X.Kind = Node::Kind::choose;
      X.Type = N.Nodes[*Value].Type;
      X.Operands.assign({*Value, *Other});
      X.Operands.append(Here);
    }
    return add(std::move(X));
  }

  Instance &instance(linalg::GenericOp Generic, Linears Loops) {
    auto &Of = Instances[Generic];
    for (Instance *I : Of)
      if (I->Loops == Loops && I->Box == Box) return *I;
    AllInstances.emplace_back(Generic, std::move(Loops), Box);
    Of.push_back(&AllInstances.back());
    return AllInstances.back();
  }

  FailureOr<NodeId> bodyAt(linalg::GenericOp Generic, unsigned R, Linears Loops) {
    Instance &I = instance(Generic, std::move(Loops));
    return scalar(Generic.getBody()->getTerminator()->getOperand(R), I);
  }

  FailureOr<Linears> compose(AffineMap Map, ArrayRef<Linear> Loops, Operation *For) {
    Linears At;
    for (AffineExpr E : Map.getResults()) {
      auto L = linearOf(E, Loops);
      if (failed(L)) return For->emitError("kernel: an indexing map that is not linear");
      At.push_back(*L);
    }
    return At;
  }

  FailureOr<NodeId> outerScalar(Value V, Operation *For) {
    if (auto C = V.getDefiningOp<arith::ConstantOp>()) return constant(cast<TypedAttr>(C.getValue()));
    return For->emitError("kernel: a scalar that is not a constant");
  }

  FailureOr<NodeId> scalar(Value V, Instance &I) {
    auto Found = I.Scalars.find(V);
    if (Found != I.Scalars.end()) return Found->second;
    FailureOr<NodeId> Id = computeScalar(V, I);
    if (succeeded(Id)) I.Scalars[V] = *Id;
    return Id;
  }

  FailureOr<NodeId> computeScalar(Value V, Instance &I) {
    linalg::GenericOp Generic = I.Generic;
    if (auto Arg = dyn_cast<BlockArgument>(V)) {
      if (Arg.getOwner() != Generic.getBody()) {
        auto K = Shape.sizeOperand(V);
        if (!K) return Generic.emitError("kernel: a scalar from outside that is not a size operand");
        Node X;
        X.Kind = Node::Kind::index;
        X.Type = V.getType();
        X.Index.SizeTerms.push_back({*K, 1});
        return add(std::move(X));
      }
      OpOperand &Operand = Generic->getOpOperand(Arg.getArgNumber());
      auto At = compose(Generic.getMatchingIndexingMap(&Operand), I.Loops, Generic);
      if (failed(At)) return failure();
      return tensorAt(Operand.get(), *At);
    }
    Operation *Op = V.getDefiningOp();
    if (auto C = dyn_cast<arith::ConstantOp>(Op)) return constant(cast<TypedAttr>(C.getValue()));
    if (auto Index = dyn_cast<linalg::IndexOp>(Op)) {
      Node X;
      X.Kind = Node::Kind::index;
      X.Type = V.getType();
      X.Index = I.Loops[Index.getDim()];
      X.Dims = X.Index.dims();
      return add(std::move(X));
    }
    Node X;
    X.Type = V.getType();
    for (Value O : isa<tensor::ExtractOp>(Op) ? Op->getOperands().drop_front() : Op->getOperands()) {
      auto Id = scalar(O, I);
      if (failed(Id)) return failure();
      X.Operands.push_back(*Id);
    }
    if (auto Extract = dyn_cast<tensor::ExtractOp>(Op)) {
      auto Sizes = Shape.of(Extract.getTensor());
      if (!isa<BlockArgument>(Extract.getTensor()) || failed(Sizes))
        return Op->emitError("kernel: only inputs of the kernel are read at computed indices");
      if (!Box.empty()) return Op->emitError("kernel: what is read at computed indices is no part of a block");
      X.Kind = Node::Kind::extract;
      X.At.Memory = memoryOf(Extract.getTensor());
      X.ExtractStrides.resize(Sizes->size());
      Extent Stride = Extent::number(1);
      for (size_t D = Sizes->size(); D-- > 0; Stride = Stride.times((*Sizes)[D])) X.ExtractStrides[D] = Stride;
      return add(std::move(X));
    }
    if (!OpTrait::hasElementwiseMappableTraits(Op)) return Op->emitError("kernel: not an elementwise op");
    X.Kind = Node::Kind::compute;
    X.Op = Op;
    if (unsigned R = cast<OpResult>(V).getResultNumber()) {
      // A further result stands behind the first one's node, which makes the op.
      auto First = scalar(Op->getResult(0), I);
      if (failed(First)) return failure();
      X.Result = R;
      X.Operands.assign({*First});
    }
    return add(std::move(X));
  }

  FailureOr<NodeId> reductionAt(linalg::GenericOp Generic, unsigned R, Linears Loops, ArrayRef<bool> Bound) {
    if (!Box.empty()) return Generic.emitError("kernel: a reduction that is part of a block has a kernel of its own");
    Operation *Yield = Generic.getBody()->getTerminator();
    Value Accumulator = Generic.getRegionOutputArgs()[R];
    Operation *Combine = Yield->getOperand(R).getDefiningOp();
    if (!Combine || Combine->getNumOperands() != 2 || !llvm::is_contained(Combine->getOperands(), Accumulator) ||
        !Accumulator.hasOneUse())
      return Generic.emitError("kernel: a reduction that is not combine(accumulator, value)");
    Value Reduced = Combine->getOperand(Combine->getOperand(0) == Accumulator ? 1 : 0);

    uint64_t Reads = 0;
    for (const Linear &L : Loops) Reads |= L.dims();
    SmallVector<unsigned> Free;
    Extents FreeExtents;
    for (unsigned D = 0; D < Generic.getNumLoops(); ++D) {
      if (Bound[D]) continue;
      Free.push_back(D);
      auto E = loopExtent(Generic, D);
      if (failed(E)) return failure();
      FreeExtents.push_back(*E);
    }
    SmallVector<unsigned> Dims = dimsFor(FreeExtents, Reads);
    for (auto [D, To] : llvm::zip(Free, Dims)) Loops[D] = Linear::dim(To);

    Instance &I = instance(Generic, std::move(Loops));
    auto Value = scalar(Reduced, I);
    auto Init = tensorAt(Generic.getDpsInits()[R],
                         Linears(cast<RankedTensorType>(Generic.getDpsInits()[R].getType()).getRank()));
    if (failed(Value) || failed(Init)) return failure();
    if (N.Nodes[*Init].Kind != Node::Kind::constant)
      return Generic.emitError("kernel: a reduction whose initial value is not a constant");
    Node X;
    X.Kind = Node::Kind::reduction;
    X.Type = Combine->getResult(0).getType();
    X.Op = Combine;
    X.Constant = N.Nodes[*Init].Constant;
    X.Operands.push_back(*Value);
    X.Reduced.assign(Dims.begin(), Dims.end());
    NodeId Id = add(std::move(X));
    ReducedAt[Id] |= Reads;
    return Id;
  }

  FailureOr<Extent> loopExtent(linalg::GenericOp Generic, unsigned Loop) {
    for (OpOperand &Operand : Generic->getOpOperands())
      for (auto [I, E] : llvm::enumerate(Generic.getMatchingIndexingMap(&Operand).getResults()))
        if (auto D = dyn_cast<AffineDimExpr>(E); D && D.getPosition() == Loop) {
          auto S = Shape.of(Operand.get());
          if (failed(S)) return failure();
          return (*S)[I];
        }
    return Generic.emitError("kernel: a loop whose size no operand gives");
  }

  // The root's own dims where they fit (softmax reads its input in every pass at the same place), then those of an earlier
  // reduction, else new ones.
  SmallVector<unsigned> dimsFor(ArrayRef<Extent> Es, uint64_t Reads) {
    SmallVector<unsigned> Rest;
    for (unsigned D : RootDims)
      if (!(Reads >> D & 1)) Rest.push_back(D);
    if (ShareDims && !Rest.empty() && extentsOf(Rest) == Extents(Es)) return Rest;
    for (const Node &X : N.Nodes)
      if (X.Kind == Node::Kind::reduction && extentsOf(X.Reduced) == Extents(Es) &&
          (ShareDims || llvm::none_of(X.Reduced, [&](unsigned D) { return llvm::is_contained(RootDims, D); })))
        return SmallVector<unsigned>(X.Reduced.begin(), X.Reduced.end());
    return addDims(Es);
  }

  KernelPlan &Plan;
  Shapes &Shape;
  bool ShareDims;
  SmallVector<unsigned> RootDims;
  SmallVector<SmallVector<unsigned>> AllRootDims;
  SmallVector<NodeId> Box; ///< conditions under which what is being read is there
  DenseMap<NodeId, uint64_t> ReducedAt;
  DenseMap<size_t, SmallVector<NodeId, 2>> Known;
  DenseMap<Operation *, SmallVector<Instance *, 1>> Instances;
  std::deque<Instance> AllInstances;
};

// -- the kernel ------------------------------------------------------------------------------------------------------

/// A nest for this result alone; null when it cannot be read (reported).
std::unique_ptr<NestBuilder> nestFor(KernelPlan &Plan, Shapes &Shape, const Piece &P) {
  auto Sizes = Shape.of(P.Root);
  if (failed(Sizes)) return nullptr;
  for (bool Share : {true, false}) {
    auto B = std::make_unique<NestBuilder>(Plan, Shape, Share);
    if (failed(B->addRoot(P, B->addDims(*Sizes)))) return nullptr;
    if (B->N.DimExtents.size() >= MaxDims) break;
    if (B->finish()) return B;
  }
  emitError(P.Root.getLoc(), "kernel: reductions over dims that other reductions of the kernel keep");
  return nullptr;
}

/// Whether the result fits into the nest `Host`, and at which of its dims.
std::optional<SmallVector<unsigned>> placeIn(NestBuilder &Host, NestBuilder &Guest) {
  Extents Sizes = Guest.extentsOf(Guest.firstRootDims());
  bool Same = Guest.keptExtents() == Host.keptExtents();
  if (Sizes == Host.extentsOf(Host.firstRootDims()) && (Same || !Guest.N.hasReductions()))
    return SmallVector<unsigned>(Host.firstRootDims());
  if (Host.N.hasReductions() && Sizes == Host.keptExtents() && Same) return SmallVector<unsigned>(Host.N.Kept);
  return std::nullopt;
}

/// What is written to result `R`, in order: blocks put into what stands below them, where the result is `Alone`. Beside
/// others it is written at once, as they are, from whichever block a point lies in.
LogicalResult collectPieces(Shapes &Shape, Value Root, unsigned R, bool Alone, SmallVectorImpl<Piece> &Pieces) {
  SmallVector<tensor::InsertSliceOp> Blocks; // the last one first
  Value Below = Root;
  while (auto Insert = Alone ? Below.getDefiningOp<tensor::InsertSliceOp>() : nullptr) {
    Blocks.push_back(Insert);
    Below = Insert.getDest();
  }
  auto Sizes = Shape.of(Below);
  if (failed(Sizes)) return failure();
  Piece Whole;
  Whole.Result = R;
  Whole.ResultShape = *Sizes;
  if (Blocks.empty() || !Below.getDefiningOp<tensor::EmptyOp>()) {
    Pieces.push_back(Whole);
    Pieces.back().Root = Below;
    Pieces.back().At = Below.getDefiningOp() ? Below.getDefiningOp() : Below.getParentBlock()->getParentOp();
  }
  for (tensor::InsertSliceOp Insert : llvm::reverse(Blocks)) {
    Piece P = Whole;
    P.Root = Insert.getSource();
    P.At = Insert;
    if (cast<RankedTensorType>(P.Root.getType()).getRank() != Insert.getType().getRank())
      return Insert.emitError("kernel: a block of lower rank");
    for (auto [Offset, Stride] : llvm::zip(Insert.getMixedOffsets(), Insert.getMixedStrides())) {
      auto O = Shape.linear(Offset, Insert);
      auto S = getConstantIntValue(Stride);
      if (failed(O) || !S) return Insert.emitError("kernel: a block with a dynamic stride");
      P.Offsets.push_back(*O);
      P.Strides.push_back(*S);
    }
    Pieces.push_back(std::move(P));
  }
  return success();
}

void findInPlace(KernelPlan &Plan) {
  struct Use {
    SmallVector<std::pair<const Nest *, const Node *>, 1> Reads;
    bool Computed = false; ///< read at positions that are data
    unsigned Writers = 0;
  };
  std::vector<Use> Uses(Plan.Memory.size());
  for (const Nest &N : Plan.Nests) {
    for (const Node &X : N.Nodes) {
      if (X.Kind == Node::Kind::load) Uses[X.At.Memory].Reads.push_back({&N, &X});
      Uses[X.At.Memory].Computed |= X.Kind == Node::Kind::extract;
    }
    for (const Output &O : N.Outputs) ++Uses[O.At.Memory].Writers;
  }
  auto join = [&](unsigned I, const Nest &N) {
    for (const Output &O : N.Outputs) {
      if (Uses[O.At.Memory].Writers > 1 || !O.At.Offset.empty()) continue;
      if (Plan.Memory[O.At.Memory].Element.getIntOrFloatBitWidth() != Plan.Memory[I].Element.getIntOrFloatBitWidth())
        continue;
      bool Own = llvm::all_of(Uses[I].Reads, [&](auto &R) {
        return R.first == &N && R.second->At.Strides == O.At.Strides && R.second->At.Offset == O.At.Offset &&
               R.second->Operands.empty();
      });
      if (Own) Plan.InPlace.push_back({I, O.At.Memory - Plan.NumInputs});
    }
  };
  for (unsigned I = 0; I < Plan.NumInputs; ++I) {
    if (Uses[I].Computed) continue;
    if (!Uses[I].Reads.empty())
      join(I, *Uses[I].Reads.front().first);
    else
      for (const Nest &N : Plan.Nests) join(I, N);
  }
}

} // namespace

FailureOr<KernelPlan> planNests(func::FuncOp Kernel) {
  KernelPlan Plan;
  Shapes Shape(Kernel);
  for (BlockArgument Arg : Kernel.getArguments()) {
    if (Arg.getType().isIndex()) {
      ++Plan.NumSizes;
      continue;
    }
    auto Type = dyn_cast<RankedTensorType>(Arg.getType());
    if (!Type || Plan.NumSizes) return Kernel.emitError("kernel: arguments are tensors, then sizes");
    Plan.Memory.push_back({Type.getElementType(), Arg});
    ++Plan.NumInputs;
  }
  auto Return = cast<func::ReturnOp>(Kernel.getBody().front().getTerminator());
  Plan.NumResults = Return.getNumOperands();
  for (Value R : Return.getOperands())
    Plan.Memory.push_back({cast<RankedTensorType>(R.getType()).getElementType(), Value()});

  SmallVector<Piece, 1> Pieces;
  for (auto [R, Root] : llvm::enumerate(Return.getOperands()))
    if (failed(collectPieces(Shape, Root, static_cast<unsigned>(R), Plan.NumResults == 1, Pieces))) return failure();
  SmallVector<std::unique_ptr<NestBuilder>> Builders, Pending;
  for (const Piece &P : Pieces) {
    auto B = nestFor(Plan, Shape, P);
    if (!B) return failure();
    Pending.push_back(std::move(B));
  }
  // Blocks are written in their order, each by a nest of its own. Of the others, results with reductions found nests,
  // widest first, and the rest joins where it fits.
  bool Blocks = llvm::any_of(Pieces, [](const Piece &P) { return !P.Strides.empty(); });
  auto Order = llvm::to_vector(llvm::seq<size_t>(0, Pieces.size()));
  if (!Blocks)
    llvm::stable_sort(Order, [&](size_t X, size_t Y) {
      auto rank = [&](size_t I) {
        return std::pair(!Pending[I]->N.hasReductions(), -static_cast<int>(Pending[I]->firstRootDims().size()));
      };
      return rank(X) < rank(Y);
    });
  for (size_t I : Order) {
    bool Placed = false;
    for (auto &Host : Builders) {
      auto Dims = Blocks ? std::nullopt : placeIn(*Host, *Pending[I]);
      if (!Dims) continue;
      if (failed(Host->addRoot(Pieces[I], *Dims)) || !Host->finish())
        return Kernel.emitError("kernel: results whose reductions keep different dims");
      Placed = true;
      break;
    }
    if (!Placed) Builders.push_back(std::move(Pending[I]));
  }
  for (auto &B : Builders) Plan.Nests.push_back(std::move(B->N));
  findInPlace(Plan);
  for (Nest &N : Plan.Nests) collapseDims(N);
  return Plan;
}

} // namespace burin::codegen
