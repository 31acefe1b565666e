// Loop nests, point by point. At each point of the kept dims reductions are evaluated in order, then what is written at
// inner points, then what is written once; all that is written at one point is known before any of it is, as kernels that
// write over their inputs need.
#include "compiler/codegen/null/Evaluate.h"
#include "compiler/codegen/null/Scalars.h"

#include <map>

namespace burin::codegen::null {
using namespace mlir;

namespace {

class NestWalker {
public:
  NestWalker(const KernelPlan &Plan, const Nest &N, ArrayRef<void *> Memory, ArrayRef<int64_t> Sizes)
      : Plan(Plan), N(N), Memory(Memory), Sizes(Sizes), Iv(N.DimExtents.size(), 0), Known(N.Nodes.size()) {}

  LogicalResult run() {
    return walk(N.Kept, [&] { return point(); });
  }

private:
  int64_t value(const Extent &X) const {
    int64_t V = X.Coefficient;
    for (unsigned K : X.Sizes) V *= Sizes[K];
    return V;
  }
  int64_t value(const Linear &L) const {
    int64_t V = L.Constant;
    for (auto [D, C] : L.Terms) V += C * Iv[D];
    for (auto [K, C] : L.SizeTerms) V += C * Sizes[K];
    return V;
  }
  int64_t value(const Address &A) const {
    int64_t V = 0;
    for (const Extent &X : A.Offset) V += value(X);
    for (auto &[D, Stride] : A.Strides) V += Iv[D] * value(Stride);
    return V;
  }
  std::pair<int64_t, int64_t> bounds(unsigned D) const {
    int64_t All = value(N.DimExtents[D]);
    if (N.SplitDim != D) return {0, All};
    int64_t Length = Sizes[*N.ChunkLength], First = Iv[*N.ChunkDim] * Length;
    return {First, std::min(First + Length, All)};
  }
  LogicalResult walk(ArrayRef<unsigned> Dims, function_ref<LogicalResult()> Body) {
    if (Dims.empty()) return Body();
    auto [First, End] = bounds(Dims[0]);
    for (Iv[Dims[0]] = First; Iv[Dims[0]] < End; ++Iv[Dims[0]])
      if (failed(walk(Dims.drop_front(), Body))) return failure();
    return success();
  }

  /// What has to be computed for a node, operands first; reductions are known already.
  ArrayRef<NodeId> needed(NodeId Root) {
    auto [At, New] = Lists.try_emplace(Root);
    if (!New) return At->second;
    SmallVector<bool> Mark(N.Nodes.size(), false);
    Mark[Root] = true;
    for (size_t I = Root + 1; I-- > 0;) {
      if (!Mark[I] || N.Nodes[I].Kind == Node::Kind::reduction) continue;
      At->second.push_back(static_cast<NodeId>(I));
      for (NodeId O : N.Nodes[I].Operands) Mark[O] = true;
    }
    std::reverse(At->second.begin(), At->second.end());
    return At->second;
  }

  LogicalResult compute(const Node &X, Scalar &To) {
    SmallVector<Scalar, 4> In;
    for (NodeId O : X.Operands) In.push_back(Known[O]);
    switch (X.Kind) {
    case Node::Kind::constant:
      To = fromAttribute(X.Constant);
      return success();
    case Node::Kind::index:
      To = {value(X.Index), 0};
      return success();
    case Node::Kind::inside: {
      int64_t At = value(X.Index);
      To = {At >= 0 && At < value(X.Size), 0};
      return success();
    }
    case Node::Kind::choose:
      To = inBox(X) ? In[0] : In[1];
      return success();
    case Node::Kind::load:
      To = inBox(X) ? read(X.At.Memory, value(X.At)) : In[0];
      return success();
    case Node::Kind::extract: {
      int64_t At = value(X.At);
      for (auto [I, Stride] : llvm::zip(In, X.ExtractStrides)) At += I.I * value(Stride);
      To = read(X.At.Memory, At);
      return success();
    }
    case Node::Kind::compute: {
      if (X.Result) return X.Op->emitError("is no scalar op that the null target evaluates");
      auto Made = evaluateScalar(X.Op, In);
      if (succeeded(Made)) To = *Made;
      return Made;
    }
    case Node::Kind::reduction:
      return success();
    }
    return failure();
  }
  bool inBox(const Node &X) const {
    return llvm::all_of(X.conditions(), [&](NodeId C) { return Known[C].I != 0; });
  }
  Scalar read(unsigned At, int64_t Index) {
    const MemoryDesc &M = Plan.Memory[At];
    auto Elements = M.constant();
    if (!Elements) return readElement(Memory[At], M.Element, Index);
    if (Elements.isSplat()) Index = 0;
    if (isa<FloatType>(M.Element)) return {0, (*(Elements.value_begin<llvm::APFloat>() + Index)).convertToDouble()};
    return fromAttribute(IntegerAttr::get(M.Element, *(Elements.value_begin<llvm::APInt>() + Index)));
  }
  FailureOr<Scalar> evaluate(NodeId Root) {
    for (NodeId I : needed(Root))
      if (failed(compute(N.Nodes[I], Known[I]))) return failure();
    return Known[Root];
  }

