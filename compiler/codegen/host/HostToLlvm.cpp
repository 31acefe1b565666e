// The host program to the LLVM dialect.
#include "compiler/codegen/host/HostToLlvm.h"

#include "compiler/codegen/host/ContextAbi.h"
#include "compiler/ir/ArenaAttributes.h"
#include "compiler/ir/Dialect.h"
#include "compiler/ir/KernelAttributes.h"
#include "compiler/ir/Types.h"
#include "runtime/ops/bytes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <map>

using namespace mlir;

namespace burin::codegen::host {
namespace {
using namespace burin::ir;
namespace ops = burin::ir::host;

/// Rounds down for dividends below zero too; a divisor of zero gives zero.
Value floorDiv(Emitter &e, Value x, Value y) {
  Value zero = e.index(0), one = e.index(1);
  Value valid = LLVM::ICmpOp::create(e.B, LLVM::ICmpPredicate::sgt, y, zero);
  Value divisor = e.select(valid, y, one);
  Value quotient = LLVM::SDivOp::create(e.B, x, divisor);
  Value rest = LLVM::SRemOp::create(e.B, x, divisor);
  Value low = LLVM::ICmpOp::create(e.B, LLVM::ICmpPredicate::slt, rest, zero);
  return e.select(valid, e.select(low, e.sub(quotient, one), quotient), zero);
}

std::vector<std::string> sizeNames(func::FuncOp entry) {
  std::vector<std::string> names;
  if (auto sizes = entry->getAttrOfType<ArrayAttr>(sizesAttrName))
    for (auto name : sizes.getAsRange<StringAttr>()) names.push_back(name.str());
  return names;
}

class HostLowering {
public:
  HostLowering(func::FuncOp entry, ModuleOp module)
      : Entry(entry), Module(module), Builder(module.getContext()),
        Pointer(LLVM::LLVMPointerType::get(module.getContext())),
        Places(entry->getAttrOfType<DimsAttr>(ir::arenaAttrName)) {
    if (auto pairs = entry->getAttrOfType<ArrayAttr>(ir::workspacesAttrName))
      llvm::append_range(Workspaces, pairs.getAsRange<ArrayAttr>());
  }

  LogicalResult run() {
    mlir::Block &block = Entry.getBody().front();
    for (auto [i, argument] : llvm::enumerate(block.getArguments())) Inputs[argument] = static_cast<unsigned>(i);
    // Cut in parts; a part ends at a check, which decides whether the next one runs.
    SmallVector<std::string> parts;
    SmallVector<bool> checked;
    SmallVector<Operation *> part;
    auto close = [&](bool check) {
      if (part.empty() && !check) return;
      parts.push_back(part.empty() ? "" : writePart(part, parts.size()));
      checked.push_back(check);
      part.clear();
    };
    unsigned size = 0;
    for (Operation &op : block.without_terminator()) {
      if (isa<ops::CheckFaultsOp>(op)) {
        close(true);
        size = 0;
        continue;
      }
      unsigned count = 0;
      op.walk([&](Operation *) { ++count; });
      if (size + count > maxOpsPerFunction) {
        // A scalar lives in one function: the load that an `if` decides by goes with it.
        Operation *load = nullptr;
        if (!part.empty() && isa<ops::LoadOp>(part.back()) && llvm::is_contained(part.back()->getUsers(), &op))
          load = part.pop_back_val();
        close(false);
        size = 0;
        if (load) part.push_back(load);
      }
      size += count;
      if (!isa<ops::SlotOp, ops::WorkspaceOp, ops::BytesOp, arith::ConstantOp>(op)) part.push_back(&op);
    }
    close(false);
    if (failed(Status)) return failure();
    writeEntry(parts, checked);
    writePlanned();
    return Status;
  }

private:
  // -- functions ---------------------------------------------------------------------------------------------------
  LLVM::LLVMFuncOp openFunction(StringRef name, mlir::Type result, unsigned pointers) {
    Builder.setInsertionPointToEnd(Module.getBody());
    auto type = LLVM::LLVMFunctionType::get(result, SmallVector<mlir::Type>(pointers, Pointer));
    auto function = LLVM::LLVMFuncOp::create(Builder, Entry.getLoc(), name, type);
    function.setNoUnwind(true);
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    return function;
  }

