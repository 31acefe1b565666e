// Which ops of one block become one kernel. Greedy in program order: an op joins the kernels of its operands where the
// loops agree, no cycle arises and the cost model has nothing against it.
#include "passes/FusionGroups.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <queue>

using namespace mlir;

namespace burin::passes {
using namespace burin::ir;

namespace {

const OpInfo &infoOf(Operation *op) { return *catalogueInfo(op); }
bool isConstant(Operation *op) { return isa<ConstantOp>(op); }
bool isBroadcast(Operation *op) { return isa<BroadcastToOp>(op); }
bool isRead(Operation *op) {
  const OpInfo *info = catalogueInfo(op);
  return info && info->fusion == FusionRole::read;
}
Shape shapeOf(Value value) { return toTensorType(value.getType())->shape; }

/// Why the kernels of its readers cannot read a read's operands in its place, or nothing.
StringRef whyNotInPlace(Operation *op) {
  auto between = op->getAttrOfType<DenseI64ArrayAttr>("interior");
  if (between && llvm::any_of(between.asArrayRef(), [](int64_t n) { return n != 0; }))
    return "it puts something between elements";
  if (op->getNumOperands() > maxReadOperands) return "there are too many places to look for an element";
  return {};
}

/// Ops that the host program does itself: control flow, prints, views, blobs.
bool isHostOp(Operation *op) {
  const OpInfo *info = catalogueInfo(op);
  return !info || info->num_regions || info->lowering == LoweringKind::host || info->lowering == LoweringKind::region ||
         isConstant(op);
}

bool hasOrderedEffect(Operation *op) {
  auto ordered = [](Operation *one) {
    const OpInfo *info = catalogueInfo(one);
    return info && (info->effects & ~static_cast<std::uint8_t>(Effect::may_fault)) != 0;
  };
  bool result = ordered(op);
  op->walk([&](Operation *inner) { result |= ordered(inner); });
  return result;
}

/// It, or an op in its regions, has a position in the graph for its faults.
bool mayFault(Operation *op) {
  return op
      ->walk(
          [](Operation *inner) { return inner->hasAttr(opAttrName) ? WalkResult::interrupt() : WalkResult::advance(); })
      .wasInterrupted();
}
/// Whether `op` exchanges the last two axes for matrix products alone: their kernels read either way.
bool isTransposeForProducts(Operation *op, mlir::Block &block) {
  if (!isa<TransposeOp>(op) || op->hasAttr(opAttrName)) return false;
  ArrayRef<int64_t> permutation = op->getAttrOfType<DenseI64ArrayAttr>("permutation").asArrayRef();
  auto rank = static_cast<int64_t>(permutation.size());
  if (rank < 2) return false;
  for (auto [i, axis] : llvm::enumerate(permutation)) {
    auto at = static_cast<int64_t>(i);
    if (axis != (at < rank - 2 ? at : 2 * rank - 3 - at)) return false;
  }
  return !op->use_empty() && llvm::all_of(op->getUsers(), [&](Operation *user) {
    return isa<MatmulOp>(user) && user->getBlock() == &block;
  });
}
bool holdsLoop(Operation *op) {
  return op->walk([](WhileOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

bool isJoinable(Operation *op) {
  const OpInfo &info = infoOf(op);
  return info.lowering == LoweringKind::linalg &&
         (info.fusion == FusionRole::map || info.fusion == FusionRole::reduce || info.fusion == FusionRole::shape ||
          (info.fusion == FusionRole::read && whyNotInPlace(op).empty()));
}

SmallVector<unsigned> reducedAxes(Operation *op) {
  SmallVector<unsigned> axes;
  if (auto list = op->getAttrOfType<DenseI64ArrayAttr>("axes"))
    for (int64_t axis : list.asArrayRef()) axes.push_back(static_cast<unsigned>(axis));
  if (auto axis = op->getAttrOfType<IntegerAttr>("axis")) axes.push_back(static_cast<unsigned>(axis.getInt()));
  llvm::sort(axes);
  return axes;
}

SmallVector<int> identityMap(int rank) {
  SmallVector<int> map;
  for (int i = 0; i < rank; ++i) map.push_back(i);
  return map;
}

} // namespace

FusionPlan::FusionPlan(mlir::Block &block, bool single, Refusal refused) : Block(block) {
  unsigned position = 0;
  for (Operation &op : block.without_terminator()) Position[&op] = position++;
  // Users come after what they use, so a copied op's users are judged before itself when going backwards.
  for (Operation &op : llvm::reverse(block.without_terminator()))
    if (isCopied(&op, single, refused) || (!single && isTransposeForProducts(&op, block))) Copied.insert(&op);
  for (Operation &op : block.without_terminator())
    if (!Copied.contains(&op)) place(&op, single, refused);
}

/// Small constants, iota, broadcasts and reads whose readers are all kernels that can hold a copy.
bool FusionPlan::isCopied(Operation *op, bool single, Refusal refused) {
  const OpInfo *info = catalogueInfo(op);
  if (!info || info->lowering != LoweringKind::linalg || info->effects) return false;
  if (op->hasAttr(opAttrName)) return false; // check mode looks at each value
  if (isConstant(op) && isa<BlobAttr>(op->getAttr("value"))) return false;
  bool read = isRead(op) && !single;
  if (!read && op->getNumOperands() != 0 && !isBroadcast(op)) return false;
  auto inMemory = [&](const Twine &why) {
    if (read) refused(op, "not read in its readers' kernels: " + why);
    return false;
  };
  if (read && !whyNotInPlace(op).empty()) return inMemory(whyNotInPlace(op));
  for (Operation *user : op->getUsers()) {
    bool holds = user->getBlock() == &Block && catalogueInfo(user) && (Copied.contains(user) || isJoinable(user));
    // A reshape reads what is in memory under another shape, and so does a product whose operand is exchanged.
    if (!isConstant(op) && isa<ReshapeOp>(user)) holds = false;
    if (isa<TransposeOp>(user) && Copied.contains(user)) holds = false;
    if (!holds) return inMemory("'" + user->getName().getStringRef() + "' reads it in memory");
  }
  if (!read) return true;
  unsigned operands = op->getNumOperands(), most = 0;
  for (Operation *user : op->getUsers()) most = std::max(most, ReadOperands.lookup(user));
  if (operands + most > maxReadOperands) return inMemory("there are too many places to look for an element");
  ReadOperands[op] = operands + most;
  return !op->use_empty();
}

void FusionPlan::sources(Operation *op, SmallVectorImpl<unsigned> &result) const {
  auto visit = [&](Value value) {
    Operation *def = value.getDefiningOp();
    if (!def || def->getBlock() != &Block) return;
    if (Copied.contains(def))
      sources(def, result);
    else if (auto it = Group.find(def); it != Group.end() && !llvm::is_contained(result, it->second))
      result.push_back(it->second);
  };
  for (Value operand : op->getOperands()) visit(operand);
  for (Region &region : op->getRegions())
    region.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) visit(operand);
    });
}

/// Groups of which `op` reads other elements than it would inside them: through copied reads, whatever else is between.
void FusionPlan::sourcesApart(Operation *op, bool apart, SmallVectorImpl<unsigned> &result) const {
  for (Value operand : op->getOperands()) {
    Operation *def = operand.getDefiningOp();
    if (!def || def->getBlock() != &Block) continue;
    if (Copied.contains(def))
      sourcesApart(def, apart || isRead(def), result);
    else if (auto it = Group.find(def); apart && it != Group.end() && !llvm::is_contained(result, it->second))
      result.push_back(it->second);
  }
}
bool FusionPlan::readsApart(unsigned group, unsigned other) const {
  return llvm::any_of(Groups[group].readsApart, [&](unsigned g) { return resolve(g) == other; });
}

/// The groups that these are now, each once, but one.
SmallVector<unsigned> FusionPlan::resolved(ArrayRef<unsigned> groups, unsigned but) const {
  SmallVector<unsigned> now;
  for (unsigned g : groups) now.push_back(resolve(g));
  llvm::sort(now);
  now.erase(std::unique(now.begin(), now.end()), now.end());
  llvm::erase(now, but);
  return now;
}

/// A group begins as the last of all, so mostly nothing needs `group` yet. What does is visited once for what it did not
/// know: a group that has `on` before it has all before `on` too, and so has whatever needs that group.
void FusionPlan::depend(unsigned group, unsigned on) {
  group = resolve(group), on = resolve(on);
  if (group == on || waitsFor(group, on)) return;
  Groups[group].needs.push_back(on);
  Groups[on].neededBy.push_back(group);
  SmallVector<unsigned> todo{group};
  while (!todo.empty()) {
    unsigned next = resolve(todo.pop_back_val());
    if (waitsFor(next, on)) continue;
    FusionGroup &g = Groups[next];
    g.before |= Groups[on].before;
    g.before.resize(std::max(g.before.size(), on + 1));
    g.before.set(on);
    llvm::append_range(todo, g.neededBy);
  }
}

/// Whether a group between them would have to run both after one and before the other.
bool FusionPlan::cyclic(unsigned first, unsigned second) const {
  auto between = [&](unsigned a, unsigned b) {
    return llvm::any_of(Groups[b].needs, [&](unsigned g) { return resolve(g) != a && waitsFor(resolve(g), a); });
  };
  return between(first, second) || between(second, first);
}

void FusionPlan::place(Operation *op, bool single, Refusal refused) {
  SmallVector<unsigned> from;
  sources(op, from);
  bool host = isHostOp(op);
  bool joinable = !single && !host && isJoinable(op);
  int home = -1;
  if (joinable)
    for (unsigned candidate : from) {
      std::string why;
      if (join(candidate, op, why)) {
        home = static_cast<int>(candidate);
        break;
      }
      if (!why.empty()) refused(op, "not fused with its operand's kernel: " + why);
    }
  if (home < 0) home = static_cast<int>(begin(op, host, joinable));
  unsigned id = static_cast<unsigned>(home);
  Groups[id].last = Position[op];
  for (unsigned source : from) depend(id, source);
  sourcesApart(op, isRead(op), Groups[id].readsApart);
  if (host && hasOrderedEffect(op)) {
    if (LastOrdered >= 0) depend(id, static_cast<unsigned>(LastOrdered));
    LastOrdered = home;
  }
  if (mayFault(op)) orderFault(op, id);
  if (!joinable || Groups[id].ops.size() == 1) return;
  for (unsigned other : from) {
    std::string why;
    if (!merge(id, other, op, why) && !why.empty()) refused(op, "not fused with its operand's kernel: " + why);
  }
}

/// Of straight-line code the least op number is the first fault, in whatever order it runs. A loop ends with the trip that
/// faulted and asks for faults before it starts, so what may fault stays on its side of a loop that may.
void FusionPlan::orderFault(Operation *op, unsigned id) {
  if (LastFaultLoop >= 0) depend(id, static_cast<unsigned>(LastFaultLoop));
  if (!holdsLoop(op)) return FaultsSinceLoop.push_back(id);
  for (unsigned before : FaultsSinceLoop) depend(id, before);
  FaultsSinceLoop.clear();
  LastFaultLoop = static_cast<int>(id);
}

unsigned FusionPlan::begin(Operation *op, bool host, bool joinable) {
  auto id = static_cast<unsigned>(Groups.size());
  FusionGroup &group = Groups.emplace_back();
  MergedInto.push_back(id);
  group.ops.push_back(op);
  group.host = host;
  group.joinable = joinable;
  Group[op] = id;
  if (!joinable) return id;
  bool reduces = infoOf(op).fusion == FusionRole::reduce;
  group.domain = shapeOf(reduces ? op->getOperand(0) : op->getResult(0));
  DimMap map = identityMap(group.domain.rank());
  if (reduces) {
    std::string why;
    map.clear();
    group.reduced = reducedAxes(op);
    mapReduce(group, id, op, map, why);
  }
  for (Value result : op->getResults()) Maps[result] = map;
  return id;
}

bool FusionPlan::isFull(Value value, const FusionGroup &group) const {
  auto it = Maps.find(value);
  return it != Maps.end() && it->second == identityMap(group.domain.rank()) && shapeOf(value) == group.domain;
}

unsigned FusionPlan::countBuffers(unsigned id, Operation *more) const {
  llvm::DenseSet<Value> inputs;
  unsigned outputs = 0;
  auto countInputs = [&](Operation *op, auto &self) -> void {
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (def && Copied.contains(def))
        self(def, self);
      else if (!def || Group.lookup(def) != id)
        inputs.insert(operand);
    }
  };
  auto count = [&](Operation *op) {
    countInputs(op, countInputs);
    for (Value result : op->getResults()) outputs += escapes(result, Groups[id]);
  };
  for (Operation *op : Groups[id].ops) count(op);
  if (more) count(more);
  return static_cast<unsigned>(inputs.size()) + outputs;
}