  LogicalResult point() {
    for (auto [Id, X] : llvm::enumerate(N.Nodes)) {
      if (X.Kind != Node::Kind::reduction) continue;
      Scalar Total = fromAttribute(X.Constant);
      auto Combine = [&]() -> LogicalResult {
        auto V = evaluate(X.Operands[0]);
        if (failed(V)) return failure();
        auto Next = evaluateScalar(X.Op, {Total, *V});
        if (failed(Next)) return failure();
        Total = *Next;
        return success();
      };
      if (failed(walk(X.Reduced, Combine))) return failure();
      Known[Id] = Total;
    }
    // Outputs over the same inner dims are written together; those without come last.
    std::map<SmallVector<unsigned, 2>, SmallVector<const Output *>> Passes;
    for (const Output &O : N.Outputs) Passes[O.Inner].push_back(&O);
    SmallVector<const Output *> Once = Passes[{}];
    SmallVector<Scalar> Values;
    if (failed(evaluateAll(Once, Values))) return failure();
    for (auto &[Inner, Outputs] : Passes) {
      if (Inner.empty()) continue;
      auto Write = [&]() -> LogicalResult {
        SmallVector<Scalar> Made;
        if (failed(evaluateAll(Outputs, Made))) return failure();
        write(Outputs, Made);
        return success();
      };
      if (failed(walk(Inner, Write))) return failure();
    }
    write(Once, Values);
    return success();
  }
  LogicalResult evaluateAll(ArrayRef<const Output *> Outputs, SmallVectorImpl<Scalar> &Values) {
    for (const Output *O : Outputs) {
      auto V = evaluate(O->Value);
      if (failed(V)) return failure();
      Values.push_back(*V);
    }
    return success();
  }
  void write(ArrayRef<const Output *> Outputs, ArrayRef<Scalar> Values) {
    for (auto [O, V] : llvm::zip(Outputs, Values))
      writeElement(Memory[O->At.Memory], Plan.Memory[O->At.Memory].Element, value(O->At), V);
  }

  const KernelPlan &Plan;
  const Nest &N;
  ArrayRef<void *> Memory;
  ArrayRef<int64_t> Sizes;
  SmallVector<int64_t> Iv;
  SmallVector<Scalar, 0> Known;
  std::map<NodeId, SmallVector<NodeId>> Lists;
};

} // namespace

LogicalResult evaluateNests(const KernelPlan &Plan, const Machine &M) {
  SmallVector<int64_t> Sizes(M.Sizes.begin(), M.Sizes.end());
  for (const Chunking &C : Plan.Chunkings) {
    int64_t Length = C.Length.Coefficient;
    for (unsigned K : C.Length.Sizes) Length *= M.Sizes[K];
    int64_t Chunk = std::max((Length + C.MaxChunks - 1) / C.MaxChunks, C.MinChunk);
    Chunk = (Chunk + C.Alignment - 1) / C.Alignment * C.Alignment;
    Sizes.append({(Length + Chunk - 1) / Chunk, Chunk});
  }
  const size_t Own =
      Plan.NumInputs + Plan.NumResults; // the kernel's buffers; then comes the workspace, constants have none
  SmallVector<void *> Memory;
  for (const MemoryDesc &D : Plan.Memory)
    Memory.push_back(D.Workspace           ? static_cast<char *>(M.Buffers[Own]) + D.Offset
                     : Memory.size() < Own ? M.Buffers[Memory.size()]
                                           : nullptr);
  for (const Nest &N : Plan.Nests)
    if (failed(NestWalker(Plan, N, Memory, Sizes).run())) return failure();
  return success();
}

} // namespace burin::codegen::null