  /// `void burin_entry.N(buffers, sizes, ctx, arena)`
  std::string writePart(ArrayRef<Operation *> part, std::size_t number) {
    std::string name = (ir::entryName + "." + Twine(number)).str();
    auto function = openFunction(name, LLVM::LLVMVoidType::get(Module.getContext()), 4);
    function.setLinkage(LLVM::Linkage::Internal);
    Emitter e(Builder, Entry.getLoc());
    Table = function.getArgument(0);
    Sizes = function.getArgument(1);
    Ctx = function.getArgument(2);
    Arena = function.getArgument(3);
    unsigned maxBuffers = 0, maxSizes = 0;
    for (Operation *op : part)
      op->walk([&](Operation *inner) {
        if (auto launch = dyn_cast<ops::LaunchOp>(inner)) {
          maxBuffers = std::max(maxBuffers, launch->getNumOperands());
          maxSizes = std::max(maxSizes, launch.getSizes().size());
        } else if (auto print = dyn_cast<ops::PrintOp>(inner)) {
          maxSizes = std::max(maxSizes, print.getShape().size());
        }
      });
    LaunchBuffers = LLVM::AllocaOp::create(e.B, Pointer, Pointer, e.index(std::max(maxBuffers, 1u)), 8);
    LaunchSizes = LLVM::AllocaOp::create(e.B, Pointer, e.B.getI64Type(), e.index(std::max(maxSizes, 1u)), 8);
    for (Operation *op : part) write(e, op);
    LLVM::ReturnOp::create(e.B, ValueRange{});
    return name;
  }

  void writeEntry(ArrayRef<std::string> parts, ArrayRef<bool> checked) {
    auto function = openFunction(ir::entryName, Builder.getI32Type(), 3);
    Emitter e(Builder, Entry.getLoc());
    Table = function.getArgument(0);
    Sizes = function.getArgument(1);
    Ctx = function.getArgument(2);
    auto status = [&](burin_rt_status s) -> Value {
      return LLVM::ConstantOp::create(e.B, e.B.getI32Type(), static_cast<int32_t>(s));
    };
    // Leaves with `s` where the condition holds; the emitter goes on behind.
    auto leaveIf = [&](Value condition, burin_rt_status s, llvm::function_ref<void()> first = nullptr) {
      mlir::Block *here = e.B.getInsertionBlock();
      mlir::Block *leave = e.B.createBlock(&function.getBody());
      if (first) first();
      LLVM::ReturnOp::create(e.B, status(s));
      mlir::Block *next = e.B.createBlock(&function.getBody());
      e.B.setInsertionPointToEnd(here);
      LLVM::CondBrOp::create(e.B, condition, leave, next);
      e.B.setInsertionPointToStart(next);
    };
    openArena(e, leaveIf);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(Module.getContext()), SmallVector<mlir::Type>(4, Pointer));
    for (auto [part, check] : llvm::zip(parts, checked)) {
      if (!part.empty()) LLVM::CallOp::create(e.B, type, part, ValueRange{Table, Sizes, Ctx, Arena}).setNoUnwind(true);
      if (check) leaveIf(rt::faulted(e, Ctx), BURIN_RT_FAULT);
    }
    LLVM::ReturnOp::create(e.B, status(BURIN_RT_OK));
  }