bool FusionPlan::join(unsigned id, Operation *op, std::string &why) {
  FusionGroup &group = Groups[id];
  if (!group.joinable) return false;
  SmallVector<unsigned> from;
  sources(op, from);
  for (unsigned other : from)
    if (other != id && waitsFor(other, id)) return why = "another operand waits for the kernel", false;
  SmallVector<unsigned> apart;
  sourcesApart(op, false, apart);
  if (llvm::is_contained(apart, id)) return why = "it reads the kernel's values at other positions", false;
  DimMap map;
  const OpInfo &info = infoOf(op);
  if (info.fusion == FusionRole::reduce) {
    if (!mapReduce(group, id, op, map, why)) return false;
  } else if (info.fusion == FusionRole::map || isBroadcast(op)) {
    if (!mapElementwise(group, id, op, map, why)) return false;
  } else {
    return false; // other views read what is in memory: they begin a kernel
  }
  if (group.ops.size() >= maxKernelOps) return why = "the kernel has its full number of ops", false;
  bool few = group.ops.size() < maxKernelBuffers / 2 && ReadOperands.empty(); // counting takes a walk over the ops
  if (!few && countBuffers(id, op) > maxKernelBuffers) return why = "the kernel has its full number of buffers", false;
  if (info.fusion == FusionRole::reduce) group.reduced = reducedAxes(op);
  group.ops.push_back(op);
  Group[op] = id;
  for (Value result : op->getResults()) Maps[result] = map;
  return true;
}

