// Turns @main on tensors into the host program on buffers, by the plan of MemoryPlan.h.
#include "compiler/ir/ArenaAttributes.h"
#include "compiler/ir/Loops.h"
#include "passes/MemoryPlan.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace burin::passes {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

namespace {
using namespace burin::ir;

class HostWriter {
public:
  HostWriter(func::FuncOp main, const MemoryPlan &plan) : Main(main), Plan(plan), B(main.getContext()) {}

  func::FuncOp run() {
    MLIRContext *context = Main.getContext();
    mlir::Block &source = Main.getBody().front();
    unsigned numInputs = source.getNumArguments(), numBlobs = static_cast<unsigned>(Plan.blobs().size());
    unsigned numOutputs = source.getTerminator()->getNumOperands();
    SmallVector<mlir::Type> types(numInputs + numBlobs + numOutputs, host::BufferType::get(context));
    B.setInsertionPoint(Main);
    auto entry = func::FuncOp::create(B, Main.getLoc(), entryName, B.getFunctionType(types, {}));
    if (auto sizes = Main->getAttr(sizesAttrName)) entry->setAttr(sizesAttrName, sizes);
    entry->setAttr(arenaAttrName, DimsAttr::get(context, Plan.arena()));
    if (auto checks = Main->getAttr(checksAttrName)) entry->setAttr(checksAttrName, checks);
    if (!Plan.byTurns().empty()) entry->setAttr(workspacesAttrName, workspaces());
    if (numBlobs) entry->setAttr(blobsAttrName, B.getArrayAttr(Plan.blobs()));
    mlir::Block *block = entry.addEntryBlock();
    B.setInsertionPointToStart(block);
    Location loc = Main.getLoc();
    for (const Storage &s : Plan.all()) {
      Value buffer;
      if (s.merged < 0) switch (s.kind) {
        case Storage::Kind::input:
          buffer = block->getArgument(s.index);
          break;
        case Storage::Kind::blob:
          buffer = block->getArgument(numInputs + s.index);
          break;
        case Storage::Kind::output:
          buffer = block->getArgument(numInputs + numBlobs + s.index);
          break;
        case Storage::Kind::slot:
          buffer = makeSlot(s);
          break;
        case Storage::Kind::elements:
          buffer = host::BytesOp::create(B, loc, host::BufferType::get(context), cast<ElementsAttr>(s.elements));
          break;
        case Storage::Kind::workspace: // launches say what they use of it
          break;
        }
      Buffers.push_back(buffer);
    }
    write(source);
    if (Plan.mayFault() && !Plan.checkBefore()) host::CheckFaultsOp::create(B, loc);
    for (const MemoryPlan::FinalCopy &c : Plan.finalCopies()) copy(loc, buffer(*c.from), buffer(*c.to), c.bytes);
    func::ReturnOp::create(B, loc);
    return entry;
  }

  /// What a call is told that has no memory for `s`: who makes it, its type, and where.
  std::string shortage(const Storage &s) const {
    Operation *maker = s.value.getDefiningOp();
    if (!maker) maker = cast<BlockArgument>(s.value).getOwner()->getParentOp();
    StringRef name = maker->getName().stripDialect();
    if (auto launch = dyn_cast<LaunchOp>(maker)) name = launch.getKernel().rsplit('_').first;
    std::string text = name.str() + ": no memory for " + (s.workspace ? "the workspace of " : "the result ") +
                       to_string(*toTensorType(s.value.getType()));
    if (auto graph = dyn_cast<NameLoc>(Main.getLoc())) text += "\nin \"" + graph.getName().str() + "\"";
    maker->getLoc()->walk([&](Location part) {
      auto line = dyn_cast<FileLineColLoc>(part);
      if (!line) return WalkResult::advance();
      text += " at " + line.getFilename().str() + ":" + std::to_string(line.getLine());
      return WalkResult::interrupt();
    });
    return text;
  }

private:
  Value makeSlot(const Storage &s) {
    auto slot =
        host::SlotOp::create(B, Main.getLoc(), host::BufferType::get(Main.getContext()), dims(s.offset), dims(s.bytes));
    if (s.place) slot->setAttr(placeAttrName, B.getI32IntegerAttr(static_cast<int>(s.place)));
    slot->setAttr(shortageAttrName, B.getStringAttr(shortage(s)));
    return slot;
  }
  ArrayAttr workspaces() {
    SmallVector<mlir::Attribute> pairs;
    for (const auto &[s, need] : Plan.byTurns())
      pairs.push_back(B.getArrayAttr({B.getStringAttr(shortage(Plan.all()[static_cast<std::size_t>(s)])),
                                      DimsAttr::get(Main.getContext(), {need.sharedByTurns(), need.each})}));
    return B.getArrayAttr(pairs);
  }
  DimsAttr dims(Dim dim) { return DimsAttr::get(Main.getContext(), ArrayRef<Dim>(dim)); }
  Value buffer(const Storage &s) { return Buffers[Plan.id(s)]; }
  Value bufferOf(Value value) { return buffer(Plan.storage(value)); }
  Dim bytesOf(Value value) { return num_bytes(*toTensorType(value.getType())); }
  void copy(Location loc, Value from, Value to, Dim bytes) {
    if (from != to && bytes != Dim(0)) host::CopyOp::create(B, loc, from, to, dims(bytes));
  }

