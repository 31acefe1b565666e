// Ahead-of-time objects: the C function around a compiled graph, the data by which burin_rt checks its arguments; the
// header that says how to call it is AotHeader.cpp's. The object needs `burin_rt_aot_call` and memcpy from its linker, nothing else.
#include "compiler/driver/AotHeader.h"
#include "compiler/driver/Compile.h"

#include "compiler/graph/interpret.h"
#include "compiler/graph/print.h"

#include <burin/rt/state.h>

using namespace mlir;

namespace burin::compiler {
namespace {

/// What burin_rt_aot_call reads, laid out by rt.h.
class Describe {
public:
  Describe(const Graph &graph, const Compiled &compiled, const AotOptions &options) : Sizes(compiled.sizes) {
    F.Symbol = options.symbol;
    F.Sizes = compiled.sizes;
    F.NumOutputs = static_cast<std::int64_t>(graph.outputs().size());
    F.NumBlobs = static_cast<std::int64_t>(compiled.blobs.size());
    text(options.symbol);
    std::string features;
    for (const std::string &feature : compiled.target->required()) features += (features.empty() ? "" : ",") + feature;
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
    for (auto [i, input] : llvm::enumerate(graph.inputs())) {
      bool captured = input.kind == InputKind::capture;
      const AotVariable *variable = findVariable(options, i);
      argumentOf.push_back(captured ? -1 : F.NumArguments);
      record(graph.type(input.value), captured ? -1 - captures++ : F.NumArguments++,
             variable ? variable->name : input.name);
    }
    for (const Output &output : graph.outputs()) {
      bool state = output.kind == OutputKind::state;
      record(graph.type(output.value), state ? -1 - argumentOf[*output.overwrites] : F.NumResults++, output.name);
    }
    for (const Guard &guard : graph.guards()) {
      F.Guards.push_back(static_cast<std::int64_t>(guard.kind));
      F.Guards.push_back(computed(guard.lhs));
      F.Guards.push_back(computed(guard.rhs));
    }
    if (options.state != AotOptions::State::owned) return;
    for (const AotVariable &variable : options.variables) {
      F.StateRecords.push_back(variable.input);
      F.StateRecords.push_back(static_cast<std::int64_t>(F.StateValues.size()));
      F.StateValues.append(variable.value.data<char>(), static_cast<std::size_t>(variable.value.num_bytes()));
      F.StateValues.resize(llvm::alignTo(F.StateValues.size(), BURIN_RT_ALIGNMENT), '\0');
    }
  }
  codegen::CFunction F;

private:
  std::int64_t text(const std::string &s) {
    auto at = static_cast<std::int64_t>(F.Strings.size());
    F.Strings += s;
    F.Strings.push_back('\0');
    return at;
  }
  std::int64_t computed(Dim dim) {
    auto it = llvm::find(F.Computed, dim);
    auto index = it - F.Computed.begin();
    if (it == F.Computed.end()) F.Computed.push_back(dim);
    return index;
  }
  std::int64_t sizeWord(Dim dim) {
    if (dim.is_known()) return dim.value();
    for (auto [i, name] : llvm::enumerate(Sizes))
      if (dim == Dim(name)) return -1 - static_cast<std::int64_t>(i);
    return -1 - static_cast<std::int64_t>(Sizes.size()) - computed(dim);
  }
  void record(const TensorType &type, std::int64_t source, const std::string &name) {
    std::int64_t words[BURIN_RT_AOT_RECORD] = {static_cast<std::int64_t>(type.dtype), type.shape.rank(), source,
                                               text(printable(name))};
    for (int d = 0; d < type.shape.rank(); ++d) words[4 + d] = sizeWord(type.shape[static_cast<std::size_t>(d)]);
    F.Records.insert(F.Records.end(), std::begin(words), std::end(words));
  }
  const std::vector<std::string> &Sizes;
};

/// Both copies of what an object owns, and its code, are within reach of each other's 32-bit distances.
constexpr std::int64_t maxOwnedBytes = std::int64_t{1} << 29;

Result<void> checkVariables(const Graph &graph, const AotOptions &options) {
  const bool owned = options.state == AotOptions::State::owned;
  std::int64_t bytes = 0, next = 0;
  for (const AotVariable &variable : options.variables) {
    auto refuse = [&](const std::string &why, const std::string &hint = {}) {
      return Error{ErrorCode::unsupported,
                   "burinc: " + options.symbol + ": the variable '" + printable(variable.name) + "' " + why,
                   "state",
                   {},
                   hint};
    };
    if (variable.input < next || variable.input >= graph.inputs().size() ||
        graph.inputs()[variable.input].kind != InputKind::state)
      return refuse("belongs to no input of the graph");
    next = std::int64_t{variable.input} + 1;
    if (!owned) continue;
    const TensorType type = graph.type(graph.inputs()[variable.input].value);
    if (llvm::any_of(type.shape, [](Dim d) { return !d.is_known(); }))
      return refuse("is " + to_string(type) + ": what the object owns has no named sizes", "give --state=arguments");
    if (variable.value.type != type)
      return refuse("is " + to_string(type) + ", its value " + to_string(variable.value.type));
    bytes += std::min(variable.value.num_bytes(), maxOwnedBytes + 1) + BURIN_RT_ALIGNMENT;
    if (bytes > maxOwnedBytes)
      return refuse("is " + to_string(type) + ": with it the object would own more than 2^29 bytes",
                    "give --state=arguments");
  }
  return {};
}

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
  if (auto ok = checkVariables(graph, options); !ok) return ok.error();
  if (options.state == AotOptions::State::owned)
    for (const char *suffix : codegen::stateFunctions)
      if (auto ok = checkSymbol(options.symbol + suffix); !ok) return ok.error();
  auto describe = [&](const Compiled &compiled) {
    codegen::CFunction function = Describe(graph, compiled, options).F;
    for (const HostTensor &value : options.captures) function.Constants.push_back(&value);
    for (const auto &blob : compiled.blobs) function.Constants.push_back(&blob->value);
    return function;
  };
  auto compiled = compileGraph(request, describe);
  if (!compiled) return compiled.error();
  AotResult result;
  auto object = compiled->section("elf");
  if (!object) return object.error();
  result.object = std::move(**object);
  result.header = headerText(graph, *compiled->target, compiled->sizes, options);
  result.architecture = compiled->target->architecture();
  result.report = std::move(compiled->report);
  return result;
}

} // namespace burin::compiler