bool FusionPlan::mapReduce(const FusionGroup &group, unsigned id, Operation *op, DimMap &result, std::string &why) {
  Value operand = op->getOperand(0);
  SmallVector<unsigned> axes = reducedAxes(op);
  bool inGroup = operand.getDefiningOp() && !Copied.contains(operand.getDefiningOp()) &&
                 operand.getDefiningOp()->getBlock() == &Block && Group.lookup(operand.getDefiningOp()) == id;
  if (inGroup) {
    if (!isFull(operand, group)) return why = "the kernel reduces already", false;
    if (!group.reduced.empty() && group.reduced != axes) return why = "the kernel reduces other axes", false;
    // A reduction to one number runs in pieces: values that are kept besides would have to be written by each.
    if (axes.size() == static_cast<std::size_t>(group.domain.rank()))
      for (Operation *member : group.ops)
        for (Operation *user : member->getUsers())
          if (user != op && (user->getBlock() != &Block || Copied.contains(user) || !Group.contains(user) ||
                             Group.lookup(user) != id))
            return why = "the kernel's values are needed besides their total", false;
  } else if (shapeOf(operand) != group.domain) {
    return why = "its elements are not the kernel's", false;
  }
  auto keep = op->getAttrOfType<BoolAttr>("keepdims");
  for (int d = 0; d < group.domain.rank(); ++d) {
    bool isReduced = llvm::is_contained(axes, static_cast<unsigned>(d));
    if (!isReduced)
      result.push_back(d);
    else if (keep && keep.getValue())
      result.push_back(-1);
  }
  return true;
}

