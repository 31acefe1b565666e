// Arithmetic of linear forms and addresses, and the merging of dims that are walked as one.
#include "compiler/codegen/plan/KernelPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/STLExtras.h"

namespace burin::codegen {
using namespace mlir;

// -- linear forms, addresses -----------------------------------------------------------------------------------------

namespace {
template <class List> void addTerm(List &Terms, unsigned Key, int64_t Coefficient) {
  auto *It = llvm::find_if(Terms, [&](auto &T) { return T.first >= Key; });
  if (It != Terms.end() && It->first == Key) {
    if ((It->second += Coefficient) == 0) Terms.erase(It);
  } else if (Coefficient != 0) {
    Terms.insert(It, {Key, Coefficient});
  }
}
} // namespace

Linear Linear::times(int64_t N) const {
  if (N == 0) return {};
  Linear R = *this;
  R.Constant *= N;
  for (auto &T : R.Terms) T.second *= N;
  for (auto &T : R.SizeTerms) T.second *= N;
  return R;
}
Linear Linear::plus(const Linear &O) const {
  Linear R = *this;
  R.Constant += O.Constant;
  for (auto &T : O.Terms) addTerm(R.Terms, T.first, T.second);
  for (auto &T : O.SizeTerms) addTerm(R.SizeTerms, T.first, T.second);
  return R;
}
std::optional<unsigned> Linear::plainDim() const {
  if (Constant == 0 && SizeTerms.empty() && Terms.size() == 1 && Terms[0].second == 1) return Terms[0].first;
  return std::nullopt;
}
uint64_t Linear::dims() const {
  uint64_t M = 0;
  for (auto &T : Terms) M |= uint64_t(1) << T.first;
  return M;
}

Extent Address::stride(unsigned D) const {
  for (auto &S : Strides)
    if (S.first == D) return S.second;
  return Extent::number(0);
}
uint64_t Address::dims() const {
  uint64_t M = 0;
  for (auto &S : Strides) M |= uint64_t(1) << S.first;
  return M;
}

DenseElementsAttr MemoryDesc::constant() const {
  auto Op = Tensor ? Tensor.getDefiningOp<arith::ConstantOp>() : arith::ConstantOp();
  return Op ? dyn_cast<DenseElementsAttr>(Op.getValue()) : DenseElementsAttr();
}

uint64_t Nest::keptMask() const {
  uint64_t M = 0;
  for (unsigned D : Kept) M |= uint64_t(1) << D;
  return M;
}
bool Nest::hasReductions() const {
  return llvm::any_of(Nodes, [](const Node &N) { return N.Kind == Node::Kind::reduction; });
}

// -- collapsing ------------------------------------------------------------------------------------------------------

void collapseDims(Nest &N) {
  SmallVector<SmallVectorImpl<unsigned> *> Lists{&N.Kept};
  SmallVector<Address *> Addresses;
  SmallVector<Linear *> Indices;
  for (Node &X : N.Nodes) {
    if (X.Kind == Node::Kind::reduction) Lists.push_back(&X.Reduced);
    if (X.Kind == Node::Kind::load) Addresses.push_back(&X.At);
    if (X.Kind == Node::Kind::index || X.Kind == Node::Kind::inside) Indices.push_back(&X.Index);
  }
  for (Output &O : N.Outputs) {
    Lists.push_back(&O.Inner);
    Addresses.push_back(&O.At);
  }
  auto remove = [&](unsigned D) {
    for (auto *L : Lists) llvm::erase(*L, D);
    for (Address *A : Addresses) llvm::erase_if(A->Strides, [&](auto &S) { return S.first == D; });
    for (Linear *L : Indices) llvm::erase_if(L->Terms, [&](auto &T) { return T.first == D; });
    for (Node &X : N.Nodes) X.Dims &= ~(uint64_t(1) << D);
  };
  for (unsigned D = 0; D < N.DimExtents.size(); ++D)
    if (N.DimExtents[D].is(1)) remove(D);

  auto mergeable = [&](unsigned A, unsigned B) {
    for (auto *L : Lists) {
      auto *At = llvm::find(*L, A);
      bool HasB = llvm::is_contained(*L, B);
      if (At == L->end() ? HasB : (At + 1 == L->end() || At[1] != B)) return false;
    }
    for (Address *X : Addresses)
      if (!(X->stride(A) == X->stride(B).times(N.DimExtents[B]))) return false;
    for (Linear *L : Indices)
      if (L->dims() & (uint64_t(1) << A | uint64_t(1) << B)) return false;
    return true;
  };
  for (size_t LI = 0; LI < Lists.size(); ++LI)
    for (size_t I = Lists[LI]->size(); I-- > 1;) {
      unsigned A = (*Lists[LI])[I - 1], B = (*Lists[LI])[I];
      if (!mergeable(A, B)) continue;
      N.DimExtents[B] = N.DimExtents[A].times(N.DimExtents[B]);
      for (Node &X : N.Nodes)
        if (X.Dims >> A & 1) X.Dims |= uint64_t(1) << B;
      remove(A);
    }
}

} // namespace burin::codegen
