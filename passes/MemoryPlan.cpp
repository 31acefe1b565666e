// Where each tensor of @main lives: one storage a value, merged where a value can be computed where it is wanted, then
// offsets in one arena by liveness. Time counts ops in program order; a loop's ops lie between its start and its end.
#include "passes/MemoryPlan.h"

#include "compiler/ir/Loops.h"
#include "runtime/ops/bytes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace mlir;

namespace burin::passes {
using namespace burin::ir;

static bool isWhile(Operation *op) { return isa<WhileOp>(op); }
static std::int64_t roundUp64(std::int64_t bytes) { return (bytes + 63) / 64 * 64; } // bytes <= max_bytes

MemoryPlan::MemoryPlan(func::FuncOp main, ModuleOp kernels) : Kernels(kernels) {
  mlir::Block &entry = main.getBody().front();
  for (auto [i, argument] : llvm::enumerate(entry.getArguments()))
    All[static_cast<std::size_t>(make(argument, Storage::Kind::input, 0, 0))].index = static_cast<unsigned>(i);
  scan(entry, 0);
  for (auto [i, value] : llvm::enumerate(entry.getTerminator()->getOperands()))
    read(value, Now, entry.getTerminator(), static_cast<unsigned>(i));
  placeOutputs(main);
  // Later ops first: a result that is placed pulls what it is made of to the same place.
  for (Operation *op : llvm::reverse(Order)) {
    if (isa<IfOp>(op)) mergeBranches(*op);
    if (isWhile(op)) mergeLoop(*op);
  }
  for (Operation *op : llvm::reverse(Order))
    if (isa<LaunchOp>(op)) mergeInPlace(*op);
  assignOffsets();
}

int MemoryPlan::find(int s) const {
  while (All[static_cast<std::size_t>(s)].merged >= 0) s = All[static_cast<std::size_t>(s)].merged;
  return s;
}

int MemoryPlan::make(Value value, Storage::Kind kind, int time, int depth) {
  int s = static_cast<int>(All.size());
  Storage &storage = All.emplace_back();
  storage.kind = kind;
  storage.value = value;
  storage.bytes = num_bytes(*toTensorType(value.getType()));
  storage.start = storage.end = time;
  storage.depth = depth;
  Of[value] = s;
  return s;
}

const Storage &MemoryPlan::carriedStorage(Operation *loop, unsigned k) const {
  return All[static_cast<std::size_t>(find(Carried.find(loop)->second[k]))];
}

// -- Liveness ------------------------------------------------------------------------------------------------------

void MemoryPlan::read(Value value, int time, Operation *op, unsigned operand) {
  Storage &s = All[static_cast<std::size_t>(Of.lookup(value))];
  s.reads.push_back({time, op, operand});
  s.end = std::max(s.end, time);
}

void MemoryPlan::mayFaultAt(int time) {
  FirstFault = std::min(FirstFault, time);
  LastFault = std::max(LastFault, time);
}

void MemoryPlan::scan(mlir::Block &block, int depth) {
  for (Operation &op : block.without_terminator()) scanOp(op, depth);
}

void MemoryPlan::scanOp(Operation &op, int depth) {
  int time = ++Now;
  Order.push_back(&op);
  Times[&op] = {time, time};
  if (isa<IfOp>(op)) return scanIf(op, depth);
  if (isWhile(&op)) return scanWhile(op, depth);
  if (auto constant = dyn_cast<ConstantOp>(op)) {
    bool blob = isa<BlobAttr>(constant.getValue());
    int s = make(op.getResult(0), blob ? Storage::Kind::blob : Storage::Kind::elements, 0, 0);
    Storage &storage = All[static_cast<std::size_t>(s)];
    storage.elements = constant.getValue();
    if (blob) {
      auto it = llvm::find(Blobs, constant.getValue());
      storage.index = static_cast<unsigned>(it - Blobs.begin());
      if (it == Blobs.end()) Blobs.push_back(constant.getValue());
    }
    return;
  }
  if (isa<ReshapeOp>(op)) { // the same bytes
    Of[op.getResult(0)] = Of.lookup(op.getOperand(0));
    return;
  }
  for (auto [i, operand] : llvm::enumerate(op.getOperands())) read(operand, time, &op, static_cast<unsigned>(i));
  if (auto launch = dyn_cast<LaunchOp>(op)) {
    if (launch.getMayFault()) mayFaultAt(time);
    Operation *kernel = SymbolTable::lookupSymbolIn(Kernels, launch.getKernelAttr().getAttr());
    if (kernel && !InPlacePairs.contains(kernel))
      if (auto pairs = kernel->getAttrOfType<DenseI64ArrayAttr>(inplaceAttrName))
        for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(pairs.size()); i += 2)
          InPlacePairs[kernel].insert({pairs[static_cast<int64_t>(i)], pairs[static_cast<int64_t>(i + 1)]});
  }
  for (Value result : op.getResults())
    All[static_cast<std::size_t>(make(result, Storage::Kind::slot, time, depth))].writer = &op;
  if (auto launch = dyn_cast<LaunchOp>(op))
    if (Operation *kernel = SymbolTable::lookupSymbolIn(Kernels, launch.getKernelAttr().getAttr()))
      scanWorkspace(kernel, op, time);
}