  /// What a call takes beside its arguments and results.
  struct Demand {
    Value Total, Overflow;     // bytes; i1, null where nothing can overflow
    SmallVector<Value> Bytes;  // of each place of the arena
    SmallVector<Value> Begins; // of all places but the first, and of the workspace if there is any
    SmallVector<std::pair<StringRef, Value>> Workspaces; // a text and bytes each
    SmallVector<std::pair<StringRef, Value>> Refused; // those which depend on sizes: a text and whether it is too large
  };
  Demand demand(Emitter &e, SizeExpressions &expressions, Value workers) {
    Demand need;
    Value most = e.index(max_bytes);
    auto roundUp = [&](Value bytes, Value &overflow) {
      if (auto known = Emitter::constantOf(bytes)) return e.index((*known + 63) / 64 * 64); // at most max_bytes
      return e.both(expressions.sum(bytes, e.index(63), overflow), e.index(-64));
    };
    // Each place begins where the one before ends, rounded up; no place is larger than what was checked above, so that a
    // sum which grows from place to place and stays below the limit has not overflowed.
    need.Total = e.index(Places.dim(0).value());
    need.Bytes.push_back(need.Total);
    for (unsigned k = 1; k < Places.size(); ++k) {
      need.Begins.push_back(need.Total);
      need.Bytes.push_back(checkedSize(expressions, Places.dim(k), need.Overflow));
      need.Total = expressions.sum(need.Total, roundUp(need.Bytes.back(), need.Overflow), need.Overflow);
    }
    if (Places.size() > 1) need.Overflow = either(e, e.less(most, need.Total), need.Overflow);
    Value largest;
    for (auto pair : Workspaces) {
      auto dims = cast<DimsAttr>(pair[1]);
      StringRef text = cast<StringAttr>(pair[0]).getValue();
      Value overflow, shared = roundUp(checkedSize(expressions, dims.dim(0), overflow), overflow);
      Value each = roundUp(checkedSize(expressions, dims.dim(1), overflow), overflow);
      constexpr std::int64_t small = std::int64_t{1} << 29; // so that no number of workers makes too much of it
      auto knownShared = Emitter::constantOf(shared), knownEach = Emitter::constantOf(each);
      Value bytes;
      if (knownShared && knownEach && *knownShared <= small && *knownEach <= small) {
        bytes = e.add(shared, e.mul(each, workers));
      } else {
        bytes = expressions.sum(shared, expressions.product({each, workers}, overflow), overflow);
        need.Refused.push_back({text, either(e, e.less(most, bytes), overflow)});
      }
      need.Workspaces.push_back({text, bytes});
      largest = largest ? e.max(largest, bytes) : bytes;
    }
    if (largest) {
      need.Begins.push_back(need.Total);
      need.Total = expressions.sum(need.Total, largest, need.Overflow);
      if (need.Overflow) need.Overflow = either(e, e.less(most, need.Total), need.Overflow);
    }
    return need;
  }

  /// `i64 burin_planned(const i64* sizes, i64 workers)`: bytes that a call with such sizes takes beside its arguments and
  /// results, known before it runs; -1 where no memory holds them.
  void writePlanned() {
    Builder.setInsertionPointToEnd(Module.getBody());
    mlir::Type i64 = Builder.getI64Type();
    auto function = LLVM::LLVMFuncOp::create(Builder, Entry.getLoc(), ir::plannedName,
                                             LLVM::LLVMFunctionType::get(i64, {Pointer, i64}));
    function.setNoUnwind(true);
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    Emitter e(Builder, Entry.getLoc());
    SizeExpressions expressions(e, sizeNames(Entry), function.getArgument(0));
    Demand need = demand(e, expressions, function.getArgument(1));
    for (auto &[text, condition] : need.Refused) need.Overflow = either(e, condition, need.Overflow);
    Value bytes = need.Overflow ? e.select(need.Overflow, e.index(-1), need.Total) : need.Total;
    LLVM::ReturnOp::create(e.B, bytes);
  }

  /// Computes the table of sizes, leaves where they are too large, and gets the arena.
  void openArena(Emitter &e, llvm::function_ref<void(Value, burin_rt_status, llvm::function_ref<void()>)> leaveIf) {
    SizeExpressions expressions(e, sizeNames(Entry), Sizes);
    Value most = e.index(max_bytes), tooMany = e.index(-1);
    // What the values of the call need, and which of them no memory holds: a text and a condition each.
    SmallVector<std::pair<StringRef, Value>> refused;
    if (auto checks = Entry->getAttrOfType<ArrayAttr>(ir::checksAttrName))
      for (auto check : checks.getAsRange<ArrayAttr>()) {
        SmallVector<Value> factors;
        Value overflow;
        auto dims = cast<DimsAttr>(check[1]);
        for (unsigned i = 0; i < dims.size(); ++i) factors.push_back(checkedSize(expressions, dims.dim(i), overflow));
        Value bytes = expressions.product(factors, overflow), beyond = e.less(most, bytes);
        refused.push_back({cast<StringAttr>(check[0]).getValue(), either(e, beyond, overflow)});
      }
    Demand need = demand(e, expressions, rt::numThreads(e, Ctx));
    Value overflow = need.Overflow;
    for (auto &[text, condition] : need.Refused) refused.push_back({text, condition});
    Value table = Sizes;
    if (std::size_t entries = need.Begins.size() + Computed.size(); entries > 0)
      table = LLVM::AllocaOp::create(e.B, Pointer, e.B.getI64Type(), e.index(static_cast<std::int64_t>(entries)), 8);
    Buffer slots(table, e.B.getI64Type());
    std::int64_t next = 0;
    for (Value begin : need.Begins) e.store(begin, slots, e.index(next++));
    for (Dim dim : Computed) e.store(checkedSize(expressions, dim, overflow), slots, e.index(next++));
    Sizes = table;
    if (!refused.empty() || overflow) {
      Value any = overflow;
      for (auto &[what, condition] : refused) any = any ? either(e, condition, any) : condition;
      leaveIf(any, BURIN_RT_OUT_OF_MEMORY, [&] {
        auto [what, bytes] = largest(e, need);
        for (auto &[text, condition] : llvm::reverse(refused)) { // the first in program order decides
          what = e.select(condition, line(e, text), what);
          bytes = e.select(condition, tooMany, bytes);
        }
        rt::refuse(e, Ctx, what, bytes, tooMany);
      });
    }
    Arena = LLVM::ZeroOp::create(e.B, Pointer);
    if (Emitter::constantOf(need.Total) == 0) return;
    Value none = LLVM::ZeroOp::create(e.B, Pointer);
    Arena = rt::arena(e, Ctx, need.Total);
    leaveIf(LLVM::ICmpOp::create(e.B, LLVM::ICmpPredicate::eq, Arena, none), BURIN_RT_OUT_OF_MEMORY, [&] {
      auto [what, bytes] = largest(e, need);
      rt::refuse(e, Ctx, what, bytes, need.Total);
    });
  }