bool FusionPlan::mapElementwise(const FusionGroup &group, unsigned id, Operation *op, DimMap &result,
                                std::string &why) {
  Shape shape = shapeOf(op->getResult(0));
  bool full = shape == group.domain;
  bool allReduced = !group.reduced.empty() && group.reduced.size() == static_cast<std::size_t>(group.domain.rank());
  if (full) result = identityMap(group.domain.rank());
  SmallVector<Value> operands(op->getOperands());
  for (std::size_t i = 0; i < operands.size(); ++i) {
    Operation *def = operands[i].getDefiningOp();
    if (def && Copied.contains(def)) { // the copy reads in this kernel too
      operands.append(def->operand_begin(), def->operand_end());
      if (auto it = llvm::find_if(def->getOperands(),
                                  [&](Value v) {
                                    Operation *d = v.getDefiningOp();
                                    return d && Group.contains(d) && Group.lookup(d) == id;
                                  });
          it != def->operand_end() && !isFull(*it, group))
        return why = "a broadcast of the kernel's own reduction stands between", false;
      continue;
    }
    if (!def || !Group.contains(def) || Group.lookup(def) != id) continue;
    const DimMap &map = Maps.find(operands[i])->second;
    Shape operandShape = shapeOf(operands[i]);
    if (full) {
      if (isFull(operands[i], group)) continue;
      if (allReduced) return why = "the total is known only when the kernel has ended", false;
      int shift = shape.rank() - operandShape.rank();
      for (int d = 0; d < operandShape.rank(); ++d) {
        bool one = operandShape[static_cast<std::size_t>(d)] == Dim(1);
        if (!one && map[static_cast<std::size_t>(d)] != d + shift)
          return why = "it reads the kernel's values along another axis", false;
      }
    } else {
      if (isFull(operands[i], group) || operandShape != shape)
        return why = "its result " + to_string(shape) + " is not what the kernel's loops run over, " +
                     to_string(group.domain),
               false;
      if (!result.empty() && result != map) return why = "it reads the kernel's values along another axis", false;
      result = map;
    }
  }
  if (!full && static_cast<int>(result.size()) != shape.rank())
    return why = "its result " + to_string(shape) + " is not what the kernel's loops run over, " +
                 to_string(group.domain),
           false;
  return true;
}

