// The blocked matrix product: B is packed into panels [k][NR] that stay in L2, A into a micro-panel that stays in L1,
// and one register tile of MR x NR accumulators runs over k (Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", 2008). One k loop serves every shape: ragged tiles leave through a small tile in
// workspace. So sizes may be operands, there are no masks in the hot path, and there is one body to compile.
#include "compiler/codegen/cpu/GemmProblem.h"

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

int64_t ceilDiv(int64_t A, int64_t B) { return (A + B - 1) / B; }
int64_t roundUp(int64_t A, int64_t B) { return ceilDiv(A, B) * B; }

/// Sizes of blocks; a choice of speed, not of results (but KC, which fixes the order of summation).
struct Plan {
  int64_t Lanes, MR, NV, NR;
  int64_t KC = -1;          ///< k block; -1: all of K at once, K being an operand
  int64_t NC;               ///< columns packed at once
  bool OneKBlock = false;   ///< known when compiling
  bool PackB = true;        ///< else panels are read where they are: k rows, N apart
  bool MayBeLong = false;   ///< there may be so many k blocks that sums need two parts
  bool InterleaveA = false; ///< A's micro-panel is [k][MRPadded], else [MR][KC + pad]

  static constexpr int64_t ManyBlocks = 64; ///< of k; up to here a plain sum of blocks is as accurate as a block
  static constexpr int64_t Run = 256;       ///< terms that one accumulator sums
  static constexpr int64_t LongRows =
      256; ///< of C, about, at a time where sums need two parts; B is packed for each anew

  int64_t paddedMR() const { return roundUp(MR, Lanes); }
  int64_t longTiles() const { return ceilDiv(LongRows, MR); }
  int64_t rowStrideA() const { return roundUp(KC, Lanes) + 16; } // + 16: rows of a power-of-two KC would collide in L1
};

/// Rows of the register tile: all that registers hold, less what the last tile of M rows would waste.
int64_t chooseRows(const MatmulProblem &P, const CpuTarget &T, bool Fma, int64_t NV) {
  int64_t Accumulators = T.NumVectorRegisters - NV - (Fma ? 1 : 2); // B vectors, the broadcast, the product
  int64_t Most = std::min<int64_t>(Accumulators / NV, T.NumVectorRegisters >= 32 ? 14 : 6);
  if (!P.M.isStatic()) return std::min<int64_t>(Most, 8); // batches are powers of two, or one row: waste less
  // A tile costs its multiply-adds, and loads that hide behind them less well where two start in each cycle; fewer chains
  // than the units' latency leave them idle. Measured on Zen 4: 8 x 32 and 14 x 32 run alike, what M wastes decides.
  double Overhead = T.VectorFmasPerCycle > 1 ? 1.0 : 0.1;
  int64_t M = std::max<int64_t>(P.M.value(), 1), Best = Most;
  double BestCost = 1e30;
  for (int64_t R = Most; R >= 1; --R)
    if (double Cost = ceilDiv(M, R) * (std::max<double>(R * NV, 8) + Overhead); Cost < BestCost)
      Best = R, BestCost = Cost;
  return Best;
}

/// Few rows use a panel too seldom to pay for packing it. Rows of B must be near enough for the TLB, and a panel of them
/// must not fall on a few sets of L2. Measured on Zen 4: 1.10 times as fast at 32 x 512 x 1024, 1.02 at 512 cubed, 0.99
/// at 1024 cubed.
bool readsInPlace(const MatmulProblem &P, const CpuTarget &T, const Plan &Q, int64_t Bytes) {
  bool Converts = P.Rhs != P.Accumulator;
  if (P.RhsTransposed || Converts || !P.M.isStatic() || !P.N.isStatic() || P.N.value() % Q.NR != 0) return false;
  int64_t Most = T.L2Bytes >= (1 << 20) ? 1 << 18 : 1 << 15;
  return P.N.value() * Bytes <= 4096 && P.M.value() * P.N.value() <= Most;
}

