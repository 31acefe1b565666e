// The matrix product with few rows: memory bound, so the right operand is read once, in memory order, and never packed.
// KB rows of B x a few vectors are held in registers and applied to every row of sums, which stay in workspace, in L1.
#include "compiler/codegen/cpu/GemmProblem.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

constexpr int64_t Run = 256;     // terms of a sum before a total in two parts takes them: errors do not grow with K
constexpr int64_t MostRows = 16; // above, packing B pays (measured: 16 rows stream 1.6 times as fast, 64 rows slower)

struct Plan {
  int64_t Lanes, NV = 2, W;
  int64_t KB; ///< rows of B held at once
  int64_t NB; ///< columns of a block: a block's sums fit L1, its reads of B are long
};

Plan choosePlan(const MatmulProblem &P, const CpuTarget &T, Type Compute) {
  Plan Q;
  int64_t Bytes = Compute.getIntOrFloatBitWidth() / 8, N = std::max<int64_t>(P.N.isStatic() ? P.N.value() : 4096, 1);
  Q.Lanes = T.lanes(8 * Bytes);
  Q.W = Q.NV * Q.Lanes;
  Q.KB = T.NumVectorRegisters >= 32 ? 8 : 4;
  int64_t Most = std::max<int64_t>(T.L1Bytes / 2 / (Bytes * std::max<int64_t>(P.M.value(), 4)), 256);
  Q.NB = std::clamp<int64_t>((N + 7) / 8, 256, std::min<int64_t>(Most, 2048));
  Q.NB = (Q.NB + Q.W - 1) / Q.W * Q.W;
  return Q;
}

/// Products whose K may be long sum runs of it; integers lose nothing.
bool mayBeLong(const MatmulProblem &P, Type Compute) {
  return isa<FloatType>(Compute) && (!P.K.isStatic() || P.K.value() > Run);
}

class StreamedEmitter {
public:
  StreamedEmitter(KernelBuilder &Kernel, const MatmulProblem &P, const Plan &Q)
      : Kernel(Kernel), E(Kernel.E), P(P), Q(Q), Ops(Kernel, P), Compute(P.computeType(E.B.getContext())),
        Vector(E.vectorType(Compute, Q.Lanes)), M(P.M.value()) {
    for (unsigned I = 0; I < P.NumSizes; ++I) Sizes.push_back(Kernel.size(I));
    Ragged = !P.N.isStatic() || P.N.value() % Q.W != 0;
  }

  void emit() {
    bool MayBeLong = mayBeLong(P, Compute);
    Sums = ownWorkspace(Kernel, P, Sizes);
    Sums.Alignment = Q.Lanes * Compute.getIntOrFloatBitWidth() / 8;
    Totals = Lost = Sums;
    if (MayBeLong) {
      Long = E.less(E.index(Run), Ops.K);
      Totals.Base = E.address(Sums, E.index(M * Q.NB));
      Lost.Base = E.address(Sums, E.index(2 * M * Q.NB));
    }
    Value PerMatrix = E.max(E.ceilDiv(Ops.N, Q.NB), E.index(1));
    MatmulOperands All = Ops;
    E.loop(Kernel.begin(), Kernel.end(), 1, [&](Value Block) {
      Value Matrix = P.Batch.empty() ? E.index(0) : E.div(Block, PerMatrix);
      Ops = All.at(E, P, Sizes, Matrix);
      J0 = E.mul(E.sub(Block, E.mul(Matrix, PerMatrix)), Q.NB);
      Width = E.min(E.sub(Ops.N, J0), E.index(Q.NB));
      if (!MayBeLong) {
        terms(E.index(0), Ops.K);
        return finish();
      }
      E.when(Long, [&] { clear(Totals), clear(Lost); });
      E.loop(E.index(0), Ops.K, Run, [&](Value K) {
        terms(K, E.min(E.add(K, Run), Ops.K));
        E.when(Long, [&] { addToTotals(); });
      });
      E.when(E.equal(Ops.K, E.index(0)), [&] { clear(Sums); });
      finish();
    });
  }

private:
  KernelBuilder &Kernel;
  Emitter &E;
  const MatmulProblem &P;
  const Plan &Q;
  MatmulOperands Ops;
  SmallVector<Value> Sizes;
  Type Compute;
  VectorType Vector;
  int64_t M;
  bool Ragged;
  Buffer Sums, Totals, Lost;
  Value Long; ///< i1: there are totals; null where none can be
  Value J0, Width;