bool FusionPlan::merge(unsigned into, unsigned from, Operation *at, std::string &why) {
  if (into == from) return true;
  FusionGroup &a = Groups[into], &b = Groups[from];
  if (!b.joinable || b.ops.empty()) return false;
  if (a.domain != b.domain) return why = "two of its operands' kernels run over different elements", false;
  if (!a.reduced.empty() && !b.reduced.empty() && a.reduced != b.reduced)
    return why = "two of its operands' kernels reduce different axes", false;
  if (readsApart(into, from) || readsApart(from, into))
    return why = "one of two operands' kernels reads the other's values at other positions", false;
  if (cyclic(into, from)) return why = "merging two operands' kernels would make a cycle", false;
  if (a.ops.size() + b.ops.size() > maxKernelOps) return why = "the kernel has its full number of ops", false;
  if (countBuffers(into, nullptr) + countBuffers(from, nullptr) > maxKernelBuffers)
    return why = "the kernel has its full number of buffers", false;
  bool allReduced = a.reduced.size() + b.reduced.size() > 0 &&
                    std::max(a.reduced.size(), b.reduced.size()) == static_cast<std::size_t>(a.domain.rank());
  if (allReduced && a.reduced != b.reduced) return why = "one of its operands' kernels reduces everything", false;
  // What `at` reads of `from` has to lie where its own result does.
  Shape shape = shapeOf(at->getResult(0));
  for (Value operand : at->getOperands()) {
    Operation *def = operand.getDefiningOp();
    if (!def || Copied.contains(def) || Group.lookup(def) != from || def->getBlock() != &Block) continue;
    Shape operandShape = shapeOf(operand);
    const DimMap &have = Maps.find(operand)->second, &want = Maps.find(at->getResult(0))->second;
    int shift = shape.rank() - operandShape.rank();
    for (int d = 0; d < operandShape.rank(); ++d)
      if (operandShape[static_cast<std::size_t>(d)] != Dim(1) &&
          have[static_cast<std::size_t>(d)] != want[static_cast<std::size_t>(d + shift)])
        return why = "it reads two kernels' values along different axes", false;
  }
  if (a.reduced.empty()) a.reduced = b.reduced;
  for (Operation *op : b.ops) Group[op] = into;
  a.ops.append(b.ops);
  llvm::sort(a.ops, [&](Operation *x, Operation *y) { return Position.lookup(x) < Position.lookup(y); });
  a.last = std::max(a.last, b.last);
  a.readsApart.append(b.readsApart);
  b.ops.clear();
  MergedInto[from] = into;
  a.needs.append(b.needs);
  a.neededBy.append(b.neededBy);
  a.needs = resolved(a.needs, into);
  a.neededBy = resolved(a.neededBy, into);
  a.before |= b.before;
  for (unsigned self : {into, from})
    if (a.before.size() > self) a.before.reset(self);
  SmallVector<unsigned> todo(a.neededBy);
  while (!todo.empty()) {
    unsigned next = resolve(todo.pop_back_val());
    if (waitsFor(next, into) && waitsFor(next, from)) continue;
    FusionGroup &g = Groups[next];
    g.before |= a.before;
    g.before.resize(std::max(g.before.size(), std::max(into, from) + 1));
    g.before.set(into);
    g.before.set(from);
    llvm::append_range(todo, g.neededBy);
  }
  return true;
}

