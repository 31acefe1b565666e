// LoopLowering: ops that linalg cannot say are written as loops, one function an op, once for every target with vectors:
//
//     void lower_cumsum(LoopKernel &K);      // compiler/ops/<Family>.cpp; found by its name, `lowering = "loops"`
//
// The function declares phases; each is a parallel loop over blocks whose body is written with the Emitter. Phases run one
// after the other. A loop kernel holds one op. Must not know the host program or other ops.
#pragma once
#include "compiler/codegen/cpu/LinalgEmitterLanes.h"

#include "runtime/ops/catalogue.h"

#include <functional>

namespace burin::codegen {

using cpu::Buffer;
using cpu::Emitter;
using mlir::Value;

/// Sizes as values, in the launch function as in a block.
class LoopSizes {
public:
  Emitter &E;
  using Operand = std::function<Value(unsigned)>; ///< the value of a numbered operand
  LoopSizes(Emitter &E, Operand Size, Operand Address) : E(E), Size(std::move(Size)), Address(std::move(Address)) {}
  Value value(const Extent &X);
  Value value(int64_t N) { return E.index(N); }
  /// Whether two buffers have memory each, i1: a result may be in place of an input (`loopInPlacePairs`).
  Value differ(unsigned I, unsigned J) { return E.compare(mlir::LLVM::ICmpPredicate::ne, Address(I), Address(J)); }

private:
  Operand Size, Address;
};

/// The body of a phase: buffers, lanes, faults.
class LoopBlock : public LoopSizes {
public:
  cpu::LaneEmitter Lanes;

  /// Inputs, then results. Elements are as in memory (LaneEmitter::memoryType).
  const Buffer &buffer(unsigned I) const { return Buffers[I]; }
  /// Walks [0, Count) in vectors of elements of `Bits` bits: Step(index of the first, lanes, mask or null).
  void run(Value Count, int Bits, llvm::function_ref<void(Value Index, int64_t Lanes, Value Mask)> Step);
  /// Copies `Count` elements between buffers of one element type that do not overlap.
  void copy(const Buffer &To, Value ToIndex, const Buffer &From, Value FromIndex, Value Count);
  /// Element `At` of an index tensor as i64.
  Value index(unsigned Input, Value At);
  /// Reports that element `At` of an index tensor is not within [0, Size); gives the nearest that is.
  Value checked(Value Index, Value Size, Value At);
  /// The worker's memory that the phase asked for.
  Buffer scratch(mlir::Type Element) const { return Buffer(Memory.Base, Element, Memory.Alignment); }

private:
  friend class LoopKernel;
  LoopBlock(class LoopKernel &Kernel, void *Builder);
  class LoopKernel &Kernel;
  void *Builder; // the KernelBuilder of the block function
  llvm::SmallVector<Buffer> Buffers;
  Buffer Memory;
};

class LoopKernel {
public:
  using Count = std::function<Value(LoopSizes &)>;
  using Body = std::function<void(LoopBlock &, Value Block)>;

  mlir::Operation *op() const { return Op; }
  int64_t integer(llvm::StringRef Attribute) const;
  /// Inputs, then results.
  Dtype dtype(unsigned I) const { return Dtypes[I]; }
  mlir::Type element(unsigned I) const; ///< as bodies have it: i1 for bool
  llvm::ArrayRef<Extent> shape(unsigned I) const { return Shapes[I]; }
  unsigned numInputs() const { return NumInputs; }
  /// The product of sizes [From, To) of a buffer.
  Extent product(unsigned I, size_t From, size_t To) const;
  Extent elements(unsigned I) const { return product(I, 0, Shapes[I].size()); }
  const cpu::CpuTarget &target() const { return Target; }

  /// A parallel loop over `Blocks` blocks, each of about `Work` element steps; each worker has `Scratch` bytes.
  void parallel(Count Blocks, Count Work, Body Each, Count Scratch = {});

private:
  friend class LoopBlock;
  friend mlir::LogicalResult emitLoopKernel(mlir::func::FuncOp, const cpu::CpuTarget &);
  LoopKernel(mlir::func::FuncOp Kernel, const cpu::CpuTarget &Target);
  void finish();

  struct Phase {
    std::string Name;
    Count Blocks, Work;
  };
  mlir::Operation *Op;
  mlir::ModuleOp Module;
  std::string Name;
  const cpu::CpuTarget &Target;
  unsigned NumInputs = 0, NumSizes = 0;
  llvm::SmallVector<Dtype> Dtypes;
  llvm::SmallVector<Extents> Shapes;
  llvm::SmallVector<Phase, 2> Phases;
};

/// Whether the kernel is one op with a loop lowering.
bool isLoopKernel(mlir::func::FuncOp Kernel);
/// (input, result) pairs of such a kernel that may share memory: an op that replaces elements of its first operand asks
/// `differ` whether the others have to be copied.
llvm::SmallVector<std::pair<unsigned, unsigned>> loopInPlacePairs(mlir::func::FuncOp Kernel);
/// Replaces the kernel function by block functions and a launch function (LinalgEmitter.h).
mlir::LogicalResult emitLoopKernel(mlir::func::FuncOp Kernel, const cpu::CpuTarget &Target);

} // namespace burin::codegen
