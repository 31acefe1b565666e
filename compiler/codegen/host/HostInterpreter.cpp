// Walks a host program and does what it says.
#include "compiler/codegen/host/HostInterpreter.h"

#include "compiler/ir/ArenaAttributes.h"
#include "compiler/ir/Dialect.h"
#include "compiler/ir/KernelAttributes.h"
#include "compiler/ir/Types.h"
#include "runtime/ops/bytes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstring>

using namespace mlir;

namespace burin::codegen::host {
namespace {
using namespace burin::ir;
namespace ops = burin::ir::host;

class Walker {
public:
  Walker(func::FuncOp entry, std::span<void *const> buffers, std::span<const std::int64_t> sizes,
         const HostMachine &machine)
      : Machine(machine) {
    for (auto [argument, buffer] : llvm::zip(entry.getArguments(), buffers)) Buffers[argument] = buffer;
    if (auto names = entry->getAttrOfType<ArrayAttr>(sizesAttrName))
      for (auto [name, size] : llvm::zip(names.getAsRange<StringAttr>(), sizes)) Names.push_back({name.str(), size});
    for (auto &[name, size] : Names) Bindings.push_back({name, size});
    if (auto bytes = place(entry)) Arena = Buffer::allocate(*bytes);
  }

  HostStatus run(mlir::Block &block) {
    for (Operation &op : block.without_terminator())
      if (HostStatus status = step(op); status != HostStatus::done) return status;
    return HostStatus::done;
  }
  bool ready() const { return static_cast<bool>(Arena); }

private:
  /// Checks what the call needs, notes where each place of the arena begins, and gives the bytes of all.
  std::optional<std::int64_t> place(func::FuncOp entry) {
    if (auto checks = entry->getAttrOfType<ArrayAttr>(ir::checksAttrName))
      for (auto check : checks.getAsRange<ArrayAttr>()) {
        auto factors = cast<DimsAttr>(check[1]);
        Dim bytes = 1, empty = 1;
        for (unsigned i = 0; i < factors.size(); ++i) {
          Dim factor = substitute(factors.dim(i), Bindings);
          if (factor.is_overflow()) return std::nullopt;
          if (factor == Dim(0)) empty = 0;
          bytes = bytes * factor;
        }
        if (empty == Dim(1) && (bytes.is_overflow() || bytes.value() > max_bytes)) return std::nullopt;
      }
    std::int64_t total = 0;
    auto places = entry->getAttrOfType<DimsAttr>(ir::arenaAttrName);
    for (unsigned k = 0; k < places.size(); ++k) {
      Dim bytes = substitute(places.dim(k), Bindings);
      if (!bytes.is_known() || bytes.value() > max_bytes - total) return std::nullopt;
      Places.push_back(total);
      total += (bytes.value() + 63) / 64 * 64;
    }
    // Launches work in what lies behind, one after the other, as one worker each.
    Places.push_back(total);
    std::int64_t most = 0;
    if (auto pairs = entry->getAttrOfType<ArrayAttr>(ir::workspacesAttrName))
      for (auto pair : pairs.getAsRange<ArrayAttr>()) {
        std::int64_t here = 0;
        for (unsigned k = 0; k < 2; ++k) {
          Dim bytes = substitute(cast<DimsAttr>(pair[1]).dim(k), Bindings);
          if (!bytes.is_known() || bytes.value() > max_bytes - total - here) return std::nullopt;
          here += (bytes.value() + 63) / 64 * 64;
        }
        most = std::max(most, here);
      }
    return total + most;
  }
  static std::size_t placeOf(ops::SlotOp slot) {
    auto place = slot->getAttrOfType<IntegerAttr>(ir::placeAttrName);
    return place ? static_cast<std::size_t>(place.getInt()) : 0;
  }
  std::int64_t size(DimsAttr dims, unsigned i) const { return substitute(dims.dim(i), Bindings).value(); }
  std::vector<std::int64_t> sizes(DimsAttr dims) const {
    std::vector<std::int64_t> result;
    for (unsigned i = 0; i < dims.size(); ++i) result.push_back(size(dims, i));
    return result;
  }
  char *at(Value buffer) { return static_cast<char *>(Buffers.lookup(buffer)); }

  bool faulted() const { return Exceeded || (Machine.faulted && Machine.faulted()); }
  void hand(ValueRange from, ValueRange to) {
    for (auto [value, into] : llvm::zip(from, to)) Scalars[into] = Scalars.lookup(value);
  }