  void clear(const Buffer &Rows) {
    E.loop(E.index(0), E.index(M * Q.NB), Q.Lanes, [&](Value I) { E.storeVector(E.zero(Vector), Rows, I); });
  }
  /// Sums of the terms [K, End).
  void terms(Value K, Value End) {
    clear(Sums);
    Value Main = E.add(K, E.mul(E.div(E.sub(End, K), Q.KB), Q.KB));
    E.loop(K, Main, Q.KB, [&](Value K) { sweep(K, Q.KB); });
    if (!P.K.isStatic() || P.K.value() % Q.KB != 0) E.loop(Main, End, 1, [&](Value K) { sweep(K, 1); });
  }
  void addToTotals() {
    E.loop(E.index(0), E.index(M * Q.NB), Q.Lanes, [&](Value I) {
      auto [T, L] = E.addInTwoParts(E.loadVector(Vector, Totals, I), E.loadVector(Vector, Lost, I),
                                    E.loadVector(Vector, Sums, I));
      E.storeVector(T, Totals, I);
      E.storeVector(L, Lost, I);
    });
  }
  Value sum(Value I) {
    if (!Long) return E.loadVector(Vector, Sums, I);
    return E.choose(
        Long, ArrayRef<Type>(Vector),
        [&] { return Values{E.joinTwoParts(E.loadVector(Vector, Totals, I), E.loadVector(Vector, Lost, I))}; },
        [&] { return Values{E.loadVector(Vector, Sums, I)}; })[0];
  }

  // Rows [K, K + Rows) of B over the block's columns.
  void sweep(Value K, int64_t Rows) {
    Value JFull = Ragged ? E.mul(E.div(Width, Q.W), Q.W) : Width;
    E.loop(E.index(0), JFull, Q.W, [&](Value J) { tile(K, Rows, J, {}); });
    if (Ragged)
      E.when(E.less(JFull, Width), [&] {
        Values Masks;
        for (int64_t V = 0; V < Q.NV; ++V)
          Masks.push_back(E.laneMask(Q.Lanes, E.add(E.sub(Width, JFull), -V * Q.Lanes)));
        tile(K, Rows, JFull, Masks);
      });
  }

