// See CFunction.h. The function hands its arguments, with a description of itself, to burin_rt_aot_call; one that owns state
// hands a description of that to the functions of state.h.
#include "compiler/codegen/cpu/CFunction.h"

#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/host/HostToLlvm.h"
#include "compiler/ir/KernelAttributes.h"
#include "runtime/core/aot.h"

#include <burin/rt/state.h>

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

class EntryWriter {
public:
  EntryWriter(ModuleOp module, const CFunction &function, const CpuTarget &target)
      : Module(module), F(function), Target(target), Builder(module.getContext()),
        Pointer(LLVM::LLVMPointerType::get(module.getContext())), I64(Builder.getI64Type()),
        Void(LLVM::LLVMVoidType::get(module.getContext())) {}

  std::vector<std::string> write() {
    // Names of kernels are not for the linker: objects of several functions go into one program.
    for (auto function : Module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal()) {
        function.setVisibility_(LLVM::Visibility::Default);
        function.setLinkage(LLVM::Linkage::Internal);
      }
    SymbolTable symbols(Module);
    std::vector<std::string> taken{F.Symbol}; // the user's names are the user's
    if (!F.StateRecords.empty())
      for (const char *suffix : stateFunctions) taken.push_back(F.Symbol + suffix);
    for (const std::string &name : taken)
      if (Operation *kernel = symbols.lookup(name))
        if (failed(symbols.rename(kernel, name + ".kernel")))
          llvm_unreachable("no symbol of ours has a dot but blocks'");
    writeCompute();
    for (auto [i, constant] : llvm::enumerate(F.Constants))
      data("burin_constant." + std::to_string(i),
           StringRef(constant->data<char>(), static_cast<std::size_t>(constant->num_bytes())));
    data("burin_records", bytes(F.Records));
    data("burin_guards", bytes(F.Guards));
    data("burin_strings", F.Strings);
    if (F.StateRecords.empty()) {
      writeFunction("", "burin_rt_aot_call", {Pointer, Pointer});
      return Called;
    }
    data("burin_state_records", bytes(F.StateRecords));
    data("burin_state_values", F.StateValues);
    stateMemory();
    writeFunction("", "burin_rt_state_call", {Pointer, Pointer});
    for (StringRef suffix : stateFunctions) {
      SmallVector<mlir::Type> types;
      if (suffix == "_get") types = {I64, Pointer};
      if (suffix == "_save" || suffix == "_load") types = {Pointer};
      writeFunction(suffix, ("burin_rt_state" + suffix).str(), types);
    }
    return Called;
  }

private:
  /// `SYMBOL<suffix>` of arguments of these types: `callee` with a description before them.
  void writeFunction(StringRef suffix, const std::string &callee, ArrayRef<mlir::Type> types) {
    Called.push_back(callee);
    Builder.setInsertionPointToEnd(Module.getBody());
    Location loc = Module.getLoc();
    SmallVector<mlir::Type> all{Pointer};
    llvm::append_range(all, types);
    auto calls = LLVM::LLVMFuncOp::create(Builder, loc, callee, LLVM::LLVMFunctionType::get(Builder.getI32Type(), all));
    auto function = LLVM::LLVMFuncOp::create(Builder, loc, F.Symbol + suffix.str(),
                                             LLVM::LLVMFunctionType::get(Builder.getI32Type(), types));
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    Emitter e(Builder, loc, Target);
    SmallVector<Value> operands{F.StateRecords.empty() ? describe(e) : describeState(e)};
    llvm::append_range(operands, function.getArguments());
    auto call = LLVM::CallOp::create(e.B, calls, operands);
    LLVM::ReturnOp::create(e.B, call.getResult());
  }