Plan choosePlan(const MatmulProblem &P, const CpuTarget &T, Type Compute) {
  Plan Q;
  int64_t Bytes = Compute.getIntOrFloatBitWidth() / 8;
  Q.Lanes = T.lanes(8 * Bytes);
  Q.NV = P.N.isStatic() && P.N.value() <= Q.Lanes ? 1 : 2;
  Q.NR = Q.NV * Q.Lanes;
  Q.MR = chooseRows(P, T, T.Fma && isa<FloatType>(Compute), Q.NV);

  int64_t MostK = 1024 / Bytes; // a panel of B and one of A fit L1 together, about
  if (P.K.isStatic()) {
    int64_t K = std::max<int64_t>(P.K.value(), 1);
    int64_t Blocks = P.roundsOnStore() ? 1 : ceilDiv(K, MostK);
    Q.KC = ceilDiv(K, Blocks);
    if (P.RhsTransposed || P.LhsTransposed) Q.KC = roundUp(Q.KC, Q.Lanes); // whole tiles to transpose
    Q.OneKBlock = Blocks == 1;
  } else if (P.roundsOnStore()) {
    Q.OneKBlock = true;
  } else {
    Q.KC = MostK;
  }
  Q.MayBeLong =
      isa<FloatType>(Compute) && !Q.OneKBlock && (!P.K.isStatic() || ceilDiv(P.K.value(), Q.KC) > Q.ManyBlocks);
  Q.InterleaveA = P.LhsTransposed || Q.KC < 0 || Q.KC > 2 * MostK;

  Q.PackB = !readsInPlace(P, T, Q, Bytes);

  int64_t KForSpace = Q.KC < 0 ? 1024 : Q.KC;
  int64_t Most = std::clamp<int64_t>(T.L2Bytes / 2 / (KForSpace * Bytes) / Q.NR, 1, 1024 / Q.NR) * Q.NR;
  Q.NC = Most;
  if (P.N.isStatic()) {
    int64_t N = std::max<int64_t>(P.N.value(), 1);
    Q.NC = roundUp(ceilDiv(N, ceilDiv(N, Most)), Q.NR);
  }
  return Q;
}

/// What a worker packs, its tile, and what long sums lost, in bytes. A transposing pack may write Lanes - 1 rows too many.
Extents workspace(const MatmulProblem &P, const Plan &Q, Type Compute) {
  int64_t Bytes = Compute.getIntOrFloatBitWidth() / 8, K = std::max<int64_t>(Q.KC, 1);
  int64_t SizeB = Q.PackB ? roundUp(K * Q.NC + Q.Lanes * Q.NR, 64) : 0;
  int64_t SizeA = roundUp(Q.InterleaveA ? (K + Q.Lanes) * Q.paddedMR() : Q.MR * Q.rowStrideA(), 64);
  int64_t Known = SizeB + SizeA + roundUp(Q.MR * Q.NR, 64);
  if (Q.MayBeLong) Known += Q.longTiles() * Q.MR * Q.NC;
  Extents Sum{Extent::number(Known * Bytes)};
  if (Q.KC < 0) // as many rows as K has; what is rounded up adds less than one to the row above
    Sum = {Extent::number((Known + 128) * Bytes), P.K.times((Q.NC + Q.paddedMR()) * Bytes)};
  return Sum;
}

