// Ahead-of-time objects: the C function around a compiled graph and the data by which burin_rt checks its arguments; the
// header that says how to call it is AotHeader.cpp's. The object needs `burin_rt_aot_call` and memcpy from its linker, nothing else.
#include "compiler/driver/AotHeader.h"
#include "compiler/driver/Compile.h"

#include "compiler/codegen/cpu/Emitter.h"
#include "compiler/codegen/host/HostToLlvm.h"
#include "compiler/graph/interpret.h"
#include "compiler/graph/print.h"
#include "passes/Passes.h"
#include "runtime/core/aot.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace burin::compiler {
namespace {

/// What burin_rt_aot_call reads, laid out by rt.h.
struct Tables {
  std::vector<std::int64_t> records, guards;
  std::string strings;
  std::vector<Dim> computed;
  std::int64_t numArguments = 0, numResults = 0;
};

class Describe {
public:
  Describe(const Graph &graph, const Compiled &compiled, const std::string &symbol)
      : Source(graph), Sizes(compiled.sizes) {
    text(symbol);
    std::string features;
    for (const std::string &feature : compiled.target.Required) features += (features.empty() ? "" : ",") + feature;
    text(features);
    // What a failed call is told, in the words of eager execution.
    std::string faults, guards;
    for (std::uint32_t i = 0; i < graph.num_ops(); ++i) {
      const OpInfo &info = op_info(graph.op(OpId{i}).kind);
      if (has(info.effects, Effect::may_fault))
        faults +=
            std::to_string(i) + " " + std::string(info.mnemonic) + " " + printable(place_of(graph, OpId{i})) + "\n";
    }
    for (const Guard &guard : graph.guards()) guards += to_string(guard) + "\n";
    text(faults);
    text(guards);
    std::int64_t captures = 0;
    std::vector<std::int64_t> argumentOf;
    for (const Input &input : graph.inputs()) {
      bool captured = input.kind == InputKind::capture;
      argumentOf.push_back(captured ? -1 : T.numArguments);
      record(graph.type(input.value), captured ? -1 - captures++ : T.numArguments++, input.name);
    }
    for (const Output &output : graph.outputs()) {
      bool state = output.kind == OutputKind::state;
      record(graph.type(output.value), state ? -1 - argumentOf[output.state] : T.numResults++, output.name);
    }
    for (const Guard &guard : graph.guards()) {
      T.guards.push_back(static_cast<std::int64_t>(guard.kind));
      T.guards.push_back(computed(guard.lhs));
      T.guards.push_back(computed(guard.rhs));
    }
  }
  Tables T;

private:
  std::int64_t text(const std::string &s) {
    auto at = static_cast<std::int64_t>(T.strings.size());
    T.strings += s;
    T.strings.push_back('\0');
    return at;
  }
  std::int64_t computed(Dim dim) {
    auto it = llvm::find(T.computed, dim);
    auto index = it - T.computed.begin();
    if (it == T.computed.end()) T.computed.push_back(dim);
    return index;
  }
  std::int64_t sizeWord(Dim dim) {
    if (dim.is_known()) return dim.value();
    for (auto [i, name] : llvm::enumerate(Sizes))
      if (dim == Dim(name)) return -1 - static_cast<std::int64_t>(i);
    return BURIN_RT_AOT_COMPUTED - computed(dim);
  }
  void record(const TensorType &type, std::int64_t source, const std::string &name) {
    std::int64_t words[BURIN_RT_AOT_RECORD] = {static_cast<std::int64_t>(type.dtype), type.shape.rank(), source,
                                               text(printable(name))};
    for (int d = 0; d < type.shape.rank(); ++d) words[4 + d] = sizeWord(type.shape[static_cast<std::size_t>(d)]);
    T.records.insert(T.records.end(), std::begin(words), std::end(words));
  }
  const Graph &Source;
  const std::vector<std::string> &Sizes;
};

class EntryWriter {
public:
  EntryWriter(ModuleOp module, const Compiled &compiled, const Tables &tables)
      : Module(module), Out(compiled), T(tables), Builder(module.getContext()),
        Pointer(LLVM::LLVMPointerType::get(module.getContext())), I64(Builder.getI64Type()),
        Void(LLVM::LLVMVoidType::get(module.getContext())) {}

