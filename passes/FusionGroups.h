// The planning half of FuseKernels: which ops of one block become one kernel. Reads the IR, changes nothing.
#pragma once
#include "compiler/ir/Types.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"

namespace burin::passes {

// The cost model: when joining is not worth it. Elementwise code is bound by memory, so any join that saves a pass over
// memory wins until a kernel's code or its number of address streams gets in the way.
inline constexpr unsigned maxKernelOps = 256;    ///< straight-line code beyond this compiles slower than it runs faster
inline constexpr unsigned maxKernelBuffers = 24; ///< inputs and results: more streams than pages a core can walk
/// Operands of reads of reads that an element may come from: each is asked for in turn.
inline constexpr unsigned maxReadOperands = 8;

/// Ops that become one kernel, or one op that the host program does.
struct FusionGroup {
  llvm::SmallVector<mlir::Operation *> ops; ///< in program order
  Shape domain;                             ///< what the kernel's loops run over
  llvm::SmallVector<unsigned> reduced;      ///< dims of the domain that a reduction combines, sorted
  bool joinable = false;                    ///< its ops are linalg's, so others may join
  bool host = false;                        ///< stays an op of the host program
  llvm::SmallVector<unsigned> needs;        ///< groups that have to run before: these, and what they need
  llvm::SmallVector<unsigned> neededBy;     ///< the same edges from their other end
  llvm::SmallVector<unsigned> readsApart; ///< groups of which it reads elements other than those it computes with them
  llvm::BitVector before;                 ///< all that have to run before, for quick answers
  unsigned last = 0;                      ///< position of its last op, for a stable order
};

/// Groups of a block. Ops that cost nothing where they are read (constants, iota, broadcasts, reads at other positions,
/// transposes that only matrix products read) are in no group: every kernel that reads one has its own copy.
class FusionPlan {
public:
  using Refusal = llvm::function_ref<void(mlir::Operation *, const llvm::Twine &)>;
  /// `single`: no op joins another. `refused` hears what was not joined and why.
  FusionPlan(mlir::Block &, bool single, Refusal refused);

  /// The groups that are left, in an order in which they can run.
  llvm::SmallVector<const FusionGroup *> order() const;
  /// The group of an op of this block; null for copied ops.
  const FusionGroup *groupOf(mlir::Operation *op) const;
  bool copied(mlir::Operation *op) const { return Copied.contains(op); }
  /// Whether anything outside `group` reads the value, directly or through a copied op.
  bool escapes(mlir::Value value, const FusionGroup &group) const;

private:
  using DimMap = llvm::SmallVector<int>; // for each dim of a value the domain's dim that it walks, or -1

  bool isCopied(mlir::Operation *op, bool single, Refusal refused);
  void place(mlir::Operation *op, bool single, Refusal refused);
  void orderFault(mlir::Operation *op, unsigned group);
  unsigned begin(mlir::Operation *op, bool host, bool joinable);
  bool join(unsigned group, mlir::Operation *op, std::string &why);
  bool merge(unsigned into, unsigned from, mlir::Operation *at, std::string &why);
  bool mapReduce(const FusionGroup &, unsigned id, mlir::Operation *op, DimMap &result, std::string &why);
  bool mapElementwise(const FusionGroup &, unsigned id, mlir::Operation *op, DimMap &result, std::string &why);
  bool isFull(mlir::Value value, const FusionGroup &) const;
  void sourcesApart(mlir::Operation *op, bool apart, llvm::SmallVectorImpl<unsigned> &result) const;
  bool readsApart(unsigned group, unsigned other) const;
  bool cyclic(unsigned first, unsigned second) const;
  void depend(unsigned group, unsigned on);
  bool waitsFor(unsigned group, unsigned on) const {
    return Groups[group].before.size() > on && Groups[group].before.test(on);
  }
  unsigned resolve(unsigned group) const { // merged groups go by the name of the one that took them
    while (MergedInto[group] != group) group = MergedInto[group];
    return group;
  }
  llvm::SmallVector<unsigned> resolved(llvm::ArrayRef<unsigned> groups, unsigned but) const;
  bool onlyUpdatesState(const FusionGroup &) const;
  unsigned countBuffers(unsigned group, mlir::Operation *more) const;
  /// Groups that `op` reads from, through copied ops too and for region ops from inside.
  void sources(mlir::Operation *op, llvm::SmallVectorImpl<unsigned> &result) const;
  mlir::Operation *inBlock(mlir::Operation *op) const { return Block.findAncestorOpInBlock(*op); }

  mlir::Block &Block;
  std::vector<FusionGroup> Groups; // merged ones are left empty
  std::vector<unsigned> MergedInto;
  llvm::DenseMap<mlir::Operation *, unsigned> Group;
  llvm::DenseSet<mlir::Operation *> Copied;
  llvm::DenseMap<mlir::Operation *, unsigned> ReadOperands; // of copied reads, with those of the reads that read them
  llvm::DenseMap<mlir::Operation *, unsigned> Position;
  llvm::DenseMap<mlir::Value, DimMap> Maps; // of values in joinable groups
  int LastFaultLoop = -1;                   // group of the last loop, or branch with one, in which something may fault
  llvm::SmallVector<unsigned> FaultsSinceLoop;
  int LastOrdered = -1; // group of the last op with an ordered effect
};

} // namespace burin::passes