/// Lanes rows of Lanes elements, transposed by log2(Lanes) rounds of perfect shuffles.
void transposeTile(Emitter &E, Values &Rows) {
  int64_t L = Rows.size();
  SmallVector<int32_t> Low, High;
  for (int64_t I = 0; I < L / 2; ++I) {
    Low.append({static_cast<int32_t>(I), static_cast<int32_t>(L + I)});
    High.append({static_cast<int32_t>(L / 2 + I), static_cast<int32_t>(L + L / 2 + I)});
  }
  for (int64_t Round = 1; Round < L; Round *= 2) {
    Values Next(L);
    for (int64_t I = 0; I < L / 2; ++I) {
      Next[2 * I] = LLVM::ShuffleVectorOp::create(E.B, Rows[I], Rows[I + L / 2], Low);
      Next[2 * I + 1] = LLVM::ShuffleVectorOp::create(E.B, Rows[I], Rows[I + L / 2], High);
    }
    Rows = Next;
  }
}

class BlockedEmitter {
public:
  BlockedEmitter(KernelBuilder &Kernel, const MatmulProblem &P, const Plan &Q)
      : Kernel(Kernel), E(Kernel.E), P(P), Q(Q), Ops(Kernel, P), Compute(P.computeType(E.B.getContext())),
        Vector(E.vectorType(Compute, Q.Lanes)) {
    for (unsigned I = 0; I < P.NumSizes; ++I) Sizes.push_back(Kernel.size(I));
    NRagged = !P.N.isStatic() || P.N.value() % Q.NR != 0;
    MRagged = !P.M.isStatic() || P.M.value() % Q.MR != 0;
  }