  Value either(Emitter &e, Value x, Value y) { return y ? LLVM::OrOp::create(e.B, x, y).getResult() : x; }

  static std::size_t placeOf(ops::SlotOp slot) {
    auto place = slot->getAttrOfType<IntegerAttr>(ir::placeAttrName);
    return place ? static_cast<std::size_t>(place.getInt()) : 0;
  }

  /// What takes most of the arena: what a call is told that has no memory for it, and its bytes.
  std::pair<Value, Value> largest(Emitter &e, const Demand &need) {
    SmallVector<ops::SlotOp> by(need.Bytes.size());
    for (auto slot : Entry.getOps<ops::SlotOp>()) {
      auto &known = by[placeOf(slot)];
      if (!known || (placeOf(slot) == 0 && slot.getBytes().dim(0).value() > known.getBytes().dim(0).value()))
        known = slot;
    }
    Value what, bytes;
    auto consider = [&](StringRef told, Value here) {
      Value text = line(e, told), larger = what ? e.less(bytes, here) : Value();
      what = larger ? e.select(larger, text, what) : text;
      bytes = larger ? e.select(larger, here, bytes) : here;
    };
    for (auto [slot, size] : llvm::zip(by, need.Bytes))
      if (slot)
        consider(slot->getAttrOfType<StringAttr>(ir::shortageAttrName).getValue(),
                 placeOf(slot) ? size : e.index(slot.getBytes().dim(0).value()));
    for (auto &[text, size] : need.Workspaces) consider(text, size);
    if (what) return {what, bytes};
    return {line(e, "a size of the call has no number of 64 bits"), e.index(-1)};
  }
  /// A terminated text of the object.
  Value line(Emitter &e, StringRef text) {
    std::string terminated = text.str();
    terminated.push_back('\0');
    return global(e, terminated);
  }

  Value checkedSize(SizeExpressions &expressions, Dim dim, Value &overflow) {
    if (Value value = expressions.value(dim, overflow)) return value;
    Status = Entry.emitError("size '") << to_string(dim) << "' does not follow from the entry's sizes";
    return expressions.product({}, overflow);
  }

  // -- sizes and buffers ---------------------------------------------------------------------------------------------
  /// A size, from the table that the entry has filled.
  Value size(Emitter &e, Dim dim) {
    if (dim.is_known()) return e.index(dim.value());
    auto [it, fresh] = Positions.try_emplace(dim.word(), static_cast<unsigned>(Computed.size()));
    if (fresh) Computed.push_back(dim);
    return entry(e, Places.size() - (Workspaces.empty() ? 1 : 0) + it->second);
  }
  Value entry(Emitter &e, std::size_t position) {
    return e.load(Buffer(Sizes, e.B.getI64Type()), e.index(static_cast<std::int64_t>(position)));
  }