  void write(const std::string &symbol, const std::vector<const HostTensor *> &constants, std::size_t numBlobs) {
    // Names of kernels are not for the linker: objects of several functions go into one program.
    for (auto function : Module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal()) {
        function.setVisibility_(LLVM::Visibility::Default);
        function.setLinkage(LLVM::Linkage::Internal);
      }
    SymbolTable symbols(Module);
    if (Operation *kernel = symbols.lookup(symbol)) // the user's name is the user's
      if (failed(symbols.rename(kernel, symbol + ".kernel")))
        llvm_unreachable("no symbol of ours has a dot but blocks'");
    writeCompute();
    Builder.setInsertionPointToEnd(Module.getBody());
    Location loc = Module.getLoc();
    auto callee =
        LLVM::LLVMFuncOp::create(Builder, loc, "burin_rt_aot_call",
                                 LLVM::LLVMFunctionType::get(Builder.getI32Type(), {Pointer, Pointer, Pointer}));
    auto function = LLVM::LLVMFuncOp::create(Builder, loc, symbol,
                                             LLVM::LLVMFunctionType::get(Builder.getI32Type(), {Pointer, Pointer}));
    Builder.setInsertionPointToStart(function.addEntryBlock(Builder));
    codegen::cpu::Emitter e(Builder, loc, Out.target);
    auto count = [&](std::size_t n) { return static_cast<std::int64_t>(n); };
    Value table =
        LLVM::AllocaOp::create(e.B, Pointer, Pointer, e.index(std::max<std::int64_t>(1, count(constants.size()))), 8);
    for (auto [i, constant] : llvm::enumerate(constants))
      e.store(data("burin_constant." + std::to_string(i),
                   StringRef(constant->data<char>(), static_cast<std::size_t>(constant->num_bytes()))),
              codegen::cpu::Buffer(table, Pointer, 8), e.index(count(i)));
    Value words[] = {e.index(BURIN_RT_ABI_VERSION),
                     e.index(count(T.records.size() / BURIN_RT_AOT_RECORD) - numOutputs),
                     e.index(numOutputs),
                     e.index(T.numArguments),
                     e.index(T.numResults),
                     e.index(count(Out.sizes.size())),
                     e.index(count(T.computed.size())),
                     e.index(count(T.guards.size() / 3)),
                     data("burin_records", bytes(T.records)),
                     data("burin_guards", bytes(T.guards)),
                     data("burin_strings", T.strings),
                     LLVM::AddressOfOp::create(e.B, Pointer, "burin_compute_sizes"),
                     LLVM::AddressOfOp::create(e.B, Pointer, ir::entryName),
                     table,
                     e.index(count(numBlobs))};
    static_assert(sizeof(burin_rt_aot_function) == sizeof words / sizeof words[0] * 8);
    Value description =
        LLVM::AllocaOp::create(e.B, Pointer, I64, e.index(static_cast<std::int64_t>(std::size(words))), 8);
    for (auto [i, word] : llvm::enumerate(words))
      e.store(word, codegen::cpu::Buffer(description, word.getType(), 8), e.index(static_cast<std::int64_t>(i)));
    auto call =
        LLVM::CallOp::create(e.B, callee, ValueRange{description, function.getArgument(0), function.getArgument(1)});
    LLVM::ReturnOp::create(e.B, call.getResult());
  }
  std::int64_t numOutputs = 0;

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
    codegen::cpu::Emitter e(Builder, Module.getLoc(), Out.target);
    codegen::host::SizeExpressions sizes(e, Out.sizes, function.getArgument(0));
    for (auto [i, dim] : llvm::enumerate(T.computed)) {
      Value overflow, value = sizes.value(dim, overflow), none = e.index(rt::aot_no_size);
      if (!value) value = none;
      if (overflow) value = e.select(overflow, none, value);
      e.store(value, codegen::cpu::Buffer(function.getArgument(1), I64), e.index(static_cast<std::int64_t>(i)));
    }
    LLVM::ReturnOp::create(e.B, ValueRange{});
  }

  ModuleOp Module;
  const Compiled &Out;
  const Tables &T;
  OpBuilder Builder;
  mlir::Type Pointer, I64, Void;
};

} // namespace

Result<AotResult> compileAheadOfTime(const Request &request, const AotOptions &options) {
  if (auto ok = checkSymbol(options.symbol); !ok) return ok.error();
  const Graph &graph = *request.graph;
  auto captures = static_cast<std::size_t>(
      llvm::count_if(graph.inputs(), [](const Input &i) { return i.kind == InputKind::capture; }));
  if (captures != options.captures.size())
    return Error{ErrorCode::invalid_argument,
                 "burinc: the graph captures " + std::to_string(captures) + " tensors, values of " +
                     std::to_string(options.captures.size()) + " were given",
                 "captures"};
  Extension extension;
  extension.externals = {"burin_rt_aot_call"};
  extension.extend = [&](ModuleOp module, const Compiled &compiled) -> Result<void> {
    Describe describe(graph, compiled, options.symbol);
    std::vector<const HostTensor *> constants;
    for (const HostTensor &value : options.captures) constants.push_back(&value);
    for (const auto &blob : compiled.blobs) constants.push_back(&blob->value);
    EntryWriter writer(module, compiled, describe.T);
    writer.numOutputs = static_cast<std::int64_t>(graph.outputs().size());
    writer.write(options.symbol, constants, compiled.blobs.size());
    return {};
  };
  auto compiled = compileGraph(request, extension);
  if (!compiled) return compiled.error();
  AotResult result;
  result.object = std::move(compiled->object);
  result.header = headerText(graph, compiled->target, compiled->sizes, options.symbol);
  result.report = std::move(compiled->report);
  return result;
}

} // namespace burin::compiler