  void write(mlir::Block &block) {
    for (Operation &op : block.without_terminator()) {
      if (&op == Plan.checkBefore() && Plan.mayFault()) host::CheckFaultsOp::create(B, op.getLoc());
      if (auto launch = dyn_cast<LaunchOp>(op))
        writeLaunch(launch);
      else if (isa<IfOp>(op))
        writeIf(op);
      else if (isa<WhileOp>(op))
        writeWhile(op);
      else if (auto print = dyn_cast<PrintOp>(op))
        writePrint(print);
    }
  }

  void writeLaunch(LaunchOp launch) {
    SmallVector<Value> inputs, outputs, workspace;
    for (Value operand : launch.getInputs()) inputs.push_back(bufferOf(operand));
    for (Value result : launch.getResults()) outputs.push_back(bufferOf(result));
    if (const MemoryPlan::Workspace *need = Plan.workspaceOf(launch)) {
      Dim byTurns = need->sharedByTurns();
      auto at = [&](Dim offset) {
        return host::WorkspaceOp::create(B, launch.getLoc(), host::BufferType::get(B.getContext()), dims(offset));
      };
      if (need->slot >= 0)
        workspace.push_back(Buffers[static_cast<std::size_t>(need->slot)]);
      else if (need->hasShared)
        workspace.push_back(at(0));
      if (need->hasEach) workspace.push_back(at(ceildiv(byTurns, 64) * Dim(64)));
    }
    host::LaunchOp::create(B, launch.getLoc(), launch.getKernelAttr(), inputs, outputs, workspace, launch.getSizes());
  }

  void writePrint(Operation *op) {
    TensorType type = *toTensorType(op->getOperand(0).getType());
    host::PrintOp::create(B, op->getLoc(), bufferOf(op->getOperand(0)), op->getAttrOfType<StringAttr>("label"),
                          TypeAttr::get(toMlir(op->getContext(), type.dtype)),
                          DimsAttr::get(op->getContext(), ArrayRef<Dim>(type.shape.begin(), type.shape.end())));
  }

  void writeIf(Operation &op) {
    Location loc = op.getLoc();
    Value condition = host::LoadOp::create(B, loc, B.getI1Type(), bufferOf(op.getOperand(0)));
    auto made = scf::IfOp::create(B, loc, TypeRange{}, condition, /*withElseRegion=*/true);
    for (unsigned i = 0; i < 2; ++i) {
      OpBuilder::InsertionGuard guard(B);
      B.setInsertionPointToStart(i == 0 ? made.thenBlock() : made.elseBlock());
      mlir::Block &branch = op.getRegion(i).front();
      write(branch);
      for (auto [result, value] : llvm::zip(op.getResults(), branch.getTerminator()->getOperands()))
        copy(branch.getTerminator()->getLoc(), bufferOf(value), bufferOf(result), bytesOf(value));
    }
  }

