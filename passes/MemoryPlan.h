// The planning half of PlanMemory: where each tensor of @main lives. Reads the IR, changes nothing.
#pragma once
#include "compiler/ir/Types.h"
#include "passes/Passes.h"

#include <limits>

namespace burin::passes {

/// A place that one or several values share, one after the other or by being the same bytes.
struct Storage {
  enum class Kind { slot, input, blob, elements, output, workspace } kind = Kind::slot;
  unsigned index = 0;       ///< of the input, blob or output
  mlir::Attribute elements; ///< Kind::elements, Kind::blob
  mlir::Value value;        ///< whose place it is first of all; null for what is put aside
  Dim bytes = 0;
  int start = 0, end = 0; ///< from the op that writes it first to the last that reads it
  struct Read {
    int time;
    mlir::Operation *op;
    unsigned operand;
  };
  llvm::SmallVector<Read, 2> reads;
  mlir::Operation *writer = nullptr; ///< the launch that makes it; null for carried values and results of regions
  bool carried = false;              ///< holds a loop's carried value
  bool workspace = false;            ///< of the launch that makes `value`, while it runs
  int depth = 0;                     ///< regions around what writes it
  Dim offset = 0;                    ///< slots: in their place, a multiple of 64
  unsigned place = 0;                ///< slots: of the arena
  int merged = -1;                   ///< the storage that this one became part of
};

class MemoryPlan {
public:
  explicit MemoryPlan(mlir::func::FuncOp main, mlir::ModuleOp kernels);

  const Storage &storage(mlir::Value value) const { return All[static_cast<std::size_t>(find(Of.lookup(value)))]; }
  bool same(mlir::Value a, mlir::Value b) const { return find(Of.lookup(a)) == find(Of.lookup(b)); }
  /// The storage of a loop's k-th carried value.
  const Storage &carriedStorage(mlir::Operation *loop, unsigned k) const;
  /// Position in the list of all storages: one buffer each.
  /// What a launch's kernel works in (KernelAttributes.h). What blocks share has a slot among the others if its size is known;
  /// everything else stands where the workspace of other launches does too.
  struct Workspace {
    Dim shared = 0, each = 0; ///< bytes
    bool hasShared = false, hasEach = false;
    int slot = -1; ///< the storage of `shared`
    /// Of memory that launches use by turns.
    Dim sharedByTurns() const { return slot < 0 ? shared : Dim(0); }
  };
  const Workspace *workspaceOf(mlir::Operation *launch) const {
    auto it = Workspaces.find(launch);
    return it == Workspaces.end() ? nullptr : &it->second;
  }
  /// One for each size of what is used by turns: a storage for its name, and its workspace.
  llvm::ArrayRef<std::pair<int, Workspace>> byTurns() const { return ByTurns; }
  unsigned id(const Storage &s) const { return static_cast<unsigned>(&s - All.data()); }
  llvm::ArrayRef<Storage> all() const { return All; }
  /// The arena's places (KernelAttributes.h).
  llvm::ArrayRef<Dim> arena() const { return Arena; }
  /// What no arena can hold, if anything: its storage, or where several are too much together, the largest.
  const Storage *tooLarge() const { return TooLarge; }
  llvm::ArrayRef<mlir::Attribute> blobs() const { return Blobs; }
  /// What is copied at the end, in this order: outputs that are not written where they are computed, and state put aside.
  /// Right for state whose new value has the old one's memory, and for state that has not.
  struct FinalCopy {
    const Storage *from, *to;
    Dim bytes;
  };
  llvm::SmallVector<FinalCopy> finalCopies() const;
  /// The launch before which faults have to be checked, since it writes state; null: at the end.
  mlir::Operation *checkBefore() const { return CheckBefore; }
  bool mayFault() const { return LastFault >= 0; }
  /// Something in the loop or before it may fault, the loop's own bound apart: it has to ask before each test, so that no later
  /// trip's fault takes the place of the first.
  bool mayFaultWithin(mlir::Operation *loop) const { return FirstFault < Times.lookup(loop).second; }
  unsigned inPlace() const { return NumInPlace; }

private:
  int find(int s) const;
  int make(mlir::Value value, Storage::Kind kind, int time, int depth);
  void read(mlir::Value value, int time, mlir::Operation *op, unsigned operand);
  void mayFaultAt(int time);
  void scan(mlir::Block &block, int depth);
  void scanOp(mlir::Operation &op, int depth);
  void scanWorkspace(mlir::Operation *kernel, mlir::Operation &launch, int time);
  void scanIf(mlir::Operation &op, int depth);
  void scanWhile(mlir::Operation &op, int depth);
  void placeOutputs(mlir::func::FuncOp main);
  void orderCopies(mlir::func::FuncOp main, llvm::ArrayRef<unsigned> copied);
  bool canWriteState(int s, unsigned input) const;
  void mergeBranches(mlir::Operation &op);
  void mergeLoop(mlir::Operation &op);
  void mergeInPlace(mlir::Operation &op);
  bool overwritable(mlir::Operation *launch, unsigned operand, unsigned result) const;
  bool replaces(int old, mlir::Value value, mlir::Block &block) const;
  void merge(int into, int from);
  void assignOffsets();

  mlir::ModuleOp Kernels;
  std::vector<Storage> All;
  llvm::DenseMap<mlir::Value, int> Of;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<int>> Carried;
  llvm::DenseMap<mlir::Operation *, std::pair<int, int>> Times; // start and end of every op
  llvm::DenseMap<mlir::Operation *, llvm::DenseSet<std::pair<int64_t, int64_t>>> InPlacePairs;
  llvm::SmallVector<mlir::Operation *> Order; // every op, in program order
  llvm::SmallVector<mlir::Operation *> Loops; // around what is being scanned
  llvm::SmallVector<mlir::Attribute> Blobs;
  struct Copy {
    int from, to; // storages
  };
  llvm::SmallVector<Copy> Copies;
  mlir::Operation *CheckBefore = nullptr;
  llvm::SmallVector<Dim> Arena;
  const Storage *TooLarge = nullptr;
  llvm::DenseMap<mlir::Operation *, Workspace> Workspaces;
  llvm::SmallVector<std::pair<int, Workspace>> ByTurns;
  int Now = 0, FirstFault = std::numeric_limits<int>::max(), LastFault = -1;
  unsigned NumInPlace = 0;
};

} // namespace burin::passes
