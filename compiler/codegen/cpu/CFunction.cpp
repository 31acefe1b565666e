// See CFunction.h. The function hands its arguments, with a description of itself, to burin_rt_aot_call.
#include "compiler/codegen/cpu/CFunction.h"

#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/host/HostToLlvm.h"
#include "compiler/ir/KernelAttributes.h"
#include "runtime/core/aot.h"

#include <burin/rt/rt.h>

namespace burin::codegen::cpu {
using namespace mlir;

namespace {

class EntryWriter {
public:
  EntryWriter(ModuleOp module, const CFunction &function, const CpuTarget &target)
      : Module(module), F(function), Target(target), Builder(module.getContext()),
        Pointer(LLVM::LLVMPointerType::get(module.getContext())), I64(Builder.getI64Type()),
        Void(LLVM::LLVMVoidType::get(module.getContext())) {}

  void write() {
    // Names of kernels are not for the linker: objects of several functions go into one program.
    for (auto function : Module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal()) {
        function.setVisibility_(LLVM::Visibility::Default);
        function.setLinkage(LLVM::Linkage::Internal);
      }
    SymbolTable symbols(Module);
    if (Operation *kernel = symbols.lookup(F.Symbol)) // the user's name is the user's
      if (failed(symbols.rename(kernel, F.Symbol + ".kernel")))
        llvm_unreachable("no symbol of ours has a dot but blocks'");
    writeCompute();
    Builder.setInsertionPointToEnd(Module.getBody());
    Location loc = Module.getLoc();
    auto callee =
        LLVM::LLVMFuncOp::create(Builder, loc, "burin_rt_aot_call",
                                 LLVM::LLVMFunctionType::get(Builder.getI32Type(), {Pointer, Pointer, Pointer}));
    auto function = LLVM::LLVMFuncOp::create(Builder, loc, F.Symbol,
                                             LLVM::LLVMFunctionType::get(Builder.getI32Type(), {Pointer, Pointer}));
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    Emitter e(Builder, loc, Target);
    auto count = [&](std::size_t n) { return static_cast<std::int64_t>(n); };
    Value table =
        LLVM::AllocaOp::create(e.B, Pointer, Pointer, e.index(std::max<std::int64_t>(1, count(F.Constants.size()))), 8);
    for (auto [i, constant] : llvm::enumerate(F.Constants))
      e.store(data("burin_constant." + std::to_string(i),
                   StringRef(constant->data<char>(), static_cast<std::size_t>(constant->num_bytes()))),
              cpu::Buffer(table, Pointer, 8), e.index(count(i)));
    Value words[] = {e.index(BURIN_RT_ABI_VERSION),
                     e.index(BURIN_RT_FUNCTIONS_VERSION),
                     e.index(count(F.Records.size() / BURIN_RT_AOT_RECORD) - F.NumOutputs),
                     e.index(F.NumOutputs),
                     e.index(F.NumArguments),
                     e.index(F.NumResults),
                     e.index(count(F.Sizes.size())),
                     e.index(count(F.Computed.size())),
                     e.index(count(F.Guards.size() / 3)),
                     data("burin_records", bytes(F.Records)),
                     data("burin_guards", bytes(F.Guards)),
                     data("burin_strings", F.Strings),
                     LLVM::AddressOfOp::create(e.B, Pointer, "burin_compute_sizes"),
                     LLVM::AddressOfOp::create(e.B, Pointer, ir::entryName),
                     table,
                     e.index(F.NumBlobs)};
    static_assert(sizeof(burin_rt_aot_function) == sizeof words / sizeof words[0] * 8);
    Value description =
        LLVM::AllocaOp::create(e.B, Pointer, I64, e.index(static_cast<std::int64_t>(std::size(words))), 8);
    for (auto [i, word] : llvm::enumerate(words))
      e.store(word, cpu::Buffer(description, word.getType(), 8), e.index(static_cast<std::int64_t>(i)));
    auto call =
        LLVM::CallOp::create(e.B, callee, ValueRange{description, function.getArgument(0), function.getArgument(1)});
    LLVM::ReturnOp::create(e.B, call.getResult());
  }

private:
  static StringRef bytes(const std::vector<std::int64_t> &words) {
    return {reinterpret_cast<const char *>(words.data()), words.size() * sizeof(std::int64_t)};
  }
  Value data(const std::string &name, StringRef content) {
    std::string held = content.empty() ? std::string(8, '\0') : content.str();
    auto type = LLVM::LLVMArrayType::get(Builder.getI8Type(), static_cast<unsigned>(held.size()));
    OpBuilder atStart = OpBuilder::atBlockBegin(Module.getBody());
    LLVM::GlobalOp::create(atStart, Module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           atStart.getStringAttr(held), /*alignment=*/64);
    return LLVM::AddressOfOp::create(Builder, Module.getLoc(), Pointer, name);
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
};

} // namespace

void writeCFunction(ModuleOp Module, const CFunction &F, const CpuTarget &Target) {
  EntryWriter(Module, F, Target).write();
}

} // namespace burin::codegen::cpu