  Value buffer(Emitter &e, Value value) {
    if (auto it = Inputs.find(value); it != Inputs.end()) return e.load(Buffer(Table, Pointer, 8), e.index(it->second));
    Operation *def = value.getDefiningOp();
    if (auto slot = dyn_cast<ops::SlotOp>(def))
      return e.address(Buffer(Arena, e.B.getI8Type()),
                       placeOf(slot) ? entry(e, placeOf(slot) - 1) : size(e, slot.getOffset().dim(0)));
    if (auto workspace = dyn_cast<ops::WorkspaceOp>(def))
      return e.address(Buffer(Arena, e.B.getI8Type()),
                       e.add(entry(e, Places.size() - 1), size(e, workspace.getOffset().dim(0))));
    auto elements = cast<DenseElementsAttr>(cast<ops::BytesOp>(def).getValue());
    HostTensor data = toHostTensor(elements);
    return global(e, StringRef(data.data<char>(), static_cast<std::size_t>(data.num_bytes())));
  }

  /// Read-only bytes of the object.
  Value global(Emitter &e, StringRef bytes) {
    auto &symbol = Globals[bytes];
    if (symbol.empty()) {
      symbol = "burin_bytes." + std::to_string(Globals.size() - 1);
      OpBuilder::InsertionGuard guard(e.B);
      e.B.setInsertionPointToStart(Module.getBody());
      std::string data = bytes.empty() ? std::string(1, '\0') : bytes.str();
      auto type = LLVM::LLVMArrayType::get(e.B.getI8Type(), static_cast<unsigned>(data.size()));
      LLVM::GlobalOp::create(e.B, type, /*isConstant=*/true, LLVM::Linkage::Internal, symbol, e.B.getStringAttr(data),
                             /*alignment=*/64);
    }
    return LLVM::AddressOfOp::create(e.B, Pointer, symbol);
  }