  /// A burin_rt_aot_function on the stack.
  Value describe(Emitter &e) {
    auto count = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    Value table =
        LLVM::AllocaOp::create(e.B, Pointer, Pointer, e.index(std::max<std::int64_t>(1, count(F.Constants.size()))), 8);
    for (auto [i, constant] : llvm::enumerate(F.Constants))
      e.store(address(e, "burin_constant." + std::to_string(i)), cpu::Buffer(table, Pointer, 8), e.index(count(i)));
    Value words[] = {e.index(BURIN_RT_ABI_VERSION),
                     e.index(BURIN_RT_FUNCTIONS_VERSION),
                     e.index(count(F.Records.size() / BURIN_RT_AOT_RECORD) - F.NumOutputs),
                     e.index(F.NumOutputs),
                     e.index(F.NumArguments),
                     e.index(F.NumResults),
                     e.index(count(F.Sizes.size())),
                     e.index(count(F.Computed.size())),
                     e.index(count(F.Guards.size() / 3)),
                     address(e, "burin_records"),
                     address(e, "burin_guards"),
                     address(e, "burin_strings"),
                     address(e, "burin_compute_sizes"),
                     address(e, ir::entryName),
                     table,
                     e.index(F.NumBlobs)};
    static_assert(sizeof(burin_rt_aot_function) == sizeof words / sizeof words[0] * 8);
    return store(e, words);
  }
  /// A burin_rt_state on the stack.
  Value describeState(Emitter &e) {
    Value words[] = {describe(e),
                     e.index(static_cast<std::int64_t>(F.StateRecords.size() / BURIN_RT_STATE_RECORD)),
                     e.index(static_cast<std::int64_t>(F.StateValues.size())),
                     address(e, "burin_state_records"),
                     address(e, "burin_state_values"),
                     address(e, "burin_state")};
    static_assert(sizeof(burin_rt_state) == sizeof words / sizeof words[0] * 8);
    return store(e, words);
  }
  Value store(Emitter &e, ArrayRef<Value> words) {
    Value memory = LLVM::AllocaOp::create(e.B, Pointer, I64, e.index(static_cast<std::int64_t>(words.size())), 8);
    for (auto [i, word] : llvm::enumerate(words))
      e.store(word, cpu::Buffer(memory, word.getType(), 8), e.index(static_cast<std::int64_t>(i)));
    return memory;
  }
  Value address(Emitter &e, StringRef name) { return LLVM::AddressOfOp::create(e.B, Pointer, name); }

  static StringRef bytes(const std::vector<std::int64_t> &words) {
    return {reinterpret_cast<const char *>(words.data()), words.size() * sizeof(std::int64_t)};
  }
  void data(const std::string &name, StringRef content) {
    std::string held = content.empty() ? std::string(8, '\0') : content.str();
    auto type = LLVM::LLVMArrayType::get(Builder.getI8Type(), static_cast<unsigned>(held.size()));
    OpBuilder atStart = OpBuilder::atBlockBegin(Module.getBody());
    LLVM::GlobalOp::create(atStart, Module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           atStart.getStringAttr(held), /*alignment=*/64);
  }
  /// Zeros, which take no room in the object.
  void stateMemory() {
    auto size = static_cast<unsigned>(BURIN_RT_STATE_CONTROL + F.StateValues.size());
    OpBuilder atStart = OpBuilder::atBlockBegin(Module.getBody());
    LLVM::GlobalOp::create(atStart, Module.getLoc(), LLVM::LLVMArrayType::get(Builder.getI8Type(), size),
                           /*isConstant=*/false, LLVM::Linkage::Internal, "burin_state",
                           LLVM::ZeroAttr::get(Module.getContext()), /*alignment=*/64);
  }
  void writeCompute() {
    Builder.setInsertionPointToEnd(Module.getBody());
    auto function =
        LLVM::LLVMFuncOp::create(Builder, Module.getLoc(), "burin_compute_sizes",
                                 LLVM::LLVMFunctionType::get(Void, {Pointer, Pointer}), LLVM::Linkage::Internal);
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    Emitter e(Builder, Module.getLoc(), Target);
    host::SizeExpressions sizes(e, F.Sizes, function.getArgument(0));
    for (auto [i, dim] : llvm::enumerate(F.Computed)) {
      Value overflow, value = sizes.value(dim, overflow), none = e.index(burin::rt::aot_no_size);
      if (!value) value = none;
      if (overflow) value = e.select(overflow, none, value);
      e.store(value, cpu::Buffer(function.getArgument(1), I64), e.index(static_cast<std::int64_t>(i)));
    }
    LLVM::ReturnOp::create(e.B, ValueRange{});
  }

  ModuleOp Module;
  const CFunction &F;
  const CpuTarget &Target;
  OpBuilder Builder;
  mlir::Type Pointer, I64, Void;
  std::vector<std::string> Called;
};

} // namespace

std::vector<std::string> writeCFunction(ModuleOp Module, const CFunction &F, const CpuTarget &Target) {
  return EntryWriter(Module, F, Target).write();
}

} // namespace burin::codegen::cpu