bool FusionPlan::escapes(Value value, const FusionGroup &group) const {
  for (Operation *user : value.getUsers()) {
    Operation *here = inBlock(user);
    if (!here || here->hasTrait<OpTrait::IsTerminator>()) return true;
    if (Copied.contains(here)) {
      for (Value result : here->getResults())
        if (escapes(result, group)) return true;
      continue;
    }
    auto it = Group.find(here);
    if (it == Group.end() || &Groups[it->second] != &group) return true;
  }
  return false;
}

const FusionGroup *FusionPlan::groupOf(Operation *op) const {
  auto it = Group.find(op);
  return it == Group.end() ? nullptr : &Groups[it->second];
}

bool FusionPlan::onlyUpdatesState(const FusionGroup &group) const {
  auto function = dyn_cast<func::FuncOp>(Block.getParentOp());
  if (!function || group.host || !group.joinable || !group.reduced.empty()) return false;
  if (!group.neededBy.empty()) return false;
  for (Operation *op : group.ops)
    for (OpOperand &use : op->getUses()) {
      if (groupOf(use.getOwner()) == &group) continue;
      if (use.getOwner() != Block.getTerminator() ||
          !function.getResultAttr(use.getOperandNumber(), stateOutputAttrName))
        return false;
    }
  return true;
}

SmallVector<const FusionGroup *> FusionPlan::order() const {
  // Smallest last position first among those whose sources are done: close to the order in which the user wrote.
  SmallVector<const FusionGroup *> todo, result;
  for (const FusionGroup &group : Groups)
    if (!group.ops.empty()) todo.push_back(&group);
  llvm::sort(todo, [](auto *a, auto *b) { return a->last < b->last; });
  // Updates of state come behind all else: an update is written where the state is only if nothing can fail behind it.
  std::stable_partition(todo.begin(), todo.end(), [&](auto *g) { return !onlyUpdatesState(*g); });
  llvm::DenseMap<unsigned, unsigned> place;
  SmallVector<unsigned> waiting(todo.size());
  std::priority_queue<unsigned, std::vector<unsigned>, std::greater<>> ready;
  auto idOf = [&](const FusionGroup *group) { return static_cast<unsigned>(group - Groups.data()); };
  for (auto [i, group] : llvm::enumerate(todo)) {
    place[idOf(group)] = static_cast<unsigned>(i);
    waiting[i] = static_cast<unsigned>(resolved(group->needs, idOf(group)).size());
    if (waiting[i] == 0) ready.push(static_cast<unsigned>(i));
  }
  while (!ready.empty()) {
    const FusionGroup *group = todo[ready.top()];
    ready.pop();
    result.push_back(group);
    for (unsigned user : resolved(group->neededBy, idOf(group)))
      if (unsigned at = place.lookup(user); --waiting[at] == 0) ready.push(at);
  }
  assert(result.size() == todo.size() && "groups depend on each other in a cycle");
  return result;
}

} // namespace burin::passes