  // -- ops -------------------------------------------------------------------------------------------------------------
  void write(Emitter &e, Operation *op) {
    e.B.setLoc(op->getLoc());
    if (auto launch = dyn_cast<ops::LaunchOp>(op)) return writeLaunch(e, launch);
    if (auto copy = dyn_cast<ops::CopyOp>(op)) {
      Value to = buffer(e, copy.getTo()), from = buffer(e, copy.getFrom());
      auto move = [&] { LLVM::MemmoveOp::create(e.B, to, from, size(e, copy.getBytes().dim(0)), false); };
      // State that stays as it is has its own memory as often as not.
      if (Inputs.contains(copy.getTo()) && Inputs.contains(copy.getFrom()))
        e.when(LLVM::ICmpOp::create(e.B, LLVM::ICmpPredicate::ne, to, from), move);
      else
        move();
      return;
    }
    if (auto exchange = dyn_cast<ops::ExchangeOp>(op)) return writeExchange(e, exchange);
    if (auto load = dyn_cast<ops::LoadOp>(op)) {
      Value byte = e.load(Buffer(buffer(e, load.getFrom()), e.B.getI8Type()), e.index(0));
      Value zero = LLVM::ConstantOp::create(e.B, e.B.getI8Type(), 0);
      Scalars[load.getResult()] = LLVM::ICmpOp::create(e.B, LLVM::ICmpPredicate::ne, byte, zero);
      return;
    }
    if (auto print = dyn_cast<ops::PrintOp>(op)) return writePrint(e, print);
    if (isa<ops::FaultedOp>(op)) {
      Scalars[op->getResult(0)] = rt::faulted(e, Ctx);
      return;
    }
    if (auto bound = dyn_cast<ops::BoundOp>(op)) return writeBound(e, bound);
    if (isa<arith::ConstantOp, ops::WorkspaceOp>(op)) return; // made where it is used
    if (auto add = dyn_cast<arith::AddIOp>(op)) {
      Scalars[add.getResult()] = e.add(scalar(e, add.getLhs()), scalar(e, add.getRhs()));
      return;
    }
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      auto region = [&](Region &r) {
        for (Operation &inner : r.front().without_terminator()) write(e, &inner);
        return scalars(e, r.front().getTerminator()->getOperands());
      };
      Value condition = scalar(e, branch.getCondition());
      auto then = [&] { return region(branch.getThenRegion()); };
      auto otherwise = [&] { return region(branch.getElseRegion()); };
      if (branch.getNumResults() == 0)
        e.when(condition, [&] { then(); }, [&] { otherwise(); });
      else
        bind(branch.getResults(), e.choose(condition, branch.getResultTypes(), then, otherwise));
      return;
    }
    if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      auto block = [&](mlir::Block &b, ValueRange arguments) {
        bind(b.getArguments(), arguments);
        for (Operation &inner : b.without_terminator()) write(e, &inner);
        return scalars(e, b.getTerminator()->getOperands());
      };
      e.whileLoop(
          scalars(e, loop.getInits()),
          [&](ValueRange trips) { return block(loop.getBefore().front(), trips); }, // the condition is first
          [&](ValueRange trips) { return block(loop.getAfter().front(), trips); });
      return;
    }
    Status = op->emitOpError("is no op of a host program");
  }

  /// Scalars of the host program; constants belong to no function.
  Value scalar(Emitter &e, Value value) {
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      return LLVM::ConstantOp::create(e.B, constant.getType(), constant.getValue());
    return Scalars.lookup(value);
  }
  Values scalars(Emitter &e, ValueRange values) {
    Values result;
    for (Value value : values) result.push_back(scalar(e, value));
    return result;
  }
  void bind(ValueRange values, ValueRange made) {
    for (auto [value, is] : llvm::zip(values, made)) Scalars[value] = is;
  }

  void writeBound(Emitter &e, ops::BoundOp bound) {
    Value most = size(e, bound.getMost().dim(0)), again = scalar(e, bound.getAgain());
    Value fits = e.less(scalar(e, bound.getTrips()), most);
    Value exceeds = e.both(again, LLVM::XOrOp::create(e.B, fits, scalarTrue(e)));
    e.when(exceeds, [&] {
      rt::faultAt(e, Ctx, BURIN_RT_FAULT_TRIP_COUNT, static_cast<int32_t>(bound.getOp()), e.index(0), most);
    });
    Scalars[bound.getValue()] = e.both(again, fits);
  }
  static Value scalarTrue(Emitter &e) { return LLVM::ConstantOp::create(e.B, e.B.getI1Type(), e.B.getBoolAttr(true)); }

  void writeLaunch(Emitter &e, ops::LaunchOp launch) {
    for (auto [i, operand] : llvm::enumerate(launch->getOperands()))
      e.store(buffer(e, operand), Buffer(LaunchBuffers, Pointer, 8), e.index(static_cast<int64_t>(i)));
    for (unsigned i = 0; i < launch.getSizes().size(); ++i)
      e.store(size(e, launch.getSizes().dim(i)), Buffer(LaunchSizes, e.B.getI64Type()), e.index(i));
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(Module.getContext()), SmallVector<mlir::Type>(3, Pointer));
    LLVM::CallOp::create(e.B, type, launch.getKernel(), ValueRange{LaunchBuffers, LaunchSizes, Ctx}).setNoUnwind(true);
  }

  void writeExchange(Emitter &e, ops::ExchangeOp exchange) {
    // Through registers: it needs no memory, so none can be missing.
    Value bytes = size(e, exchange.getBytes().dim(0));
    mlir::Type byte = e.B.getI8Type();
    Buffer a(buffer(e, exchange.getA()), byte), b(buffer(e, exchange.getB()), byte);
    constexpr int64_t lanes = 64; // a processor with shorter registers takes several
    auto vector = mlir::VectorType::get({lanes}, byte);
    Value whole = e.mul(e.div(bytes, lanes), lanes);
    e.loop(e.index(0), whole, lanes, [&](Value at) {
      Value inA = e.address(a, at), inB = e.address(b, at);
      Value x = LLVM::LoadOp::create(e.B, vector, inA, 1), y = LLVM::LoadOp::create(e.B, vector, inB, 1);
      LLVM::StoreOp::create(e.B, y, inA, 1);
      LLVM::StoreOp::create(e.B, x, inB, 1);
    });
    e.loop(whole, bytes, 1, [&](Value at) {
      Value x = e.load(a, at), y = e.load(b, at);
      e.store(y, a, at);
      e.store(x, b, at);
    });
  }

  void writePrint(Emitter &e, ops::PrintOp print) {
    for (unsigned i = 0; i < print.getShape().size(); ++i)
      e.store(size(e, print.getShape().dim(i)), Buffer(LaunchSizes, e.B.getI64Type()), e.index(i));
    rt::print(e, Ctx, global(e, print.getLabel()), static_cast<int64_t>(print.getLabel().size()),
              static_cast<int32_t>(*toDtype(print.getDtype())), static_cast<int32_t>(print.getShape().size()),
              LaunchSizes, buffer(e, print.getFrom()));
  }

  func::FuncOp Entry;
  ModuleOp Module;
  OpBuilder Builder;
  mlir::Type Pointer;
  DimsAttr Places;                            // of the arena; the offsets of all but the first begin the table of sizes
  llvm::SmallVector<ArrayAttr> Workspaces;    // of launches (ArenaAttributes.h); one offset behind those of the places
  llvm::SmallVector<Dim> Computed;            // the rest of that table
  std::map<std::int64_t, unsigned> Positions; // in Computed, by word
  llvm::DenseMap<Value, unsigned> Inputs;
  llvm::DenseMap<Value, Value> Scalars;
  llvm::StringMap<std::string> Globals;
  Value Table, Sizes, Ctx, Arena, LaunchBuffers, LaunchSizes;
  LogicalResult Status = success();
};

} // namespace