void MemoryPlan::scanWorkspace(Operation *kernel, Operation &launch, int time) {
  auto bytes = kernel->getAttrOfType<DimsAttr>(workspaceAttrName);
  if (!bytes) return;
  auto sizes = cast<LaunchOp>(launch).getSizes();
  std::vector<std::string> names;
  std::vector<DimBinding> bindings;
  for (unsigned k = 0; k < sizes.size(); ++k) names.push_back("size" + std::to_string(k));
  for (unsigned k = 0; k < sizes.size(); ++k) bindings.push_back({names[k], sizes.dim(k)});
  Workspace need{substitute(bytes.dim(0), bindings), substitute(bytes.dim(1), bindings), bytes.dim(0) != Dim(0),
                 bytes.dim(1) != Dim(0)};
  auto store = [&](Storage::Kind kind, Dim size) {
    Storage &s = All.emplace_back();
    s.kind = kind;
    s.workspace = true;
    s.value = launch.getResult(0);
    s.bytes = size;
    s.start = s.end = time;
    return static_cast<int>(All.size()) - 1;
  };
  if (need.hasShared && need.shared.is_known()) need.slot = store(Storage::Kind::slot, need.shared);
  Workspaces[&launch] = need;
  Dim shared = need.sharedByTurns();
  if ((shared == Dim(0) && need.each == Dim(0)) || llvm::any_of(ByTurns, [&](const auto &other) {
        return other.second.sharedByTurns() == shared && other.second.each == need.each;
      }))
    return;
  ByTurns.push_back({store(Storage::Kind::workspace, shared + need.each), need});
}

void MemoryPlan::scanIf(Operation &op, int depth) {
  read(op.getOperand(0), Now, &op, 0);
  int start = Now;
  for (Region &region : op.getRegions()) {
    scan(region.front(), depth + 1);
    ++Now;
    Operation *yield = region.front().getTerminator();
    Times[yield] = {Now, Now};
    for (auto [i, value] : llvm::enumerate(yield->getOperands())) read(value, Now, yield, static_cast<unsigned>(i));
  }
  Times[&op].second = ++Now;
  for (Value result : op.getResults()) {
    Storage &s = All[static_cast<std::size_t>(make(result, Storage::Kind::slot, start, depth))];
    s.end = Now;
  }
}

void MemoryPlan::scanWhile(Operation &op, int depth) {
  int start = Now;
  std::size_t before = All.size();
  for (auto [i, operand] : llvm::enumerate(op.getOperands())) read(operand, start, &op, static_cast<unsigned>(i));
  SmallVector<int> carried;
  mlir::Block &test = op.getRegion(0).front(), &body = op.getRegion(1).front();
  for (Value argument : test.getArguments()) {
    int s = make(argument, Storage::Kind::slot, start, depth);
    All[static_cast<std::size_t>(s)].carried = true;
    carried.push_back(s);
  }
  scan(test, depth + 1);
  Operation *handed = test.getTerminator();
  ++Now;
  Times[handed] = {Now, Now};
  for (auto [i, value] : llvm::enumerate(handed->getOperands())) read(value, Now, handed, static_cast<unsigned>(i));
  for (auto [argument, value] : llvm::zip(body.getArguments(), handed->getOperands().drop_front()))
    Of[argument] = Of.lookup(value);
  scan(body, depth + 1);
  Operation *yield = body.getTerminator();
  ++Now;
  Times[yield] = {Now, Now};
  for (auto [i, value] : llvm::enumerate(yield->getOperands())) read(value, Now, yield, static_cast<unsigned>(i));
  int end = ++Now;
  Times[&op].second = end;
  if (mayExceedBound(&op)) mayFaultAt(end);
  for (int s : carried) All[static_cast<std::size_t>(s)].end = end;
  for (auto [result, value] : llvm::zip(op.getResults(), handed->getOperands().drop_front())) {
    Of[result] = Of.lookup(value);
    Storage &s = All[static_cast<std::size_t>(Of[result])];
    s.end = std::max(s.end, end);
  }
  // What was made outside and is read inside has to last for all trips.
  for (std::size_t s = 0; s < before; ++s)
    if (All[s].end > start) All[s].end = std::max(All[s].end, end);
  Carried[&op] = carried;
}