  HostStatus step(Operation &op) {
    if (auto slot = dyn_cast<ops::SlotOp>(op)) {
      Buffers[slot.getBuffer()] =
          static_cast<char *>(Arena.mutable_data()) + Places[placeOf(slot)] + size(slot.getOffset(), 0);
    } else if (auto workspace = dyn_cast<ops::WorkspaceOp>(op)) {
      Buffers[workspace.getBuffer()] =
          static_cast<char *>(Arena.mutable_data()) + Places.back() + size(workspace.getOffset(), 0);
    } else if (auto bytes = dyn_cast<ops::BytesOp>(op)) {
      Kept.push_back(toHostTensor(cast<DenseElementsAttr>(bytes.getValue())));
      Buffers[bytes.getBuffer()] = Kept.back().buffer.mutable_data();
    } else if (auto launch = dyn_cast<ops::LaunchOp>(op)) {
      std::vector<void *> buffers;
      for (Value operand : launch->getOperands()) buffers.push_back(at(operand));
      if (failed(Machine.launch(launch.getKernel(), buffers, sizes(launch.getSizes())))) return HostStatus::failed;
    } else if (auto copy = dyn_cast<ops::CopyOp>(op)) {
      std::memmove(at(copy.getTo()), at(copy.getFrom()), static_cast<std::size_t>(size(copy.getBytes(), 0)));
    } else if (auto exchange = dyn_cast<ops::ExchangeOp>(op)) {
      std::swap_ranges(at(exchange.getA()), at(exchange.getA()) + size(exchange.getBytes(), 0), at(exchange.getB()));
    } else if (auto load = dyn_cast<ops::LoadOp>(op)) {
      Scalars[load.getValue()] = *at(load.getFrom()) != 0;
    } else if (auto print = dyn_cast<ops::PrintOp>(op)) {
      if (Machine.print)
        Machine.print(print.getLabel(), *toDtype(print.getDtype()), sizes(print.getShape()), at(print.getFrom()));
    } else if (isa<ops::CheckFaultsOp>(op)) {
      if (faulted()) return HostStatus::faulted;
    } else if (isa<ops::FaultedOp>(op)) {
      Scalars[op.getResult(0)] = faulted();
    } else if (auto bound = dyn_cast<ops::BoundOp>(op)) {
      std::int64_t most = size(bound.getMost(), 0);
      bool again = Scalars.lookup(bound.getAgain()) != 0, exceeds = again && Scalars.lookup(bound.getTrips()) >= most;
      if (exceeds) Exceeded = true;
      if (exceeds && Machine.fault)
        Machine.fault(BURIN_RT_FAULT_TRIP_COUNT, static_cast<std::int32_t>(bound.getOp()), 0, most);
      Scalars[bound.getValue()] = again && !exceeds;
    } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      Scalars[constant.getResult()] = cast<IntegerAttr>(constant.getValue()).getValue().getZExtValue();
    } else if (auto add = dyn_cast<arith::AddIOp>(op)) {
      Scalars[add.getResult()] = Scalars.lookup(add.getLhs()) + Scalars.lookup(add.getRhs());
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      mlir::Block &taken = Scalars.lookup(branch.getCondition()) ? *branch.thenBlock() : *branch.elseBlock();
      if (HostStatus status = run(taken); status != HostStatus::done) return status;
      hand(taken.getTerminator()->getOperands(), branch.getResults());
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      mlir::Block &test = loop.getBefore().front(), &body = loop.getAfter().front();
      hand(loop.getInits(), test.getArguments());
      for (;;) {
        if (HostStatus status = run(test); status != HostStatus::done) return status;
        auto condition = cast<scf::ConditionOp>(test.getTerminator());
        if (!Scalars.lookup(condition.getCondition())) return HostStatus::done;
        hand(condition.getArgs(), body.getArguments());
        if (HostStatus status = run(body); status != HostStatus::done) return status;
        hand(body.getTerminator()->getOperands(), test.getArguments());
      }
    } else {
      op.emitOpError("is no op of a host program");
      return HostStatus::failed;
    }
    return HostStatus::done;
  }

  const HostMachine &Machine;
  llvm::DenseMap<Value, void *> Buffers;
  llvm::DenseMap<Value, std::int64_t> Scalars;
  bool Exceeded = false; // a loop, its bound
  std::vector<std::pair<std::string, std::int64_t>> Names;
  std::vector<DimBinding> Bindings;
  std::vector<HostTensor> Kept;
  Buffer Arena;
  std::vector<std::int64_t> Places; // where each begins
};

} // namespace

HostStatus interpretHostProgram(func::FuncOp entry, std::span<void *const> buffers, std::span<const std::int64_t> sizes,
                                const HostMachine &machine) {
  Walker walker(entry, buffers, sizes, machine);
  return walker.ready() ? walker.run(entry.getBody().front()) : HostStatus::refused;
}

} // namespace burin::codegen::host