template <class Op> Value SizeExpressions::exact(Value x, Value y, Value &overflow) {
  mlir::Type i1 = E.B.getI1Type();
  auto both = Op::create(E.B, LLVM::LLVMStructType::getLiteral(E.B.getContext(), {x.getType(), i1}), x, y);
  Value left = LLVM::ExtractValueOp::create(E.B, both, 1);
  overflow = overflow ? LLVM::OrOp::create(E.B, overflow, left).getResult() : left;
  return LLVM::ExtractValueOp::create(E.B, both, 0);
}

Value SizeExpressions::sum(Value x, Value y, Value &overflow) {
  if (Emitter::constantOf(x) == 0) return y;
  if (Emitter::constantOf(y) == 0) return x;
  return exact<LLVM::SAddWithOverflowOp>(x, y, overflow);
}

Value SizeExpressions::product(ArrayRef<Value> factors, Value &overflow) {
  if (llvm::any_of(factors, [](Value factor) { return Emitter::constantOf(factor) == 0; })) return E.index(0);
  Value value = E.index(1), left, none;
  for (Value factor : factors) {
    if (Emitter::constantOf(factor) == 1) continue;
    if (Emitter::constantOf(value) == 1) {
      value = factor;
      continue;
    }
    // No number but 0 overflows with 0, so one factor alone needs no look.
    value = exact<LLVM::SMulWithOverflowOp>(value, factor, left);
  }
  if (!left) return value;
  for (Value factor : factors)
    if (!Emitter::constantOf(factor)) {
      Value zero = E.equal(factor, E.index(0));
      none = none ? LLVM::OrOp::create(E.B, none, zero).getResult() : zero;
    }
  Value counts = LLVM::ConstantOp::create(E.B, E.B.getI1Type(), E.B.getBoolAttr(true));
  if (none) left = E.both(left, LLVM::XOrOp::create(E.B, none, counts));
  overflow = overflow ? LLVM::OrOp::create(E.B, overflow, left).getResult() : left;
  return value;
}

Value SizeExpressions::atom(const dims::Atom &atom, Value &overflow) {
  if (atom.kind == dims::AtomKind::name) {
    auto it = llvm::find(Names, atom.text);
    if (it == Names.end()) return {};
    return E.load(Buffer(Table, E.B.getI64Type()), E.index(it - Names.begin()));
  }
  Value result = value(atom.arguments[0], overflow);
  for (Dim next : ArrayRef(atom.arguments).drop_front()) {
    Value other = value(next, overflow);
    if (!result || !other) return {};
    result = atom.kind == dims::AtomKind::max ? E.max(result, other) : floorDiv(E, result, other);
  }
  return result;
}

Value SizeExpressions::value(Dim dim, Value &overflow) {
  if (dim.is_known()) return E.index(dim.value());
  if (dim.is_overflow()) return {};
  Value total = E.index(0);
  for (const dims::Term &term : dims::polynomial(dim)) {
    SmallVector<Value> factors;
    for (dims::AtomId id : term.atoms) {
      factors.push_back(atom(dims::atom(id), overflow));
      if (!factors.back()) return {};
    }
    factors.push_back(E.index(term.coefficient));
    total = sum(total, product(factors, overflow), overflow);
  }
  return total;
}

LogicalResult lowerHostProgram(func::FuncOp entry, ModuleOp module) { return HostLowering(entry, module).run(); }

} // namespace burin::codegen::host