// -- Merging -------------------------------------------------------------------------------------------------------

void MemoryPlan::merge(int into, int from) {
  into = find(into);
  from = find(from);
  if (into == from) return;
  Storage &a = All[static_cast<std::size_t>(into)], &b = All[static_cast<std::size_t>(from)];
  a.start = std::min(a.start, b.start);
  a.end = std::max(a.end, b.end);
  a.reads.append(b.reads);
  a.carried |= b.carried;
  if (b.start <= a.start) a.writer = b.writer;
  b.merged = into;
}

/// State may be overwritten by `s` where it is computed: nothing reads the state or fails later. A call that fails leaves
/// its state as it was, so what is written before that is certain goes to a place of its own and is copied at the end.
bool MemoryPlan::canWriteState(int id, unsigned input) const {
  const Storage &s = All[static_cast<std::size_t>(id)];
  if (!s.writer || s.depth > 0 || s.carried || LastFault >= s.start) return false;
  for (const Storage &other : All) {
    if (other.kind != Storage::Kind::input || other.index != input || other.merged >= 0) continue;
    for (const Storage::Read &r : other.reads) {
      if (r.time > s.start) return false;
      if (r.time < s.start) continue;
      if (!isa<LaunchOp>(r.op)) return false;
      for (Value result : r.op->getResults())
        if (find(Of.lookup(result)) == id && !overwritable(r.op, r.operand, cast<OpResult>(result).getResultNumber()))
          return false;
    }
  }
  return true;
}

void MemoryPlan::placeOutputs(func::FuncOp main) {
  Operation *terminator = main.getBody().front().getTerminator();
  SmallVector<unsigned> copied;
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    int id = find(Of.lookup(value));
    Storage &s = All[static_cast<std::size_t>(id)];
    auto state = main.getResultAttrOfType<IntegerAttr>(static_cast<unsigned>(i), stateOutputAttrName);
    bool direct = s.kind == Storage::Kind::slot && (!state || canWriteState(id, static_cast<unsigned>(state.getInt())));
    if (!direct) {
      copied.push_back(static_cast<unsigned>(i));
      continue;
    }
    s.kind = Storage::Kind::output;
    s.index = static_cast<unsigned>(i);
    if (state && (!CheckBefore || Times.lookup(s.writer).first < Times.lookup(CheckBefore).first))
      CheckBefore = s.writer;
  }
  orderCopies(main, copied);
}

/// A copy to a state output may end the state that another copy reads: readers go first. Where they wait for each other
/// (two states exchanged), one old value is put aside.
void MemoryPlan::orderCopies(func::FuncOp main, ArrayRef<unsigned> copied) {
  struct Pending {
    int from, to;
    int ends; // the state's storage whose old value is lost; -1: none
  };
  SmallVector<Pending> pending;
  Operation *terminator = main.getBody().front().getTerminator();
  int time = ++Now;
  for (unsigned i : copied) {
    Value value = terminator->getOperand(i);
    int to = static_cast<int>(All.size());
    Storage &output = All.emplace_back();
    output.kind = Storage::Kind::output;
    output.index = i;
    output.bytes = num_bytes(*toTensorType(value.getType()));
    output.start = output.end = time;
    auto state = main.getResultAttrOfType<IntegerAttr>(i, stateOutputAttrName);
    int ends = state ? Of.lookup(main.getArgument(static_cast<unsigned>(state.getInt()))) : -1;
    int from = find(Of.lookup(value));
    All[static_cast<std::size_t>(from)].end = time;
    pending.push_back({from, to, ends});
  }
  while (!pending.empty()) {
    auto *free = llvm::find_if(pending, [&](const Pending &p) {
      return p.ends < 0 || llvm::none_of(pending, [&](const Pending &o) { return &o != &p && o.from == p.ends; });
    });
    if (free != pending.end()) {
      Copies.push_back({free->from, free->to});
      pending.erase(free);
      continue;
    }
    int old = pending.front().ends, aside = static_cast<int>(All.size());
    Storage &slot = All.emplace_back();
    slot.bytes = All[static_cast<std::size_t>(old)].bytes;
    slot.value = All[static_cast<std::size_t>(old)].value;
    slot.start = slot.end = time;
    Copies.push_back({old, aside});
    for (Pending &p : pending)
      if (p.from == old) p.from = aside;
  }
}

