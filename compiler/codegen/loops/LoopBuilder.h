// What loops are written with, once for every target: index arithmetic and scalars in arith, control in scf, and memory as
// numbered buffers, which the target knows how to reach. Work within a block is done in lanes: elements that the target
// takes at once, neighbours in memory; one where it has no vectors, one a thread where it has threads. Must not know an op
// or a target.
#pragma once
#include "compiler/codegen/plan/Size.h"

#include <burin/dtype.h>
#include <burin/rt/rt.h>

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace burin::codegen {

using mlir::Type;
using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value>;

/// Elements that are worked on at once. Values are vectors where there are several, else scalars.
struct Lanes {
  int64_t Count = 1;
  Value Mask; ///< which of them there are; null: all
};

/// A numbered buffer of the kernel: its inputs, its results, then workspace.
using BufferNumber = unsigned;

class LoopBuilder {
public:
  mlir::ImplicitLocOpBuilder &B;

  explicit LoopBuilder(mlir::ImplicitLocOpBuilder &B) : B(B) {}
  virtual ~LoopBuilder() = default;

  // -- index arithmetic: i64, no signed wrap, constants folded -------------------------------------------------------
  Value index(int64_t V);
  static std::optional<int64_t> constantOf(Value V);
  Value add(Value X, Value Y);
  Value add(Value X, int64_t Y) { return add(X, index(Y)); }
  Value sub(Value X, Value Y);
  Value mul(Value X, Value Y);
  Value mul(Value X, int64_t Y) { return mul(X, index(Y)); }
  Value div(Value X, Value Y); ///< floor, X >= 0, Y > 0
  Value div(Value X, int64_t Y) { return div(X, index(Y)); }
  Value rem(Value X, Value Y);
  Value rem(Value X, int64_t Y) { return rem(X, index(Y)); }
  Value ceilDiv(Value X, int64_t Y) { return div(add(X, Y - 1), Y); } ///< X >= 0
  Value min(Value X, Value Y);
  Value max(Value X, Value Y);
  Value less(Value X, Value Y);
  Value within(Value X, Value Size); ///< 0 <= X < Size
  Value both(Value X, Value Y);      ///< X and Y, i1
  Value negated(Value X);            ///< not X, i1
  Value select(Value Condition, Value X, Value Y);
  /// A size of the kernel.
  Value value(const Extent &X);

  // -- control -------------------------------------------------------------------------------------------------------
  using LoopBody = llvm::function_ref<Values(Value Iv, ValueRange Carried)>;
  Values loop(Value Lo, Value Hi, ValueRange Init, LoopBody Body);
  void loop(Value Lo, Value Hi, llvm::function_ref<void(Value Iv)> Body);
  /// While Test(carried) yields {again (i1), values...}: Body(values) gives the next carried values. Those have Init's
  /// types, what is handed from Test to Body and out in the end has types `Handed`.
  Values whileLoop(ValueRange Init, mlir::TypeRange Handed, llvm::function_ref<Values(ValueRange)> Test,
                   llvm::function_ref<Values(ValueRange)> Body);
  void when(Value Condition, llvm::function_ref<void()> Yes, llvm::function_ref<void()> No = nullptr);
  Values choose(Value Condition, mlir::TypeRange Types, llvm::function_ref<Values()> Yes,
                llvm::function_ref<Values()> No);

  // -- values in lanes -----------------------------------------------------------------------------------------------
  static Type inLanes(Type Scalar, const Lanes &L);
  /// A number of the type, or of the element type, of `Like`.
  Value number(Type Like, int64_t N);
  Value addElements(Value X, Value Y); ///< of one type, integers wrap
  /// A float sum in two parts, whose error does not grow with the number of terms: Total + X and, in Lost, all that such
  /// additions rounded off (Knuth, The Art of Computer Programming 2, 4.2.2, theorem C).
  std::pair<Value, Value> addInTwoParts(Value Total, Value Lost, Value X);
  /// Total + Lost; Total alone where it is infinite or NaN, of which nothing is lost.
  Value joinTwoParts(Value Total, Value Lost);

  // -- the target's: sizes, memory, lanes ----------------------------------------------------------------------------
  virtual Value size(unsigned K) = 0; ///< size operand K
  /// Whether two buffers have memory each, i1: a result may be in place of an input (Kernel::InPlace).
  virtual Value differ(BufferNumber X, BufferNumber Y) = 0;
};

/// The body of a block. `run`, `scan` and `copy` may be shared by the block's threads, where a target has several; all of
/// them have come to the end of one before any begins the next or goes on, so that it sees what they stored (a barrier, on
/// such a target). What stands outside is done once.
class LoopBlock : public LoopBuilder {
public:
  using LoopBuilder::LoopBuilder;

  /// The type in which values of a scalar type are held: a narrow float may be an f32 that has such a value.
  virtual Type held(Type Scalar) = 0;
  /// Lane i is element At + i, in held(As), which is the buffer's type or, for narrow floats, f32; bool is i1.
  virtual Value load(BufferNumber From, Value At, const Lanes &L, Type As) = 0;
  /// Stores held values of a type `As`, rounded once where it is wider than the buffer's.
  virtual void store(BufferNumber To, Value At, Value V, const Lanes &L, Type As) = 0;
  /// Element At + i * Words.size() + j of a buffer of u32 is word j of lane i (i64, below 2^32), as far as it is below Size.
  virtual void storeWords(BufferNumber To, Value At, llvm::ArrayRef<Value> Words, Value Size, const Lanes &L) = 0;
  /// Copies elements between buffers of one element type that do not overlap.
  virtual void copy(BufferNumber To, Value ToAt, BufferNumber From, Value FromAt, Value Count) = 0;
  /// The same in all lanes.
  virtual Value splat(Value Scalar, const Lanes &L) = 0;
  /// Start + the number of the lane, i64.
  virtual Value counted(Value Start, const Lanes &L) = 0;
  /// Repeats a scalar op on held values, one lane.
  virtual Value repeat(mlir::Operation *Op, llvm::ArrayRef<Value> Operands) = 0;
  virtual void faultAt(burin_rt_fault_kind Kind, int32_t Op, Value At, Value Found) = 0;
  virtual Value faulted() = 0; ///< i1: a fault was recorded

  /// Behind the last element: `exact` computes no lane that is not there, `overrun` may, and stores say what counts.
  enum class Tail { exact, overrun };
  /// Walks [0, Count) in lanes of elements of `Bits` bits, in any order. Threads share it where a block has several.
  virtual void run(Value Count, int Bits, Tail End, llvm::function_ref<void(Value Index, const Lanes &)> Step) = 0;

  /// The running sums of a stretch, as lanes have them: up to the lane's element, without and with it.
  struct Running {
    Value Before, Through;
  };
  using Term = llvm::function_ref<Value(Value Index, const Lanes &)>;
  using Sums = llvm::function_ref<void(Value Index, const Lanes &, const Running &)>;
  /// Adds up Term(index) over [Lo, Hi) from Lo on, or from Hi - 1 down where `Back`, and hands all partial sums to `Out`.
  /// Gives the sum of all, a scalar of type `As`, in which everything is added; lanes are elements of one stretch, added as
  /// a tree.
  virtual Value scan(Value Lo, Value Hi, Type As, bool Back, Term Each, Sums Out) = 0;
};

} // namespace burin::codegen