  void writeWhile(Operation &op) {
    Location loc = op.getLoc();
    for (auto [k, operand] : llvm::enumerate(op.getOperands()))
      copy(loc, bufferOf(operand), buffer(Plan.carriedStorage(&op, static_cast<unsigned>(k))), bytesOf(operand));
    // Trips are counted where there is a bound that may not hold; a loop of a program that may fault ends with the fault.
    const bool counted = mayExceedBound(&op), stoppable = Plan.mayFaultWithin(&op);
    SmallVector<Value, 1> zero;
    if (counted) zero.push_back(arith::ConstantOp::create(B, loc, B.getI64IntegerAttr(0)));
    SmallVector<mlir::Type, 1> types(zero.size(), B.getI64Type());
    SmallVector<Location, 1> locations(zero.size(), loc);
    auto loop = scf::WhileOp::create(B, loc, types, zero);
    OpBuilder::InsertionGuard guard(B);
    mlir::Block &test = op.getRegion(0).front(), &body = op.getRegion(1).front();
    mlir::Block *before = B.createBlock(&loop.getBefore(), {}, types, locations);
    auto writeTest = [&]() -> Value {
      write(test);
      Value again = host::LoadOp::create(B, loc, B.getI1Type(), bufferOf(test.getTerminator()->getOperand(0)));
      if (!counted) return again;
      return host::BoundOp::create(B, loc, B.getI1Type(), again, before->getArgument(0),
                                   cast<DimsAttr>(op.getAttr("max_trips")), op.getAttrOfType<IntegerAttr>(opAttrName));
    };
    scf::ConditionOp::create(B, loc, stoppable ? unlessFaulted(loc, writeTest) : writeTest(), before->getArguments());
    mlir::Block *after = B.createBlock(&loop.getAfter(), {}, types, locations);
    write(body);
    writeCarried(op, body.getTerminator());
    SmallVector<Value, 1> trips;
    if (counted) {
      Value one = arith::ConstantOp::create(B, loc, B.getI64IntegerAttr(1));
      trips.push_back(arith::AddIOp::create(B, loc, after->getArgument(0), one));
    }
    scf::YieldOp::create(B, loc, trips);
  }

  /// What `condition` gives, or false without a look at it where a fault was recorded.
  Value unlessFaulted(Location loc, llvm::function_ref<Value()> condition) {
    Value faulted = host::FaultedOp::create(B, loc, B.getI1Type());
    auto choice = scf::IfOp::create(B, loc, TypeRange(B.getI1Type()), faulted, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(B);
    B.setInsertionPointToStart(choice.thenBlock());
    Value no = arith::ConstantOp::create(B, loc, B.getBoolAttr(false));
    scf::YieldOp::create(B, loc, no);
    B.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(B, loc, condition());
    return choice.getResult(0);
  }

  /// The next carried values, all at once: one that is still to be read as an old value is put aside first. Putting
  /// aside takes the place of a slot that the plan made for it (`Storage` of the yielded value itself), so only values
  /// that are themselves carried ones need a second copy.
  void writeCarried(Operation &op, Operation *yield) {
    struct Move {
      Value from, to;
      Dim bytes;
    };
    SmallVector<Move> moves;
    for (auto [k, value] : llvm::enumerate(yield->getOperands())) {
      Move move{bufferOf(value), buffer(Plan.carriedStorage(&op, static_cast<unsigned>(k))), bytesOf(value)};
      if (move.from != move.to && move.bytes != Dim(0)) moves.push_back(move);
    }
    // Moves whose target nobody else reads any more go first; what is left is cycles, broken by an exchange.
    while (!moves.empty()) {
      auto it = llvm::find_if(moves, [&](const Move &m) {
        return llvm::none_of(moves, [&](const Move &o) { return &o != &m && o.from == m.to; });
      });
      if (it != moves.end()) {
        copy(yield->getLoc(), it->from, it->to, it->bytes);
        moves.erase(it);
        continue;
      }
      // Exchange the first with its target; whoever wanted the target's old bytes finds them at the source.
      Move m = moves.front();
      host::ExchangeOp::create(B, yield->getLoc(), m.from, m.to, dims(m.bytes));
      moves.erase(moves.begin());
      for (Move &o : moves)
        if (o.from == m.to) o.from = m.from;
      llvm::erase_if(moves, [](const Move &o) { return o.from == o.to; });
    }
  }

  mutable func::FuncOp Main;
  const MemoryPlan &Plan;
  OpBuilder B;
  SmallVector<Value> Buffers;
};

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    auto kernels = module.lookupSymbol<ModuleOp>(kernelsModuleName);
    if (!main || !kernels) {
      module.emitError("plan-memory needs @main and the kernels that outline-kernels makes");
      return signalPassFailure();
    }
    WalkResult fine = main.walk([&](Operation *op) {
      if (isa<func::FuncOp, func::ReturnOp, LaunchOp, ConstantOp, ReshapeOp, PrintOp, IfOp, WhileOp, YieldOp>(op))
        return WalkResult::advance();
      op->emitOpError("is not planned: it belongs in a kernel (run fuse-kernels and outline-kernels first)");
      return WalkResult::interrupt();
    });
    if (fine.wasInterrupted()) return signalPassFailure();
    MemoryPlan plan(main, kernels);
    HostWriter writer(main, plan);
    if (const Storage *s = plan.tooLarge()) {
      main.emitError(writer.shortage(*s) + " [too-large]");
      return signalPassFailure();
    }
    writer.run();
    main.erase();
  }
};

} // namespace
} // namespace burin::passes