SmallVector<MemoryPlan::FinalCopy> MemoryPlan::finalCopies() const {
  SmallVector<FinalCopy> copies;
  for (const Copy &c : Copies) {
    const Storage &from = All[static_cast<std::size_t>(find(c.from))];
    const Storage &to = All[static_cast<std::size_t>(find(c.to))];
    copies.push_back({&from, &to, to.bytes});
  }
  return copies;
}

/// A branch computes its results where the `if` wants them.
void MemoryPlan::mergeBranches(Operation &op) {
  for (Region &region : op.getRegions()) {
    Operation *yield = region.front().getTerminator();
    for (auto [result, value] : llvm::zip(op.getResults(), yield->getOperands())) {
      int from = find(Of.lookup(value)), into = find(Of.lookup(result));
      const Storage &s = All[static_cast<std::size_t>(from)];
      bool inside = s.start > Times[&op].first;
      if (s.kind == Storage::Kind::slot && !s.carried && inside && from != into &&
          llvm::count_if(yield->getOperands(), [&](Value v) { return find(Of.lookup(v)) == from; }) == 1)
        merge(into, from);
    }
  }
}

/// Whether `block` may compute `value`, which it yields, over what holds the old value: it hands the old one on, or nothing
/// reads that behind the kernel that makes the new one, and this kernel only where it writes. A branch does either.
bool MemoryPlan::replaces(int old, Value value, mlir::Block &block) const {
  while (auto view = value.getDefiningOp<ReshapeOp>()) value = view.getOperand();
  if (find(Of.lookup(value)) == old) return true;
  Operation *maker = value.getDefiningOp();
  if (!maker || maker->getBlock() != &block || !isa<LaunchOp, IfOp>(maker)) return false;
  unsigned result = cast<OpResult>(value).getResultNumber();
  auto [start, end] = Times.lookup(maker);
  for (const Storage::Read &r : All[static_cast<std::size_t>(old)].reads) {
    if (r.time < start || !block.findAncestorOpInBlock(*r.op)) continue; // before, or not on this path
    if (r.time > end) return false;
    if (isa<LaunchOp>(maker) && !overwritable(maker, r.operand, result)) return false;
  }
  return isa<LaunchOp>(maker) || llvm::all_of(maker->getRegions(), [&](Region &branch) {
           return replaces(old, branch.front().getTerminator()->getOperand(result), branch.front());
         });
}

/// A loop's carried values take over what they start from, and are computed in place where the old ones are read no more.
void MemoryPlan::mergeLoop(Operation &op) {
  ArrayRef<int> carried = Carried.find(&op)->second;
  auto [start, end] = Times[&op];
  Operation *yield = op.getRegion(1).front().getTerminator();
  int last = Times[yield].first;
  for (auto [k, c] : llvm::enumerate(carried)) {
    int into = find(c), from = find(Of.lookup(yield->getOperand(static_cast<unsigned>(k))));
    const Storage &s = All[static_cast<std::size_t>(from)];
    if (from == into || s.kind != Storage::Kind::slot || s.carried || s.start <= start) continue;
    if (s.end > last) continue; // also what the loop hands on
    if (llvm::count_if(yield->getOperands(), [&](Value v) { return find(Of.lookup(v)) == from; }) != 1) continue;
    if (replaces(into, yield->getOperand(static_cast<unsigned>(k)), op.getRegion(1).front())) merge(into, from);
  }
  for (auto [k, c] : llvm::enumerate(carried)) {
    int into = find(c), from = find(Of.lookup(op.getOperand(static_cast<unsigned>(k))));
    const Storage &s = All[static_cast<std::size_t>(from)];
    if (from != into && s.kind == Storage::Kind::slot && !s.carried && s.end == start &&
        All[static_cast<std::size_t>(into)].depth == s.depth &&
        llvm::count_if(op.getOperands(), [&](Value v) { return find(Of.lookup(v)) == from; }) == 1)
      merge(into, from);
  }
}