  void emit() {
    Tiles = E.ceilDiv(Ops.M, Q.MR);
    Value Columns = E.ceilDiv(Ops.N, Q.NC);
    KCap = Q.KC > 0 ? E.index(Q.KC) : E.max(Ops.K, E.index(1));
    openWorkspace();
    if (P.Batch.empty()) return columns(Kernel.begin(), Kernel.end());
    Value PerMatrix = E.max(E.mul(Tiles, Columns), E.index(1));
    MatmulOperands All = Ops;
    Value Last = E.div(E.add(Kernel.end(), E.add(PerMatrix, -1)), PerMatrix);
    E.loop(E.div(Kernel.begin(), PerMatrix), Last, 1, [&](Value Matrix) {
      Ops = All.at(E, P, Sizes, Matrix);
      Value Base = E.mul(Matrix, PerMatrix);
      columns(E.max(E.sub(Kernel.begin(), Base), E.index(0)), E.min(E.sub(Kernel.end(), Base), PerMatrix));
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
  bool NRagged, MRagged;
  Value Tiles, KCap;
  Buffer PackedA, PackedB, Tile;
  // Where K is long, C holds totals, and Lost what their roundings lost, for the rows and columns at hand.
  Buffer Lost;
  Value Long, FirstRow, FirstColumn;

  void openWorkspace() {
    int64_t Bytes = Compute.getIntOrFloatBitWidth() / 8;
    auto align = [&](Value V) { return E.mul(E.ceilDiv(V, 64), 64); };
    Value SizeB = E.index(0);
    if (Q.PackB) SizeB = align(E.add(E.mul(KCap, Q.NC), Q.Lanes * Q.NR)); // workspace() says the same
    Value SizeA = align(Q.InterleaveA ? E.mul(E.add(KCap, Q.Lanes), Q.paddedMR()) : E.index(Q.MR * Q.rowStrideA()));
    Buffer All = ownWorkspace(Kernel, P, Sizes);
    All.Alignment = Q.Lanes * Bytes;
    PackedB = PackedA = Tile = Lost = All;
    PackedA.Base = E.address(All, SizeB);
    Tile.Base = E.address(All, E.add(SizeB, SizeA));
    if (!Q.MayBeLong) return;
    Long = E.less(E.index(Q.ManyBlocks * Q.KC), Ops.K);
    Lost.Base = E.address(Tile, E.index(roundUp(Q.MR * Q.NR, 64)));
  }

  // Blocks [Lo, Hi) of one matrix: column blocks, and in each a run of row tiles.
  void columns(Value Lo, Value Hi) {
    Value PerColumn = E.max(Tiles, E.index(1));
    Value End = E.div(E.add(Hi, E.add(PerColumn, -1)), PerColumn);
    E.loop(E.div(Lo, PerColumn), End, 1, [&](Value Column) {
      Value Base = E.mul(Column, PerColumn), J = E.mul(Column, Q.NC);
      Value JEnd = E.min(E.add(J, Q.NC), Ops.N);
      Value T0 = E.max(E.sub(Lo, Base), E.index(0)), T1 = E.min(E.sub(Hi, Base), PerColumn);
      if (Q.OneKBlock) return kBlock(J, JEnd, T0, T1, E.index(0), Ops.K);
      if (!Q.MayBeLong) return kBlocks(J, JEnd, T0, T1);
      Value Strip = E.select(Long, E.index(Q.longTiles()), E.max(E.sub(T1, T0), E.index(1)));
      FirstColumn = J;
      E.loop(T0, T1, Strip, ValueRange{}, [&](Value First, ValueRange) {
        FirstRow = E.mul(First, Q.MR);
        Value Zeros = E.select(Long, E.index(Q.longTiles() * Q.MR * Q.NC), E.index(0));
        E.loop(E.index(0), Zeros, Q.Lanes, [&](Value I) { E.storeVector(E.zero(Vector), Lost, I); });
        kBlocks(J, JEnd, First, E.min(E.add(First, Strip), T1));
        return Values{};
      });
    });
  }

  void kBlocks(Value J, Value JEnd, Value T0, Value T1) {
    Value Step = E.index(Q.KC);
    if (!P.K.isStatic()) { // blocks of equal size, known here only; at least one, so that K = 0 stores zeros
      Value Blocks = E.ceilDiv(E.max(Ops.K, E.index(1)), Q.KC);
      Step = E.max(E.div(E.add(Ops.K, E.add(Blocks, -1)), Blocks), E.index(1));
    }
    E.loop(E.index(0), E.max(Ops.K, E.index(1)), Step, ValueRange{}, [&](Value Pc, ValueRange) {
      kBlock(J, JEnd, T0, T1, Pc, E.min(E.sub(Ops.K, Pc), Step));
      return Values{};
    });
  }

  void kBlock(Value J, Value JEnd, Value T0, Value T1, Value Pc, Value Kc) {
    if (P.RhsTransposed)
      packTransposed(P.Rhs, Ops.B, Ops.K, J, JEnd, Ops.N, Pc, Kc, PackedB, Q.NR, E.mul(KCap, Q.NR));
    else if (Q.PackB)
      packRowsOfB(J, JEnd, Pc, Kc);
    E.loop(T0, T1, 1, [&](Value T) {
      Value I = E.mul(T, Q.MR);
      if (P.LhsTransposed)
        packColumnsOfA(I, Pc, Kc);
      else if (Q.InterleaveA)
        packTransposed(P.Lhs, Ops.A, Ops.K, I, E.add(I, Q.paddedMR()), Ops.M, Pc, Kc, PackedA, Q.paddedMR(), Value());
      else
        packRowsOfA(I, Pc, Kc);
      E.loop(J, JEnd, Q.NR, [&](Value Column) {
        Value B0 = Q.PackB ? E.mul(E.sub(Column, J), KCap) : E.add(E.mul(Pc, Ops.N), Column);
        microTile(I, Column, B0, Pc, Kc);
      });
    });
  }

  // -- packing ---------------------------------------------------------------------------------------------------
  // B[Pc.., J..JEnd) -> panels [panel][k][NR]. Rows are the outer loop: B is read in long runs (hardware prefetch, few
  // TLB misses), the destination is in cache. Columns beyond N are zero.
  void packRowsOfB(Value J, Value JEnd, Value Pc, Value Kc) {
    Value JFull = NRagged ? E.add(J, E.mul(E.div(E.sub(JEnd, J), Q.NR), Q.NR)) : JEnd;
    auto copy = [&](Value K, int64_t Rows) {
      auto panel = [&](Value Column, ArrayRef<Value> Masks) {
        Value To = E.add(E.mul(E.sub(Column, J), KCap), E.mul(K, Q.NR));
        for (int64_t R = 0; R < Rows; ++R) {
          Value From = E.add(E.mul(E.add(E.add(Pc, K), R), Ops.N), Column);
          for (int64_t V = 0; V < Q.NV; ++V)
            E.storeVector(
                loadCompute(E, P, P.Rhs, Ops.B, E.add(From, V * Q.Lanes), Q.Lanes, Masks.empty() ? Value() : Masks[V]),
                PackedB, E.add(To, R * Q.NR + V * Q.Lanes));
        }
      };
      E.loop(J, JFull, Q.NR, [&](Value Column) { panel(Column, {}); });
      if (NRagged)
        E.when(E.less(JFull, JEnd), [&] {
          Values Masks;
          for (int64_t V = 0; V < Q.NV; ++V)
            Masks.push_back(E.laneMask(Q.Lanes, E.add(E.sub(JEnd, JFull), -V * Q.Lanes)));
          panel(JFull, Masks);
        });
    };
    bool Odd = !P.K.isStatic() || P.K.value() % 2 != 0 || Q.KC % 2 != 0;
    Value KEven = Odd ? E.mul(E.div(Kc, 2), 2) : Kc;
    E.loop(E.index(0), KEven, 2, [&](Value K) { copy(K, 2); });
    if (Odd) E.when(E.less(KEven, Kc), [&] { copy(KEven, 1); });
  }

  // Rows of A -> [MR][KC + pad], each contiguous: the micro-tile broadcasts scalars from constant displacements. Rows
  // beyond M repeat the last one (their results are dropped).
  void packRowsOfA(Value I, Value Pc, Value Kc) {
    Value KFull = E.mul(E.div(Kc, Q.Lanes), Q.Lanes);
    bool KRagged = !P.K.isStatic() || P.K.value() % Q.Lanes != 0 || Q.KC % Q.Lanes != 0;
    Value Mask = KRagged ? E.laneMask(Q.Lanes, E.sub(Kc, KFull)) : Value();
    E.loop(E.index(0), E.index(Q.MR), 1, [&](Value R) {
      Value Row = E.add(I, R);
      if (MRagged) Row = E.min(Row, E.add(Ops.M, -1));
      Value From = E.add(E.mul(Row, Ops.K), Pc), To = E.mul(R, Q.rowStrideA());
      E.loop(E.index(0), KFull, Q.Lanes, [&](Value K) {
        E.storeVector(loadCompute(E, P, P.Lhs, Ops.A, E.add(From, K), Q.Lanes), PackedA, E.add(To, K));
      });
      if (KRagged)
        E.when(E.less(KFull, Kc), [&] {
          E.storeVector(loadCompute(E, P, P.Lhs, Ops.A, E.add(From, KFull), Q.Lanes, Mask), PackedA, E.add(To, KFull));
        });
    });
  }

  // A as stored [K, M]: row k of the panel is contiguous there.
  void packColumnsOfA(Value I, Value Pc, Value Kc) {
    int64_t Vectors = Q.paddedMR() / Q.Lanes;
    Values Masks;
    for (int64_t V = 0; V < Vectors; ++V)
      Masks.push_back(E.laneMask(Q.Lanes, E.add(E.min(E.sub(Ops.M, I), E.index(Q.MR)), -V * Q.Lanes)));
    E.loop(E.index(0), Kc, 1, [&](Value K) {
      Value From = E.add(E.mul(E.add(Pc, K), Ops.M), I);
      for (int64_t V = 0; V < Vectors; ++V)
        E.storeVector(loadCompute(E, P, P.Lhs, Ops.A, E.add(From, V * Q.Lanes), Q.Lanes, Masks[V]), PackedA,
                      E.add(E.mul(K, Q.paddedMR()), V * Q.Lanes));
    });
  }

  // Rows [First, End) of a matrix with `Stride` elements a row, columns [Pc, Pc + Kc) -> panels [k][Width], `PanelStride`
  // apart: tiles of Lanes x Lanes. Rows from Limit on repeat row Limit - 1.
  void packTransposed(Dtype D, const Buffer &From, Value Stride, Value First, Value End, Value Limit, Value Pc,
                      Value Kc, const Buffer &To, int64_t Width, Value PanelStride) {
    Value KFull = E.mul(E.div(Kc, Q.Lanes), Q.Lanes);
    bool KRagged = !P.K.isStatic() || P.K.value() % Q.Lanes != 0 || Q.KC % Q.Lanes != 0;
    E.loop(First, End, Q.Lanes, [&](Value Row) {
      Value Offset = E.sub(Row, First);
      Value Base = Offset;
      if (PanelStride) Base = E.add(E.mul(E.div(Offset, Width), PanelStride), E.rem(Offset, Width));
      SmallVector<Value> Starts;
      for (int64_t R = 0; R < Q.Lanes; ++R)
        Starts.push_back(E.add(E.mul(E.min(E.add(Row, R), E.add(Limit, -1)), Stride), Pc));
      auto tile = [&](Value K, Value TileMask) {
        Values Rows;
        for (Value Start : Starts) Rows.push_back(loadCompute(E, P, D, From, E.add(Start, K), Q.Lanes, TileMask));
        transposeTile(E, Rows);
        for (auto [R, V] : llvm::enumerate(Rows)) E.storeVector(V, To, E.add(E.add(Base, E.mul(K, Width)), R * Width));
      };
      E.loop(E.index(0), KFull, Q.Lanes, [&](Value K) { tile(K, Value()); });
      if (KRagged) E.when(E.less(KFull, Kc), [&] { tile(KFull, E.laneMask(Q.Lanes, E.sub(Kc, KFull))); });
    });
  }

  // -- the register tile -----------------------------------------------------------------------------------------
  /// Sums of `Count` terms, and the two pointers behind them: they are carried, so that every address in the loop is a
  /// register and a constant.
  Values terms(Value FromA, Value FromB, Value Count) {
    int64_t RowStride = Q.InterleaveA ? 1 : Q.rowStrideA(), KStride = Q.InterleaveA ? Q.paddedMR() : 1;
    Values Init(Q.MR * Q.NV, E.zero(Vector));
    Init.push_back(FromA);
    Init.push_back(FromB);
    return E.loop(E.index(0), Count, 1, Init, [&](Value, ValueRange Carried) {
      Values Sum(Carried.begin(), Carried.end());
      Buffer A = PackedA, B = Q.PackB ? PackedB : Ops.B;
      B.Base = Sum.pop_back_val();
      A.Base = Sum.pop_back_val();
      Values Columns;
      for (int64_t V = 0; V < Q.NV; ++V) Columns.push_back(E.loadVector(Vector, B, E.index(V * Q.Lanes)));
      for (int64_t R = 0; R < Q.MR; ++R) {
        Value Element = E.splat(E.load(A, E.index(R * RowStride)), Vector);
        for (int64_t V = 0; V < Q.NV; ++V) Sum[R * Q.NV + V] = E.multiplyAdd(Element, Columns[V], Sum[R * Q.NV + V]);
      }
      Sum.push_back(E.address(A, E.index(KStride)));
      Sum.push_back(E.address(B, Q.PackB ? E.index(Q.NR) : Ops.N));
      return Sum;
    });
  }

  Values accumulate(Value B0, Value Kc) {
    Value A = PackedA.Base, B = E.address(Q.PackB ? PackedB : Ops.B, B0);
    // One block of all K is summed a run at a time, in two parts.
    bool Runs = Q.OneKBlock && isa<FloatType>(Compute) && (!P.K.isStatic() || P.K.value() > 2 * Q.Run);
    Values First = terms(A, B, Runs ? E.min(Kc, E.index(Q.Run)) : Kc);
    size_t Count = First.size() - 2;
    Values Sum(First.begin(), First.end() - 2);
    if (!Runs) return Sum;
    auto rest = [&] {
      Values Init = Sum;
      Init.append(Count, E.zero(Vector));
      Init.append(First.end() - 2, First.end());
      Values Final = E.loop(E.index(Q.Run), Kc, Q.Run, Init, [&](Value K, ValueRange Carried) {
        Values Next(Carried),
            More = terms(Carried[2 * Count], Carried[2 * Count + 1], E.min(E.sub(Kc, K), E.index(Q.Run)));
        for (size_t I = 0; I < Count; ++I)
          std::tie(Next[I], Next[Count + I]) = E.addInTwoParts(Next[I], Next[Count + I], More[I]);
        std::copy(More.end() - 2, More.end(), Next.end() - 2);
        return Next;
      });
      Values Joined;
      for (size_t I = 0; I < Count; ++I) Joined.push_back(E.joinTwoParts(Final[I], Final[Count + I]));
      return Joined;
    };
    return E.choose(E.less(E.index(Q.Run), Kc), TypeRange(ValueRange(Sum)), rest, [&] { return Sum; });
  }

  void microTile(Value I, Value Column, Value B0, Value Pc, Value Kc) {
    Value C0 = E.add(E.mul(I, Ops.N), Column);
    auto at = [&](int64_t R, int64_t V) { return E.add(E.add(C0, E.mul(Ops.N, R)), V * Q.Lanes); };
    if (Q.MR * Q.NV >= 8)
      E.loop(E.index(0), E.index(Q.MR), 1, [&](Value R) {
        for (int64_t V = 0; V < Q.NV; ++V) E.prefetch(Ops.C, E.add(E.add(C0, E.mul(R, Ops.N)), V * Q.Lanes));
      });
    Values Sum = accumulate(B0, Kc);

    auto whole = [&] {
      eachVariant(Pc, Kc, [&](Update U, bool Last) {
        for (int64_t R = 0; R < Q.MR; ++R)
          for (int64_t V = 0; V < Q.NV; ++V)
            finish(Sum[R * Q.NV + V], at(R, V), E.add(I, R), E.add(Column, V * Q.Lanes), Value(), U, Last);
      });
    };
    if (!NRagged && !MRagged) return whole();
    auto ragged = [&] {
      for (int64_t R = 0; R < Q.MR; ++R)
        for (int64_t V = 0; V < Q.NV; ++V) E.storeVector(Sum[R * Q.NV + V], Tile, E.index(R * Q.NR + V * Q.Lanes));
      Values Masks;
      for (int64_t V = 0; V < Q.NV; ++V)
        Masks.push_back(E.laneMask(Q.Lanes, E.add(E.sub(Ops.N, Column), -V * Q.Lanes)));
      eachVariant(Pc, Kc, [&](Update U, bool Last) {
        E.loop(E.index(0), E.min(E.sub(Ops.M, I), E.index(Q.MR)), 1, [&](Value R) {
          for (int64_t V = 0; V < Q.NV; ++V) {
            Value X = E.loadVector(Vector, Tile, E.add(E.mul(R, Q.NR), V * Q.Lanes));
            Value To = E.add(E.add(C0, E.mul(R, Ops.N)), V * Q.Lanes);
            finish(X, To, E.add(I, R), E.add(Column, V * Q.Lanes), Masks[V], U, Last);
          }
        });
      });
    };
    Value RowsFit = E.compare(LLVM::ICmpPredicate::sle, E.add(I, Q.MR), Ops.M);
    Value ColumnsFit = E.compare(LLVM::ICmpPredicate::sle, E.add(Column, Q.NR), Ops.N);
    Value Fits = !NRagged ? RowsFit : !MRagged ? ColumnsFit : E.both(RowsFit, ColumnsFit);
    E.when(Fits, whole, ragged);
  }

  // What the k block at hand does with C, and whether the product is complete (for what was lost).
  enum class Update : uint8_t { set, add, addInTwoParts };
  void eachVariant(Value Pc, Value Kc, function_ref<void(Update, bool Last)> Store) {
    if (Q.OneKBlock) return Store(Update::set, true);
    Value First = E.equal(Pc, E.index(0)), Last = E.equal(E.add(Pc, Kc), Ops.K);
    auto inTwoParts = [&] {
      E.when(Last, [&] { Store(Update::addInTwoParts, true); }, [&] { Store(Update::addInTwoParts, false); });
    };
    auto later = [&] {
      if (!Q.MayBeLong) return Store(Update::add, false);
      E.when(Long, inTwoParts, [&] { Store(Update::add, false); });
    };
    E.when(First, [&] { Store(Update::set, false); }, later);
  }

  void finish(Value X, Value At, Value Row, Value Column, Value Mask, Update U, bool Last) {
    if (U == Update::add) X = addElements(E, X, loadCompute(E, P, P.Result, Ops.C, At, Q.Lanes, Mask));
    if (U == Update::addInTwoParts) {
      Value LostAt = E.add(E.mul(E.sub(Row, FirstRow), Q.NC), E.sub(Column, FirstColumn));
      auto [Total, Rest] =
          E.addInTwoParts(loadCompute(E, P, P.Result, Ops.C, At, Q.Lanes, Mask), E.loadVector(Vector, Lost, LostAt), X);
      if (!Last) E.storeVector(Rest, Lost, LostAt);
      X = Last ? E.joinTwoParts(Total, Rest) : Total;
    }
    E.storeVector(toMemory(E, P, X), Ops.C, At, Mask);
  }
};

} // namespace

Extents blockedWorkspace(const MatmulProblem &P, const CpuTarget &Target, MLIRContext *C) {
  Type Compute = P.computeType(C);
  return workspace(P, choosePlan(P, Target, Compute), Compute);
}

void emitBlockedMatmul(ModuleOp Module, StringRef Name, const MatmulProblem &P, const CpuTarget &Target) {
  Plan Q = choosePlan(P, Target, P.computeType(Module.getContext()));
  auto block = [&](KernelBuilder &Kernel) { BlockedEmitter(Kernel, P, Q).emit(); };
  emitMatmulKernel(Module, Name, P, Target, block, [&](LaunchBuilder &Launch, ArrayRef<Value> Sizes) -> BlockCount {
    Emitter &E = Launch.E;
    Value Tiles = E.ceilDiv(emitSize(E, Sizes, P.M), Q.MR);
    Value Columns = E.mul(emitBatch(E, P, Sizes), E.ceilDiv(emitSize(E, Sizes, P.N), Q.NC));
    Value Blocks = E.mul(Tiles, Columns);
    // A chunk packs B for itself: it should be whole column blocks where there are enough of them, and always some 2^20
    // multiply-adds, below which another thread costs more than it does.
    constexpr int64_t WorkWorthAThread = 1 << 20;
    Value Work = E.max(E.mul(emitSize(E, Sizes, P.K), Q.MR * Q.NC), E.index(1));
    Value Least = E.add(E.div(E.index(WorkWorthAThread), Work), 1);
    Value Chunks = E.mul(rt::numThreads(E, Launch.ctx()), 2);
    auto share = [&](Value X) { return E.div(E.add(X, E.add(Chunks, -1)), Chunks); };
    Value Grain =
        E.select(E.compare(LLVM::ICmpPredicate::sge, Columns, Chunks), E.mul(share(Columns), Tiles), share(Blocks));
    return {Blocks, E.max(Grain, Least)};
  });
}

} // namespace burin::codegen::cpu