  void tile(Value K, int64_t Rows, Value J, ArrayRef<Value> Masks) {
    Value From = E.add(E.add(E.mul(K, Ops.N), J0), J);
    SmallVector<Values> Held(Rows);
    for (int64_t R = 0; R < Rows; ++R)
      for (int64_t V = 0; V < Q.NV; ++V) {
        Value At = E.add(E.add(From, E.mul(Ops.N, R)), V * Q.Lanes);
        Held[R].push_back(loadCompute(E, P, P.Rhs, Ops.B, At, Q.Lanes, Masks.empty() ? Value() : Masks[V]));
        if (Rows > 1) E.prefetch(Ops.B, E.add(At, E.mul(Ops.N, Rows)));
      }
    // A[r][k]: k is contiguous, or r is where lhs is stored [K, M].
    Value RowStride = P.LhsTransposed ? E.index(1) : Ops.K, KStride = P.LhsTransposed ? Ops.M : E.index(1);
    Buffer A = Ops.A;
    A.Base = E.address(A, E.mul(K, KStride));
    Buffer S = Sums;
    S.Base = E.address(S, J);
    auto row = [&](const Buffer &A, const Buffer &S) {
      Values X;
      for (int64_t V = 0; V < Q.NV; ++V) X.push_back(E.loadVector(Vector, S, E.index(V * Q.Lanes)));
      for (int64_t R = 0; R < Rows; ++R) {
        Value Element = E.splat(E.load(A, E.mul(KStride, R)), Q.Lanes);
        Element = toCompute(E, P, P.Lhs, Element);
        for (int64_t V = 0; V < Q.NV; ++V) X[V] = E.multiplyAdd(Element, Held[R][V], X[V]);
      }
      for (int64_t V = 0; V < Q.NV; ++V) E.storeVector(X[V], S, E.index(V * Q.Lanes));
    };
    if (M == 1) return row(A, S);
    E.loop(E.index(0), E.index(M), 1, {A.Base, S.Base}, [&](Value, ValueRange Carried) {
      Buffer RowA = A, RowS = S;
      RowA.Base = Carried[0];
      RowS.Base = Carried[1];
      row(RowA, RowS);
      return Values{E.address(RowA, RowStride), E.address(RowS, E.index(Q.NB))};
    });
  }

  void finish() {
    Value JFull = Ragged ? E.mul(E.div(Width, Q.Lanes), Q.Lanes) : Width;
    E.loop(E.index(0), E.index(M), 1, [&](Value R) {
      auto store = [&](Value J, Value Mask) {
        Value X = sum(E.add(E.mul(R, Q.NB), J));
        E.storeVector(toMemory(E, P, X), Ops.C, E.add(E.mul(R, Ops.N), E.add(J0, J)), Mask);
      };
      E.loop(E.index(0), JFull, Q.Lanes, [&](Value J) { store(J, Value()); });
      if (Ragged) E.when(E.less(JFull, Width), [&] { store(JFull, E.laneMask(Q.Lanes, E.sub(Width, JFull))); });
    });
  }
};

} // namespace

bool wantsStreamedMatmul(const MatmulProblem &P, const CpuTarget &) {
  return P.M.isStatic() && P.M.value() <= MostRows && !P.RhsTransposed;
}

/// Sums, and where K may be long totals in two parts.
Extents streamedWorkspace(const MatmulProblem &P, const CpuTarget &Target, MLIRContext *C) {
  Type Compute = P.computeType(C);
  int64_t Elements = P.M.value() * choosePlan(P, Target, Compute).NB * (mayBeLong(P, Compute) ? 3 : 1);
  // One row at least: a kernel's workspace is not empty, even of a product without rows.
  return {Extent::number(std::max<int64_t>(Elements, 1) * Compute.getIntOrFloatBitWidth() / 8)};
}

void emitStreamedMatmul(ModuleOp Module, StringRef Name, const MatmulProblem &P, const CpuTarget &Target) {
  Type Compute = P.computeType(Module.getContext());
  Plan Q = choosePlan(P, Target, Compute);
  auto block = [&](KernelBuilder &Kernel) { StreamedEmitter(Kernel, P, Q).emit(); };
  emitMatmulKernel(Module, Name, P, Target, block, [&](LaunchBuilder &Launch, ArrayRef<Value> Sizes) -> BlockCount {
    Emitter &E = Launch.E;
    Value Blocks = E.mul(emitBatch(E, P, Sizes), E.ceilDiv(emitSize(E, Sizes, P.N), Q.NB));
    constexpr int64_t BytesWorthAThread = 1 << 18;
    int64_t Bytes = Compute.getIntOrFloatBitWidth() / 8;
    Value BlockBytes = E.max(E.mul(emitSize(E, Sizes, P.K), Q.NB * Bytes), E.index(1));
    return {Blocks, E.add(E.div(E.index(BytesWorthAThread), BlockBytes), 1)};
  });
}

} // namespace burin::codegen::cpu