bool MemoryPlan::overwritable(Operation *launch, unsigned operand, unsigned result) const {
  Operation *kernel = SymbolTable::lookupSymbolIn(Kernels, cast<LaunchOp>(launch).getKernelAttr().getAttr());
  auto it = InPlacePairs.find(kernel);
  return it != InPlacePairs.end() && it->second.contains({operand, result});
}

/// A kernel overwrites an input that nobody reads afterwards.
void MemoryPlan::mergeInPlace(Operation &op) {
  int time = Times[&op].first;
  llvm::DenseSet<int> taken;
  for (OpResult result : op.getResults())
    for (OpOperand &operand : op.getOpOperands()) {
      int into = find(Of.lookup(result)), from = find(Of.lookup(operand.get()));
      const Storage &to = All[static_cast<std::size_t>(into)], &s = All[static_cast<std::size_t>(from)];
      if (into == from || taken.contains(from) || taken.contains(into)) continue;
      if (s.kind != Storage::Kind::slot || s.carried || s.end != time || to.start != time || to.bytes != s.bytes)
        continue;
      if (to.kind == Storage::Kind::output && CheckBefore) continue; // writes to state keep their time
      if (to.carried || llvm::count_if(op.getOperands(), [&](Value v) { return find(Of.lookup(v)) == from; }) != 1)
        continue;
      if (!overwritable(&op, operand.getOperandNumber(), result.getResultNumber())) continue;
      merge(into, from);
      taken.insert(find(into));
      ++NumInPlace;
      break;
    }
}

// -- Offsets -------------------------------------------------------------------------------------------------------

void MemoryPlan::assignOffsets() {
  SmallVector<Storage *> known, named;
  for (Storage &s : All) {
    if (s.merged >= 0 || (s.kind != Storage::Kind::slot && s.kind != Storage::Kind::workspace)) continue;
    // An expression beyond what Dim holds has no size that could be computed at the call.
    if (s.bytes.is_overflow() || (s.bytes.is_known() && s.bytes.value() > max_bytes)) {
      TooLarge = &s;
      return;
    }
    if (s.kind == Storage::Kind::workspace) continue;
    (s.bytes.is_known() ? known : named).push_back(&s);
  }
  // Largest first, each at the lowest place that is free during its life (best known simple heuristic for this problem:
  // Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
  llvm::stable_sort(known, [](Storage *a, Storage *b) { return a->bytes.value() > b->bytes.value(); });
  std::int64_t total = 0;
  SmallVector<Storage *> placed; // by offset
  for (Storage *s : known) {
    std::int64_t size = roundUp64(s->bytes.value()), offset = 0;
    for (Storage *other : placed) {
      if (other->end < s->start || s->end < other->start) continue;
      if (size <= other->offset.value() - offset) break;
      offset = std::max(offset, other->offset.value() + roundUp64(other->bytes.value()));
    }
    if (size > max_bytes - offset) {
      TooLarge = known.front();
      return;
    }
    s->offset = offset;
    placed.insert(
        llvm::upper_bound(placed, s, [](Storage *a, Storage *b) { return a->offset.value() < b->offset.value(); }), s);
    total = std::max(total, offset + size);
  }
  Arena.push_back(total);
  // Named sizes: only equal ones share, since nothing says which of two is larger. Where each begins is computed at the
  // call: a sum of many expressions would be one that Dim does not hold.
  llvm::stable_sort(named, [](Storage *a, Storage *b) { return a->start < b->start; });
  SmallVector<int> ends{0}; // by place
  for (Storage *s : named) {
    for (unsigned k = 1; k < Arena.size() && !s->place; ++k)
      if (Arena[k] == s->bytes && ends[k] < s->start) s->place = k;
    if (!s->place) {
      s->place = static_cast<unsigned>(Arena.size());
      Arena.push_back(s->bytes);
      ends.push_back(0);
    }
    ends[s->place] = s->end;
  }
}

} // namespace burin::passes
